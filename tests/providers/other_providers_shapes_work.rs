//! Providers that nobody can install, as their documentation describes them:
//! metadata, keys, ID tokens, userinfo and token answers in their shapes, and the
//! keys of the guide's table. Whoever signs in there signs in here; what cannot
//! work is refused with a line that says why.

use rocket::figment::value::{Dict, Value};
use serde_json::{Value as Json, json};

use crate::support::api_app::call;
use crate::support::app::keys;
use crate::support::browser::{Browser, Response};
use crate::support::log::{lines_with, reason_of};
use crate::support::peer_app::{PeerApp, is_refused, line_about, origin};
use crate::support::refusal::reference;
use crate::support::serve::free_port;
use crate::support::shapes::{Files, Query, Shape, read};

struct Visit {
    shape: Shape,
    app: PeerApp,
    browser: Browser,
    page: Response,
}

/// Somebody goes to the page for users, at an app that is configured as the guide says.
async fn visit(name: &str) -> Visit {
    visit_with(name, |_| {}, |_| {}).await
}

/// The same, where the provider or the configuration is another.
async fn visit_with(
    name: &str,
    change: impl FnOnce(&mut Files),
    configure: impl FnOnce(&mut Dict),
) -> Visit {
    let port = free_port();
    let shape = Shape::changed(name, &origin(port), change).await;
    let mut keys = shape.keys.clone();
    configure(&mut keys);
    let app = PeerApp::registered(port, &origin(port), shape.registration(), keys).await;
    let browser = Browser::new();
    let hops = browser.navigate_following(app.url("/protected"), 10).await;
    let page = hops.into_iter().next_back().expect("a page");
    Visit {
        shape,
        app,
        browser,
        page,
    }
}

/// Which answers there are decides what must work: userinfo, refresh, sign-out there.
async fn works(name: &str) -> Visit {
    let visit = visit(name).await;
    let Visit {
        shape,
        app,
        browser,
        page,
    } = &visit;
    let there = (page.status(), page.url().path());
    assert_eq!(
        there,
        (200, "/protected"),
        "{name}: {} {:?}",
        page.text(),
        shape.refused()
    );
    let files = read(name);
    let claims: Json = page.json();
    same(name, &claims, &files["id_token"]["claims"]);
    let sub = claims["sub"].as_str().expect("a sub");

    match files.get("userinfo") {
        Some(expected) => same(name, &app.json(browser, "/userinfo").await, expected),
        None => {
            let page = browser.navigate(app.url("/userinfo")).await;
            is_refused(&page, 502, "metadata names no userinfo_endpoint");
        }
    }

    let before = app.json(browser, "/token").await;
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    if files.contains_key("refresh") {
        assert_eq!(refreshed.status(), 200, "{name}: {}", refreshed.text());
        assert_eq!(refreshed.json::<Json>()["sub"], sub, "{name}");
        let after = app.json(browser, "/token").await;
        assert_ne!(before["secret"], after["secret"], "{name}");
        if files.contains_key("userinfo") {
            assert_eq!(app.json(browser, "/userinfo").await["sub"], sub, "{name}");
        }
    } else {
        is_refused(&refreshed, 403, "no_refresh_token");
    }
    assert_eq!(app.who(browser).await, sub, "{name}");

    let out = app.sign_out(browser).await;
    let to = out.location().expect("a redirect");
    let offers = files["metadata"].get("end_session_endpoint").is_some();
    assert_eq!(
        to.as_str().starts_with(&shape.origin()),
        offers,
        "{name}: {to}"
    );
    let last = browser.follow_all(out, 5).await.pop().expect("a page");
    let last_page = (last.url().path(), last.text());
    assert_eq!(
        last_page,
        ("/", "nobody".to_owned()),
        "{name}: {:?}",
        shape.refused()
    );
    assert_eq!(shape.sign_outs().len(), usize::from(offers), "{name}");
    assert_eq!(shape.refused(), Vec::<String>::new(), "{name}");
    assert_eq!(browser.violations(), [], "{name}");
    visit
}

