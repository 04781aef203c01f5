//! What the callback's parameters may be: each once, of the characters codes
//! and states are made of, success or error and not both (RFC 6749 sections
//! 3.1, 4.1.2 and appendix A). Nothing a provider or a stranger writes there
//! appears on a page.

use logto_dev_provider::Endpoint;
use reqwest::Method;

use crate::support::app::ALICE;
use crate::support::browser::query;
use crate::support::refusal::{NOBODY, Refusal, Trial, app, who_is};

#[rocket::async_test]
async fn no_parameter_may_come_twice() {
    let app = app().await;
    for (name, reason) in [
        ("code", "code_twice"),
        ("state", "state_twice"),
        ("iss", "iss_twice"),
    ] {
        for value in ["the same", "other", ""] {
            for order in ["after", "before", "after, encoded"] {
                let trial = Trial::new(&app, format!("{name} {value:?} {order}"));
                let callback = trial.callback().await;
                let own = query(&callback, name).unwrap_or_default();
                let value = if value == "the same" { &own } else { value };
                let value: String =
                    url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
                let genuine = callback.query().unwrap_or_default();
                let hex = |byte: u8| format!("%{byte:02x}");
                let encoded: String = name.bytes().map(hex).collect();
                let text = match order {
                    "after" => format!("{genuine}&{name}={value}"),
                    "before" => format!("{name}={value}&{genuine}"),
                    _ => format!("{genuine}&{encoded}={value}"),
                };
                let twice = app.url(&format!("/callback?{text}"));
                trial.refuses_at(&twice, Refusal::unrelated(reason)).await;
                // Nothing was used up.
                trial.accepts_at(callback.as_str(), ALICE).await;
            }
        }
    }
    let trial = Trial::new(&app, "error twice");
    let url = app.url("/callback?error=a&error=b&state=c");
    trial
        .refuses_at(&url, Refusal::unrelated("error_twice"))
        .await;
    // Others may: they mean nothing here.
    let callback = trial.callback().await;
    let more = format!("{callback}&x=1&x=2&session_state=3");
    trial.accepts_at(&more, ALICE).await;
}

#[rocket::async_test]
async fn a_value_no_provider_sends_is_refused() {
    let app = app().await;
    let long = "c".repeat(10 * 1024);
    for (what, value) in [
        ("10 KB", &*long),
        ("NUL", "a%00b"),
        ("line feed", "a%0Ab"),
        ("CRLF and a header", "a%0D%0ASet-Cookie:%20x=y"),
        ("DEL", "a%7Fb"),
        ("not ASCII", "%C3%BC"),
        ("not UTF-8", "%FF"),
    ] {
        for name in ["code", "state", "iss", "error"] {
            let trial = Trial::new(&app, format!("{name} {what}"));
            let callback = trial.callback().await;
            let genuine = callback.query_pairs().filter(|(known, _)| known != name);
            let mut odd = callback.clone();
            odd.set_query(None);
            odd.query_pairs_mut().extend_pairs(genuine);
            let odd = format!("{odd}&{name}={value}");
            let refusal = format!("{name}_malformed");
            trial.refuses_at(&odd, Refusal::unrelated(&refusal)).await;
            trial.accepts_at(callback.as_str(), ALICE).await;
        }
    }
}

#[rocket::async_test]
async fn names_are_exact() {
    let app = app().await;
    for (case, from, to, refusal) in [
        (
            "State",
            "state=",
            "State=",
            Refusal::unrelated("state_missing"),
        ),
        (
            "state[]",
            "state=",
            "state[]=",
            Refusal::unrelated("state_missing"),
        ),
        (
            "Code",
            "code=",
            "Code=",
            Refusal::before_exchange("code_missing"),
        ),
        (
            "code[]",
            "code=",
            "code[]=",
            Refusal::before_exchange("code_missing"),
        ),
        (
            "empty code",
            "code=",
            "code=&x=",
            Refusal::before_exchange("code_missing"),
        ),
        (
            "+code",
            "code=",
            "+code=",
            Refusal::before_exchange("code_missing"),
        ),
    ] {
        let trial = Trial::new(&app, case);
        let callback = trial.callback().await;
        let changed = callback.as_str().replacen(from, to, 1);
        assert_ne!(changed, callback.as_str(), "{case}");
        trial.refuses_at(&changed, refusal).await;
    }
}

