//! OpenID Foundation's relying-party plan "Refresh Token": each of its modules,
//! under its own name.

use logto_dev_provider::Endpoint;
use rocket_logto::ResponseMode;
use serde_json::{Map, Value, json};

use crate::support::app::{ALICE, BOB};
use crate::support::conformance::{PRINTABLE, Plan, Suite};
use crate::support::log::reason_of;

/// A member of an answer of the token endpoint.
fn member(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_default().to_owned()
}

/// Each refresh uses up one refresh token and gives the next; userinfo is asked
/// with the newest access token.
#[rocket::async_test]
async fn oidcc_client_test_refresh_token() {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        suite.accepts().await;
        suite.calls();
        for number in 0..3 {
            let answer = suite.refresh().await;
            assert_eq!(answer.text(), ALICE, "{plan:?}, {number}");
            assert_eq!(suite.userinfo().await["sub"], ALICE, "{plan:?}, {number}");

            let before = suite.issued(number);
            let after = suite.issued(number + 1);
            assert_eq!(after.get("expires_in"), None);
            let sent = suite.provider.requests_to(Endpoint::Token);
            let sent = sent[0].form_value("refresh_token").map(str::to_owned);
            assert_eq!(sent, Some(member(&before, "refresh_token")), "{plan:?}");
            assert_ne!(before["refresh_token"], after["refresh_token"]);
            assert!(member(&before, "refresh_token").starts_with(PRINTABLE));
            let bearer = suite.provider.requests_to(Endpoint::UserInfo);
            let bearer = bearer[0].header("authorization").map(str::to_owned);
            let token = member(&after, "access_token");
            assert_eq!(bearer, Some(format!("Bearer {token}")), "{plan:?}");
            let asked = [Endpoint::Token, Endpoint::UserInfo];
            assert_eq!(suite.calls(), asked, "{plan:?}, {number}");
        }
        assert_eq!(suite.browser.violations(), [], "{plan:?}");
    }
}

/// A refreshed ID token that is another's ends the session: no userinfo after it.
async fn ends(fault: fn(&mut Map<String, Value>), reason: &str) {
    for plan in Plan::runs(ResponseMode::Query) {
        let suite = Suite::start(plan).await;
        let response = suite.response().await;
        assert_eq!(suite.pass_on(&response).await.status(), 303, "{plan:?}");
        assert_eq!(suite.who().await, ALICE, "{plan:?}");
        suite.calls();
        suite.hooks().id_token(move |_, claims| fault(claims));
        let answer = suite.refresh().await;
        assert_eq!(answer.status(), 401, "{plan:?}: {}", answer.text());
        assert_eq!(reason_of(&answer.text()), reason, "{plan:?}");
        suite.is_nobody().await;
        assert_eq!(suite.calls(), [Endpoint::Token], "{plan:?}");
    }
}

#[rocket::async_test]
async fn oidcc_client_test_refresh_token_invalid_issuer() {
    let fault = |claims: &mut Map<_, _>| {
        claims.insert("iss".into(), json!("https://other.example/"));
    };
    ends(fault, "refreshed_id_token_iss").await;
}

#[rocket::async_test]
async fn oidcc_client_test_refresh_token_invalid_sub() {
    let fault = |claims: &mut Map<_, _>| drop(claims.insert("sub".into(), json!(BOB)));
    ends(fault, "refreshed_id_token_sub").await;
}