/// All members that are no placeholders have arrived as they were sent.
fn same(name: &str, arrived: &Json, sent: &Json) {
    for (member, value) in sent.as_object().expect("an object") {
        let filled_in = value.as_str().is_some_and(|text| text.contains('{'));
        if !filled_in && !value.to_string().contains("{client_id}") {
            assert_eq!(&arrived[member], value, "{name}: {member}");
        }
    }
}

fn scopes_asked(visit: &Visit) -> Vec<String> {
    let requests = visit.shape.authorization_requests();
    let mut scopes: Vec<_> = requests[0]["scope"].split(' ').map(str::to_owned).collect();
    scopes.sort();
    scopes
}

/// Not an answer of ours: the person stands on the provider's error page.
fn ends_there(visit: &Visit, told: &str) {
    let there = visit.page.url().as_str().starts_with(&visit.shape.origin());
    assert!(there, "{}: {}", visit.page.url(), visit.page.text());
    let refused = visit.shape.refused();
    assert!(
        refused.iter().any(|refused| refused.contains(told)),
        "{refused:?}"
    );
}

/// It refuses `offline_access`, and has `access_type` in its place.
#[rocket::async_test]
async fn google() {
    let visit = works("google").await;
    assert_eq!(scopes_asked(&visit), ["openid", "profile"]);

    let ask = |keys: &mut Dict| drop(keys.insert("scopes".into(), vec!["offline_access"].into()));
    let visit = visit_with("google", |_| {}, ask).await;
    ends_there(&visit, "invalid scope requested: offline_access");
}

#[rocket::async_test]
async fn entra_id_with_one_tenant() {
    let visit = works("entra_id").await;
    assert_eq!(
        scopes_asked(&visit),
        ["offline_access", "openid", "profile"]
    );
}

const TENANT: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";

/// Metadata name no tenant; each token names its own.
#[rocket::async_test]
async fn entra_id_with_many_tenants() {
    let visit = works("entra_id_multi_tenant").await;
    let claims: Json = visit.page.json();
    let iss = format!("{}/{TENANT}/v2.0", visit.shape.origin());
    assert_eq!(claims["iss"], iss);

    let known = |keys: &mut Dict| drop(keys.insert("tenants".into(), vec![TENANT].into()));
    let visit = visit_with("entra_id_multi_tenant", |_| {}, known).await;
    assert_eq!(visit.page.status(), 200, "{}", visit.page.text());

    let other = "3d8b2f4a-0000-4000-8000-000000000001";
    let others = |keys: &mut Dict| drop(keys.insert("tenants".into(), vec![other].into()));
    let visit = visit_with("entra_id_multi_tenant", |_| {}, others).await;
    assert!(visit.page.status() >= 400, "{}", visit.page.text());
    assert_eq!(visit.app.who(&visit.browser).await, "nobody");

    // A token of one tenant that says it is of another, and one with the key of another.
    let lie = |files: &mut Files| {
        files.get_mut("id_token").expect("a token")["claims"]["tid"] = other.into();
        files.get_mut("jwk").expect("a key")["issuer"] = Json::Null;
    };
    let visit = visit_with("entra_id_multi_tenant", lie, |_| {}).await;
    is_refused(&visit.page, 400, "id_token_iss");
    assert_eq!(visit.app.who(&visit.browser).await, "nobody");

    let borrow = |files: &mut Files| {
        let issuer = format!("{{origin}}/{other}/v2.0");
        files.get_mut("jwk").expect("a key")["issuer"] = issuer.into();
    };
    let visit = visit_with("entra_id_multi_tenant", borrow, |_| {}).await;
    is_refused(&visit.page, 400, "id_token_key_issuer");
    assert_eq!(visit.app.who(&visit.browser).await, "nobody");
}

/// Metadata are not at the issuer, and an access token is given for the client's own id as a scope.
#[rocket::async_test]
async fn azure_ad_b2c() {
    works("azure_ad_b2c").await;

    let without = |keys: &mut Dict| drop(keys.remove("scopes"));
    let visit = visit_with("azure_ad_b2c", |_| {}, without).await;
    assert!(visit.page.status() >= 500, "{}", visit.page.text());
    let line = line_about(&visit.page);
    assert!(line.contains("access_token"), "{line}");

    let without = |keys: &mut Dict| drop(keys.remove("discovery_url"));
    let visit = visit_with("azure_ad_b2c", |_| {}, without).await;
    assert_eq!(visit.page.status(), 503, "{}", visit.page.text());
}

