//! Providers whose sign-out is not that of OpenID Connect: other parameters, another
//! address, or none at all. The browser comes back without `state`, and that is fine.

use std::collections::BTreeMap;

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::figment::value::{Dict, Value};
use url::Url;

use crate::support::app::{ALICE, CLIENT_ID, TestApp, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::pages::{NOBODY, pages};

fn params<const N: usize>(params: [(&str, &str); N]) -> (&'static str, Value) {
    let params = params.map(|(name, value)| (name.to_owned(), Value::from(value)));
    ("sign_out_params", Dict::from(params).into())
}

/// Alice signs out: where the browser is sent, and its parameters. No name comes twice.
async fn signs_out(logto: Dict) -> (TestApp, Browser, Response, BTreeMap<String, String>) {
    let app = TestApp::with(logto, pages()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let browser = Browser::new();
    let page = browser
        .navigate_following(app.url("/protected"), 9)
        .await
        .pop();
    assert_eq!(page.expect("a page").text(), ALICE);
    let left = browser.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(left.status(), 303, "{}", left.text());
    let to = left.location().expect("a Location");
    let pairs: Vec<(String, String)> = to.query_pairs().into_owned().collect();
    let params: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(params.len(), pairs.len(), "{to}");
    assert_eq!(browser.navigate(app.url("/")).await.text(), NOBODY);
    (app, browser, left, params)
}

fn names(params: &BTreeMap<String, String>) -> Vec<&str> {
    params.keys().map(String::as_str).collect()
}

#[rocket::async_test]
async fn without_keys_it_is_as_openid_connect_has_it() {
    let (app, _, left, params) = signs_out(Dict::new()).await;
    let to = left.location().expect("the provider");
    assert!(to.as_str().starts_with(&app.provider.issuer()), "{to}");
    let ours = [
        "client_id",
        "id_token_hint",
        "post_logout_redirect_uri",
        "state",
    ];
    assert_eq!(names(&params), ours);
}

/// AWS Cognito: `logout_uri` and `client_id`, and nothing that it does not know.
#[rocket::async_test]
async fn cognito_gets_its_logout_uri() {
    let (app, browser, left, params) = signs_out(keys([
        params([
            ("logout_uri", "https://app.example.com/bye"),
            ("post_logout_redirect_uri", ""),
            ("id_token_hint", ""),
            ("state", ""),
        ]),
        (
            "end_session_endpoint",
            "https://tenant.auth.example.com/logout".into(),
        ),
    ]))
    .await;
    let to = left.location().expect("Cognito");
    assert_eq!(
        &to[..url::Position::AfterPath],
        "https://tenant.auth.example.com/logout"
    );
    assert_eq!(names(&params), ["client_id", "logout_uri"]);
    assert_eq!(params["client_id"], CLIENT_ID);
    assert_eq!(params["logout_uri"], "https://app.example.com/bye");
    assert_eq!(app.provider.requests_to(Endpoint::EndSession).len(), 0);

    // It sends the browser back as it is: a calm page, and no error.
    let back = browser.navigate_from(&to, app.url("/")).await;
    assert_eq!((back.status(), &*back.text()), (200, NOBODY));
    // The page that asks before has a button whose redirect the browser must follow.
    let confirm = browser
        .navigate_from("https://other.example/", app.url("/sign-out"))
        .await;
    let policy = confirm.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("https://tenant.auth.example.com"),
        "{policy}"
    );
}

/// Auth0's `/v2/logout`: an address with a query of its own keeps it.
#[rocket::async_test]
async fn an_address_with_a_query_keeps_it() {
    let (_, _, left, params) = signs_out(keys([
        params([
            ("returnTo", "https://app.example.com/?a=b&c"),
            ("state", "ours"),
        ]),
        (
            "end_session_endpoint",
            "https://tenant.example.com/v2/logout?federated&client_id=other".into(),
        ),
    ]))
    .await;
    let to = left.location().expect("Auth0");
    assert!(
        to.as_str()
            .starts_with("https://tenant.example.com/v2/logout?federated&"),
        "{to}"
    );
    assert_eq!(params["client_id"], "other", "that of the address");
    assert_eq!(params["returnTo"], "https://app.example.com/?a=b&c");
    assert_eq!(params["state"], "ours", "that of the configuration");
    assert!(params.contains_key("id_token_hint"));
}

#[rocket::async_test]
async fn nothing_is_left_but_the_address() {
    let all = [
        "client_id",
        "id_token_hint",
        "post_logout_redirect_uri",
        "state",
    ];
    let (app, _, left, _) = signs_out(keys([params(all.map(|name| (name, "")))])).await;
    let to = left.location().expect("the provider");
    assert_eq!(to.query(), None, "{to}");
    let announced = format!("{}/session/end", app.provider.issuer());
    assert_eq!(to.as_str(), announced);
}

#[rocket::async_test]
async fn false_keeps_the_browser_here() {
    let (app, browser, left, _) = signs_out(keys([("end_session_endpoint", false.into())])).await;
    assert_eq!(left.header("location"), Some("/"));
    assert_eq!(browser.follow(&left).await.text(), NOBODY);
    assert_eq!(app.provider.requests_to(Endpoint::EndSession).len(), 0);
    // What has been granted is taken back all the same.
    assert_eq!(app.provider.requests_to(Endpoint::Revocation).len(), 1);
}

/// The address is known without the provider's metadata.
#[rocket::async_test]
async fn an_address_of_ones_own_needs_no_metadata() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let logto = keys([("end_session_endpoint", "http://localhost:1/logout".into())]);
    let app = TestApp::at(provider, logto, pages()).await;
    let browser = Browser::new();
    let confirm = browser.navigate_from("https://other.example/", app.url("/sign-out"));
    let confirm = confirm.await;
    let policy = confirm.header("content-security-policy").expect("a policy");
    let origin = Url::parse("http://localhost:1/").expect("a URL").origin();
    assert!(policy.contains(&origin.ascii_serialization()), "{policy}");
}