/// OpenID Connect Core section 3.1.2.6. The texts are the provider's, or an
/// attacker's, and go nowhere.
#[rocket::async_test]
async fn an_error_is_refused_and_not_repeated() {
    let app = app().await;
    let texts = "error_description=%3Cscript%3Ealert(1)%3C/script%3E\
                 &error_uri=javascript:alert(2)";
    for (error, status, reason) in [
        ("server_error", 502, "provider_said_server_error"),
        ("invalid_scope", 500, "provider_said_invalid_scope"),
        ("made_up", 400, "provider_said_made_up"),
        ("%3Cscript%3Ealert(3)", 400, "provider_said_scriptalert3"),
        ("a%20reason%3Dx", 400, "provider_said_areasonx"),
    ] {
        let trial = Trial::new(&app, error);
        let callback = trial.callback().await;
        let (state, iss) = (query(&callback, "state"), query(&callback, "iss"));
        let (state, iss) = (state.unwrap_or_default(), iss.unwrap_or_default());
        let url = app.url(&format!(
            "/callback?error={error}&state={state}&iss={iss}&{texts}"
        ));
        let refusal = Refusal::before_exchange(reason).with_status(status);
        let page = trial.refuses_at(&url, refusal).await;
        assert!(!page.text().contains("<script"), "{error}: {}", page.text());
        for told in ["alert", "javascript:"] {
            let text = page.page().text;
            assert!(!text.contains(told), "{error}: {text}");
        }
        // The code that was not sent along is not accepted later either.
        trial.begins_anew_at(callback.as_str()).await;
    }
}

#[rocket::async_test]
async fn an_error_needs_a_state_and_no_code() {
    let app = app().await;
    for error in ["server_error", "access_denied", "login_required"] {
        let trial = Trial::new(&app, format!("{error} without state"));
        let callback = trial.callback().await;
        let url = app.url(&format!("/callback?error={error}"));
        trial
            .refuses_at(&url, Refusal::unrelated("state_missing"))
            .await;

        let url = app.url(&format!("/callback?error={error}&state=foreign"));
        if error == "server_error" {
            let unrelated = Refusal::unrelated("state_unknown");
            trial.refuses_at(&url, unrelated).await;
        } else {
            // True whichever sign-in was cancelled.
            let page = trial.browser.navigate(&url).await;
            assert_eq!(page.status(), 200, "{error}");
            assert_eq!(page.page().title, "Sign-in was cancelled", "{error}");
            assert_eq!(page.set_cookies(), [""; 0], "{error}");
        }

        let both = format!("{callback}&error={error}");
        let refusal = Refusal::before_exchange("code_and_error");
        trial.refuses_at(&both, refusal).await;
    }
}

/// Not a fault: the person, or the provider without one, said no.
#[rocket::async_test]
async fn a_cancelled_sign_in_gets_a_calm_page() {
    let app = app().await;
    for answer in ["access_denied", "login_required", "consent_required", ""] {
        let trial = Trial::new(&app, answer);
        let callback = trial.callback().await;
        let mut url = callback.clone();
        url.set_query(None);
        if !answer.is_empty() {
            for name in ["state", "iss"] {
                let value = query(&callback, name).unwrap_or_default();
                url.query_pairs_mut().append_pair(name, &value);
            }
            url.query_pairs_mut()
                .append_pair("error", answer)
                .append_pair("error_description", "<b>The text of a stranger</b>");
        }
        let page = trial.browser.navigate(&url).await;
        assert_eq!(page.status(), 200, "{answer}");
        assert_eq!(page.page().title, "Sign-in was cancelled", "{answer}");
        assert!(!page.text().contains("Reference"), "{answer}");
        assert!(!page.text().contains("stranger"), "{answer}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{answer}");
        assert_eq!(
            page.header("referrer-policy"),
            Some("no-referrer"),
            "{answer}"
        );
        assert_eq!(
            app.provider.requests_to(Endpoint::Token).len(),
            0,
            "{answer}"
        );
        assert_eq!(who_is(&app, &trial.browser).await, NOBODY, "{answer}");
        let again = trial.browser.click(&page, "Sign in again").await;
        let callback = trial.answer_to(&again).await;
        trial.accepts_at(callback.as_str(), ALICE).await;
        app.provider.clear_requests();
    }
}

/// The fragment stays in the browser: to the app this is a bare callback.
#[rocket::async_test]
async fn a_response_in_the_fragment_is_none() {
    let app = app().await;
    let trial = Trial::new(&app, "fragment");
    let callback = trial.callback().await;
    let fragment = callback.as_str().replacen('?', "#", 1);
    let page = trial.browser.navigate(fragment).await;
    assert_eq!(page.page().title, "Sign-in was cancelled");
    assert_eq!(who_is(&app, &trial.browser).await, NOBODY);
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
}

/// A link that is only looked at does not use the code up.
#[rocket::async_test]
async fn looking_ahead_changes_nothing() {
    let app = app().await;
    let trial = Trial::new(&app, "prefetch");
    let callback = trial.callback().await;
    for url in [
        callback.to_string(),
        app.url("/sign-in"),
        app.url("/sign-up"),
    ] {
        let head = trial.browser.request(Method::HEAD, &url).send().await;
        assert_eq!((head.status(), head.set_cookies()), (204, vec![]), "{url}");
    }
    for (name, value) in [("sec-purpose", "prefetch"), ("purpose", "prefetch")] {
        let ahead = trial.browser.request(Method::GET, &callback);
        let ahead = ahead.navigation().header(name, value).send().await;
        assert_eq!(
            (ahead.status(), ahead.set_cookies()),
            (204, vec![]),
            "{name}"
        );
    }
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0);
    trial.accepts_at(callback.as_str(), ALICE).await;
}