/// Its sign-out has parameters of its own, and its access tokens no audience.
#[rocket::async_test]
async fn cognito() {
    let visit = works("cognito").await;
    let sign_out: &Query = &visit.shape.sign_outs()[0];
    assert_eq!(sign_out["logout_uri"], visit.app.url("/"));
    assert_eq!(sign_out["client_id"], visit.app.app_id);

    let without = |keys: &mut Dict| drop(keys.remove("sign_out_params"));
    let visit = visit_with("cognito", |_| {}, without).await;
    let out = visit.app.sign_out(&visit.browser).await;
    let last = visit
        .browser
        .follow_all(out, 5)
        .await
        .pop()
        .expect("a page");
    assert_eq!(last.status(), 400);
    assert!(last.text().contains("logout_uri"), "{}", last.text());
    assert_eq!(
        visit.app.who(&visit.browser).await,
        "nobody",
        "here all the same"
    );

    let trust = |app_id: &str| {
        let clients = vec![app_id.to_owned()];
        move |keys: &mut Dict| drop(keys.insert("clients_without_audience".into(), clients.into()))
    };
    for (clients, expected) in [(&*visit.app.app_id, 200), ("another", 401)] {
        let visit = visit_with("cognito", |_| {}, trust(clients)).await;
        let answer = present(&visit, "/api/own").await;
        assert_eq!(answer.status(), expected, "{clients}: {}", answer.text());
    }
}

/// A call of an API with the user's access token.
async fn present(visit: &Visit, api: &str) -> Response {
    let token = visit.app.json(&visit.browser, "/token").await;
    let token = token["secret"].as_str().expect("a token");
    call(&visit.app.url(api), token).await
}

/// No userinfo, a secret that is a JWT, and texts for booleans.
#[rocket::async_test]
async fn apple() {
    let visit = works("apple").await;
    assert_eq!(scopes_asked(&visit), ["openid"]);
}

/// Name and e-mail address come with a form only, and that with https only.
#[rocket::async_test]
async fn apple_with_the_name() {
    let ask = |keys: &mut Dict| drop(keys.insert("scopes".into(), vec!["name", "email"].into()));
    let visit = visit_with("apple", |_| {}, ask).await;
    ends_there(&visit, "response_mode must be form_post");

    let port = free_port();
    let public = "https://shop.example.com";
    let shape = Shape::start("apple", public).await;
    let mut keys = shape.keys.clone();
    ask(&mut keys);
    keys.insert("response_mode".into(), "form_post".into());
    let app = PeerApp::registered(port, public, shape.registration(), keys).await;
    let browser = Browser::new().behind_proxy(public, &origin(port));
    let hops = browser
        .navigate_following(format!("{public}/protected"), 10)
        .await;
    let form = hops.into_iter().next_back().expect("a page");
    assert_eq!(form.page().forms.len(), 1, "{}", form.text());
    let back = browser.submit(&form, 0, &[]).await;
    let page = browser.follow_all(back, 5).await.pop().expect("a page");
    let there = (page.status(), page.url().path());
    assert_eq!(there, (200, "/protected"), "{}", page.text());
    assert_eq!(page.json::<Json>()["email_verified"], "true");
    assert_eq!(browser.violations(), []);
    drop(app);
}

/// Its access tokens name their scopes in a list, `scp`.
#[rocket::async_test]
async fn okta() {
    works("okta").await;

    let visit = visit("okta").await;
    let answer = present(&visit, "/api/okta").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body: Json = answer.json();
    let expected = json!({ "sub": "john.doe@example.com", "client_id": visit.app.app_id });
    assert_eq!(body, expected);
    assert_eq!(present(&visit, "/api/own").await.status(), 401);
}

