//! An error response (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6, and
//! what providers make up) ends on a page that says what has happened and what helps. What
//! the provider says about it is for the log, and only there.

use logto_dev_provider::{DevProvider, Endpoint};
use url::Url;

use crate::support::app::{ALICE, keys, settings};
use crate::support::browser::{Response, query};
use crate::support::log::lines_with;
use crate::support::refusal::{NOBODY, Refusal, Trial, app, app_with, reference, who_is};

/// What the provider says about it.
const SAID: &str = "the words of the provider";

/// The provider's answer to the sign-in that ends at `callback`: this error.
fn answer_of(callback: &Url, error: &str) -> Url {
    let mut url = callback.clone();
    url.set_query(None);
    for name in ["state", "iss"] {
        let value = query(callback, name).unwrap_or_default();
        url.query_pairs_mut().append_pair(name, &value);
    }
    url.query_pairs_mut()
        .append_pair("error", error)
        .append_pair("error_description", SAID);
    url
}

async fn told(trial: &Trial<'_>, error: &str) -> Response {
    let callback = trial.callback().await;
    trial.browser.navigate(answer_of(&callback, error)).await
}

/// The page does not say that the user did anything wrong, and nothing that the
/// provider has said.
fn blames_nobody(page: &Response, error: &str) {
    let text = page.page().text.to_lowercase();
    for wrong in ["cookie", "twice", "tab", SAID] {
        assert!(!text.contains(wrong), "{error}: {text}");
    }
}

/// The one log line about this page.
fn line(page: &Response) -> String {
    lines_with(&format!("reference={}", reference(page))).remove(0)
}

#[rocket::async_test]
async fn what_the_user_or_the_provider_gave_up_is_cancelled() {
    let app = app().await;
    for error in [
        "access_denied",
        "user_cancelled_authorize",
        "user_cancelled_login",
        "user_canceled",
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
    ] {
        let trial = Trial::new(&app, error);
        let page = told(&trial, error).await;
        assert_eq!(page.status(), 200, "{error}");
        assert_eq!(page.page().title, "Sign-in was cancelled", "{error}");
        blames_nobody(&page, error);
        assert_eq!(who_is(&app, &trial.browser).await, NOBODY, "{error}");
    }
}

#[rocket::async_test]
async fn what_only_the_operator_can_end_is_told_to_the_operator() {
    let app = app().await;
    for (error, key) in [
        ("invalid_scope", "logto.scopes"),
        ("invalid_target", "logto.resources"),
        ("invalid_request", "logto.extra_params"),
        ("unauthorized_client", "logto.app_id"),
        ("invalid_client", "logto.app_id"),
        ("unsupported_response_type", "at the provider"),
        ("unsupported_response_mode", "logto.response_mode"),
        ("request_not_supported", "logto.extra_params"),
        ("request_uri_not_supported", "logto.use_par"),
        ("registration_not_supported", "logto.extra_params"),
        ("invalid_request_uri", "logto.use_par"),
        ("invalid_request_object", "logto.extra_params"),
        ("redirect_uri_mismatch", "logto.routes.callback"),
    ] {
        let trial = Trial::new(&app, error);
        let url = answer_of(&trial.callback().await, error);
        let reason = format!("provider_said_{error}");
        let refusal = Refusal::before_exchange(&reason).with_status(500);
        let page = trial.refuses_at(url.as_str(), refusal).await;
        let title = page.page().title;
        assert_eq!(title, "This app is not set up correctly", "{error}");
        blames_nobody(&page, error);
        assert!(!page.page().text.contains("in a moment"), "{error}");
        let line = line(&page);
        assert!(line.starts_with("ERROR logto: Misconfigured"), "{line}");
        assert!(line.contains(key), "{error}: {line}");
        let said = format!("the provider says {SAID:?}");
        assert!(line.ends_with(&said), "{line}");
    }
}

#[rocket::async_test]
async fn a_problem_of_the_providers_is_one_to_try_again() {
    let app = app().await;
    let trial = Trial::new(&app, "server_error");
    let page = told(&trial, "server_error").await;
    assert_eq!(page.status(), 502, "{}", page.text());
    assert_eq!(page.page().title, "The sign-in service had a problem");
    assert!(page.page().text.contains("try again in a moment"));
    blames_nobody(&page, "server_error");
    assert!(line(&page).contains(SAID));
    let again = trial.browser.click(&page, "Sign in again").await;
    let callback = trial.answer_to(&again).await;
    trial.accepts_at(callback.as_str(), ALICE).await;
}

#[rocket::async_test]
async fn a_stronger_sign_in_that_was_needed_is_called_so() {
    let app = app().await;
    let trial = Trial::new(&app, "unmet");
    let page = told(&trial, "unmet_authentication_requirements").await;
    assert_eq!(page.status(), 403, "{}", page.text());
    assert_eq!(page.page().title, "A stronger sign-in was needed");
    blames_nobody(&page, "unmet");
    let line = line(&page);
    assert!(
        line.starts_with("WARN logto: UnmetAuthentication"),
        "{line}"
    );
}

#[rocket::async_test]
async fn a_code_that_nobody_knows_is_a_refusal_and_no_more() {
    let app = app().await;
    for error in ["made_up", "invalid_user", "AADSTS50105", "40029", "="] {
        let trial = Trial::new(&app, error);
        let page = told(&trial, error).await;
        assert_eq!(page.status(), 400, "{error}: {}", page.text());
        assert_eq!(page.page().title, "The sign-in service refused", "{error}");
        blames_nobody(&page, error);
        let line = line(&page);
        assert!(line.starts_with("WARN logto: SignInRefused"), "{line}");
        assert!(line.contains(SAID), "{line}");
    }
}

