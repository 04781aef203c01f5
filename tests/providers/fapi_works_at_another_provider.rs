//! `profile = "fapi2"` at npm `oidc-provider` in its own FAPI 2.0 profile, with nonces demanded
//! in every proof: a check by code that shares nothing with the library's.

use reqwest::Method;
use rocket::serde::json::{Value as Json, json};
use rocket::{get, post, routes};
use rocket_logto::{AccessToken, Bearer, Error, Logto, MachineToken, Token, User, UserInfo};

use crate::support::browser::Browser;
use crate::support::client_key::ClientKey;
use crate::support::npm_provider::{
    CLIENT_ID, MACHINE_ID, RESOURCE, ReadCart, Settings, Shopping, provider_of_app_at,
};
use crate::support::serve::{Served, free_port};

fn shown(token: &Token, at: &str) -> Json {
    json!({
        "authorization": token.authorization(),
        "proof": token.dpop_proof("GET", at, None),
        "claims": token.claims(),
    })
}

#[get("/protected")]
fn protected(user: User) -> String {
    user.sub().to_owned()
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> Json {
    json!(info)
}

#[get("/shopping?<at>")]
fn shopping(token: AccessToken<Shopping>, at: &str) -> Json {
    shown(&token, at)
}

#[get("/machine?<at>")]
fn machine(token: MachineToken<ReadCart>, at: &str) -> Json {
    shown(&token, at)
}

#[get("/cart")]
fn cart(caller: Bearer<ReadCart>) -> String {
    caller.sub().to_owned()
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

#[rocket::async_test]
async fn with_nonces_demanded_everywhere() {
    for alg in ["PS256", "ES256", "EdDSA"] {
        let port = free_port();
        let (own, of_machine) = (ClientKey::make(alg), ClientKey::make(alg));
        let (client_jwk, machine_jwk) = (own.public_jwk(), of_machine.public_jwk());
        let settings = Settings {
            client_jwk: Some(&client_jwk),
            machine_jwk: Some(&machine_jwk),
            id_token_alg: Some("ES256"),
            is_fapi: true,
            ..Settings::default()
        };
        let (provider, figment) = provider_of_app_at(port, settings).await;
        let figment = figment
            .merge(("logto.profile", "fapi2"))
            .merge(("logto.app_key_file", own.pkcs8()))
            .merge(("logto.machine.app_id", MACHINE_ID))
            .merge(("logto.machine.app_key_file", of_machine.pkcs8()))
            .merge(("logto.scopes", ["read:cart"]))
            .merge(("logto.resources", [RESOURCE]));
        let handlers = routes![protected, userinfo, shopping, machine, cart, refresh];
        let rocket = rocket::custom(figment)
            .attach(Logto::fairing())
            .mount("/", handlers);
        let app = Served::start_on(port, rocket).await;

        let browser = Browser::new();
        let to_sign_in = browser.navigate(app.url("/protected")).await;
        let to_provider = browser.follow(&to_sign_in).await;
        assert!(
            to_provider.location_query("request_uri").is_some(),
            "pushed"
        );
        let back = provider.sign_in(&browser, &to_provider, "alice").await;
        let page = browser.follow_all(back, 5).await.pop().expect("a page");
        assert_eq!(page.text(), "alice", "{alg}: {}", provider.output());
        let info: Json = browser.fetch_json(app.url("/userinfo")).await.json();
        assert_eq!(info["sub"], "alice", "{alg}: {}", provider.output());
        let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
        assert_eq!(refreshed.text(), "alice", "{alg}: {}", provider.output());

        // Both kinds of tokens, at an API that is this very app.
        let at = app.url("/cart");
        for (path, caller) in [("/shopping", "alice"), ("/machine", MACHINE_ID)] {
            let token = browser
                .fetch_json(app.url(&format!("{path}?at={at}")))
                .await;
            assert_eq!(token.status(), 200, "{alg} {path}: {}", provider.output());
            let token: Json = token.json();
            assert!(token["claims"]["cnf"]["jkt"].is_string(), "{alg}: {token}");
            let text = |name: &str| token[name].as_str().expect("text").to_owned();
            let call = browser.request(Method::GET, &at);
            let call = call.header("authorization", text("authorization"));
            let answer = call.header("dpop", text("proof")).send().await;
            assert_eq!((answer.status(), &*answer.text()), (200, caller), "{alg}");
        }
        assert!(
            provider
                .posted()
                .iter()
                .all(|one| one.authorization.is_none())
        );
        assert!(
            provider
                .posted()
                .iter()
                .any(|one| one.value("client_id") == Some(CLIENT_ID))
        );
    }
}