/// Its issuer ends in a slash, and `updated_at` is a text.
#[rocket::async_test]
async fn auth0() {
    works("auth0").await;

    let without_slash = |keys: &mut Dict| {
        let issuer = keys["issuer"]
            .as_str()
            .expect("a text")
            .trim_end_matches('/')
            .to_owned();
        keys.insert("issuer".into(), issuer.into());
    };
    let visit = visit_with("auth0", |_| {}, without_slash).await;
    assert_eq!(visit.page.status(), 503, "{}", visit.page.text());
}

/// Its ID tokens are for the whole project.
#[rocket::async_test]
async fn zitadel() {
    works("zitadel").await;

    let without = |keys: &mut Dict| drop(keys.remove("trusted_audiences"));
    let visit = visit_with("zitadel", |_| {}, without).await;
    is_refused(&visit.page, 400, "id_token_aud");
    let line = line_about(&visit.page);
    let told = lines_with("259242039378444290").concat();
    assert!(told.contains("trusted_audiences"), "{line} {told}");
}

/// One scope, one way to show the secret, scopes as a list; errors are none of OAuth's.
#[rocket::async_test]
async fn twitch() {
    works("twitch").await;

    let reserved = |keys: &mut Dict| drop(keys.remove("include_reserved_scopes"));
    let visit = visit_with("twitch", |_| {}, reserved).await;
    is_refused(&visit.page, 500, "provider_said_invalid_scope");

    let basic = |keys: &mut Dict| drop(keys.remove("token_endpoint_auth_method"));
    let visit = visit_with("twitch", |_| {}, basic).await;
    assert!(visit.page.status() >= 500, "{}", visit.page.text());
    assert_eq!(visit.shape.refused(), ["client_secret_basic is not taken"]);
    let line = line_about(&visit.page);
    assert!(line.contains("400"), "{line}");
}

/// At whatever provider: it may be the ID token of another sign-in.
#[rocket::async_test]
async fn an_id_token_without_nonce_is_refused() {
    for name in Shape::names() {
        let forget = |files: &mut Files| {
            let claims = &mut files.get_mut("id_token").expect("a token")["claims"];
            claims.as_object_mut().expect("claims").remove("nonce");
        };
        let visit = visit_with(&name, forget, |_| {}).await;
        is_refused(&visit.page, 400, "id_token_nonce");
        assert_eq!(visit.app.who(&visit.browser).await, "nobody", "{name}");
    }
}

/// No refresh tokens, and errors that say `200 OK`.
#[rocket::async_test]
async fn slack() {
    works("slack").await;

    let wrong = |keys: &mut Dict| drop(keys.insert("app_secret".into(), "not this one".into()));
    let visit = visit_with("slack", |_| {}, wrong).await;
    assert!(visit.page.status() >= 400, "{}", visit.page.text());
    let line = line_about(&visit.page);
    assert!(line.contains("bad_client_secret"), "{line}");
    assert_eq!(visit.app.who(&visit.browser).await, "nobody");
}

#[rocket::async_test]
async fn gitlab() {
    let visit = works("gitlab").await;
    assert_eq!(scopes_asked(&visit), ["openid", "profile"]);
}

/// Without a signing key it signs with the client's secret.
#[rocket::async_test]
async fn authentik() {
    works("authentik").await;

    let with_the_secret = |files: &mut Files| {
        files.get_mut("id_token").expect("a token")["header"]["alg"] = "HS256".into();
        let metadata = files.get_mut("metadata").expect("metadata");
        metadata["id_token_signing_alg_values_supported"] = json!(["HS256"]);
    };
    let visit = visit_with("authentik", with_the_secret, |_| {}).await;
    assert!(visit.page.status() >= 400, "{}", visit.page.text());
    assert_eq!(reason_of(&reference(&visit.page)), "id_token_alg");
}

/// Every shape has a test here, and each is another provider.
#[test]
fn none_is_left_out() {
    let source = include_str!("other_providers_shapes_work.rs");
    for name in Shape::names() {
        assert!(source.contains(&format!("works(\"{name}\")")), "{name}");
        let keys = keys([("issuer", Value::from(""))]);
        let documented = Shape::documented_keys(&name);
        assert!(
            keys.keys().all(|key| documented.contains_key(key)),
            "{name}"
        );
    }
}
