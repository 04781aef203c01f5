//! OpenID Foundation's relying-party plan "RP-Initiated Logout": each of its
//! modules, under its own name.

use logto_dev_provider::Endpoint;
use rocket_logto::ResponseMode;
use url::Url;

use crate::support::app::ALICE;
use crate::support::browser::query;
use crate::support::conformance::{CLIENT_ID, Plan, Suite};
use crate::support::refusal::NOBODY;

/// Signs out at a provider that comes back to an address edited like this.
/// Signed out is signed out, whatever it comes back with.
async fn signs_out(edit: fn(&mut Url)) {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        suite.accepts().await;
        suite
            .hooks()
            .respond(Endpoint::EndSession, move |_, reply| {
                let back = reply.header("location").expect("the way back");
                let mut back = Url::parse(back).expect("an address");
                edit(&mut back);
                reply.set_header("location", back.as_str());
            });
        suite.calls();
        let leaving = suite.sign_out().await;
        let to = leaving.location().expect("the provider");
        let issued = suite.issued(0);
        let hint = query(&to, "id_token_hint");
        assert_eq!(hint.as_deref(), issued["id_token"].as_str(), "{plan:?}");
        let back = query(&to, "post_logout_redirect_uri");
        assert_eq!(back, Some(suite.url("/")), "{plan:?}");
        assert_eq!(query(&to, "client_id").as_deref(), Some(CLIENT_ID));
        let state = query(&to, "state").unwrap_or_default();
        assert!(state.len() >= 16, "{plan:?}: state {state:?}");

        let hops = suite.browser.follow_all(leaving, 3).await;
        let home = hops.last().expect("a page");
        assert_eq!((home.status(), home.text()), (200, NOBODY.to_owned()));
        assert_eq!(home.url().path(), "/", "{plan:?}");
        assert_eq!(suite.calls(), [Endpoint::EndSession], "{plan:?}");
        let page = suite.browser.navigate(suite.url("/userinfo")).await;
        assert_eq!(page.location().expect("to sign in").path(), "/sign-in");
        assert_eq!(suite.calls(), [], "{plan:?}");

        // The way in is open again.
        suite.accepts().await;
        assert_eq!(suite.who().await, ALICE, "{plan:?}");
    }
}

#[rocket::async_test]
async fn oidcc_client_test_rp_init_logout() {
    signs_out(|back| assert!(query(back, "state").is_some())).await;
}

#[rocket::async_test]
async fn oidcc_client_test_rp_init_logout_other_state() {
    signs_out(|back| back.set_query(Some("state=another"))).await;
}

#[rocket::async_test]
async fn oidcc_client_test_rp_init_logout_no_state() {
    signs_out(|back| back.set_query(None)).await;
}