/// The codes of the registry (RFC 6749 section 11.4, and all that came later), those of
/// OpenID for other flows, and what providers make up. None of them is called what it is
/// not; only what passes is to be tried again.
#[rocket::async_test]
async fn no_code_gets_a_page_that_is_not_true() {
    let app = app().await;
    let codes = "invalid_request unauthorized_client access_denied unsupported_response_type \
        invalid_scope server_error interaction_required login_required \
        account_selection_required consent_required invalid_request_uri invalid_request_object \
        request_not_supported request_uri_not_supported registration_not_supported need_info \
        request_denied request_submitted authorization_pending expired_token \
        invalid_target unsupported_token_type invalid_dpop_proof use_dpop_nonce \
        invalid_authorization_details insufficient_authorization_details invalid_redirect_uri \
        invalid_client_metadata unmet_authentication_requirements \
        insufficient_user_authentication unsupported_grant_type invalid_client invalid_grant \
        invalid_token insufficient_scope invalid_issuer missing_trust_anchor \
        validation_failed session_selection_required vp_formats_not_supported \
        wallet_unavailable transaction_failed mandatory_parameters_missing \
        immediate_failed user_denied user_cancelled_login canceled org_internal \
        authentication_failed identity_provider_error AADSTS50105 1001";
    for error in codes.split_whitespace() {
        let trial = Trial::new(&app, error);
        let page = told(&trial, error).await;
        let html = page.page();
        blames_nobody(&page, error);
        let passes = html.text.contains("in a moment");
        assert_eq!(passes, error == "server_error", "{error}");
        let lasts = html.text.contains("Trying again will not help");
        assert_eq!(lasts, page.status() == 500, "{error}: {}", html.text);
        let calm = html.title == "Sign-in was cancelled";
        assert_eq!(calm, page.status() == 200, "{error}: {}", html.title);
        let told = html.text.contains("Reference: ");
        assert_ne!(told, calm, "{error}: {}", html.text);
        assert!(page.status() < 504, "{error}: {}", page.status());
        assert_eq!(who_is(&app, &trial.browser).await, NOBODY, "{error}");
    }
}

/// Anybody can write the description: one line of bounded length.
#[rocket::async_test]
async fn what_the_provider_says_is_one_line_in_the_log() {
    let app = app().await;
    let trial = Trial::new(&app, "odd description");
    let mut url = answer_of(&trial.callback().await, "invalid_scope");
    let odd = format!("new%0Aline%1B{}%FF", "x".repeat(5000));
    let odd = format!("error_description={odd}&error_description=second+");
    let query = url.query().unwrap_or_default();
    let query = query.replace("error_description=", &odd);
    url.set_query(Some(&query));
    let page = trial.browser.navigate(url).await;
    assert_eq!(page.status(), 500, "{}", page.text());
    let line = line(&page);
    assert!(line.contains(r#"the provider says "newlinexxx"#), "{line}");
    assert!(line.len() < 700 && !line.contains("second"), "{line}");
}

/// Keycloak answers so when its page was open for too long.
#[rocket::async_test]
async fn a_sign_in_that_the_provider_wants_begun_again_begins_again_once() {
    for by_post in [false, true] {
        let case = format!("by_post={by_post}");
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let app = app_with(provider, keys([])).await;
        let trial = Trial::new(&app, &*case);
        let sign_in = app.url("/sign-in?return_to=/protected%3Fa%3Db&max_age=600");
        let first = trial.browser.navigate(sign_in).await;
        let callback = trial.answer_to(&first).await;
        let url = answer_of(&callback, "temporarily_unavailable");
        let again = if by_post {
            let form: Vec<_> = url.query_pairs().into_owned().collect();
            let form: Vec<_> = form.iter().map(|(n, v)| (&**n, &**v)).collect();
            trial.browser.post_form(app.url("/callback"), &form).await
        } else {
            trial.browser.navigate(&url).await
        };
        assert_eq!(again.status(), 303, "{case}: {}", again.text());
        let to = again.location().expect("a Location");
        assert!(to.as_str().starts_with(&app.provider.issuer()), "{to}");
        let max_age = again.location_query("max_age");
        assert_eq!(max_age.as_deref(), Some("600"), "{case}");
        let state = again.location_query("state");
        assert_ne!(state, query(&callback, "state"), "{case}");
        assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 0, "{case}");

        // It ends where the first one would have; a second time is told.
        let callback = trial.answer_to(&again).await;
        let once_more = trial.browser.clone();
        let done = trial.browser.navigate(&callback).await;
        let to = done.location().expect("a Location");
        assert_eq!(
            (to.path(), to.query()),
            ("/protected", Some("a=b")),
            "{case}"
        );

        let url = answer_of(&callback, "temporarily_unavailable");
        let page = once_more.navigate(&url).await;
        assert_eq!(page.status(), 503, "{case}: {}", page.text());
        assert!(page.header("retry-after").is_some(), "{case}");
        assert_eq!(page.page().title, "Signing in is not possible right now");
        blames_nobody(&page, &case);
        assert!(line(&page).contains(SAID), "{case}");
    }
}
