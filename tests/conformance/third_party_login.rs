//! OpenID Foundation's relying-party plan "3rd-Party-Initiated Login": its
//! module, under its own name. What else may and may not begin a sign-in is in
//! `sign_in::another_site_can_only_begin_a_sign_in`.

use rocket_logto::ResponseMode;

use crate::support::app::ALICE;
use crate::support::browser::CROSS_SITE;
use crate::support::conformance::{ONE_SIGN_IN, Plan, Suite};

/// The provider sends the browser to the app with its own `iss`, which is
/// compared exactly: here it ends in `/`.
#[rocket::async_test]
async fn oidcc_client_test_3rd_party_init_login() {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        let issuer = suite.provider.issuer();
        let begin = async |iss: &str| {
            let iss: String = url::form_urlencoded::byte_serialize(iss.as_bytes()).collect();
            let url = suite.url(&format!("/initiate-login?iss={iss}"));
            suite.browser.navigate_from(CROSS_SITE, url).await
        };
        for other in [issuer.trim_end_matches('/'), "https://other.example/"] {
            assert_eq!(begin(other).await.status(), 400, "{plan:?}: {other}");
        }
        let start = begin(&issuer).await;
        let response = suite.browser.follow(&start).await;
        suite.accepts_response(&response).await;
        assert_eq!(suite.calls(), ONE_SIGN_IN, "{plan:?}");
        assert_eq!(suite.who().await, ALICE, "{plan:?}");
    }
}
