//! The same sign-in, userinfo and sign-out against `oidc-provider` from npm:
//! RS256, an issuer that is no Logto endpoint, its own pages.

use rocket::figment::Figment;
use rocket::{get, routes};
use rocket_logto::{Logto, User, UserInfo};

use crate::support::browser::{Browser, Response};
use crate::support::npm_provider::{CLIENT_ID, CLIENT_SECRET, NpmProvider, RESOURCE, Settings};
use crate::support::serve::{Served, free_port};

#[get("/")]
fn home(user: Option<User>) -> String {
    user.map_or("nobody".to_owned(), |user| user.sub().to_owned())
}

#[get("/protected")]
fn protected(user: User) -> String {
    rocket::serde::json::to_string(&user).unwrap()
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> String {
    rocket::serde::json::to_string(&info).unwrap()
}

struct App {
    app: Served,
    provider: NpmProvider,
}

impl App {
    async fn start(more: &[(&str, &str)]) -> App {
        let port = free_port();
        let origin = format!("http://localhost:{port}");
        let provider = NpmProvider::start(Settings {
            redirect_uri: &format!("{origin}/callback"),
            post_logout_redirect_uri: &format!("{origin}/"),
            ..Settings::default()
        })
        .await;
        let mut figment = Figment::from(rocket::Config::debug_default())
            .merge(("log_level", "critical"))
            .merge(("logto.issuer", provider.issuer()))
            .merge(("logto.app_id", CLIENT_ID))
            .merge(("logto.app_secret", CLIENT_SECRET))
            .merge(("logto.id_token_alg", "RS256"))
            .merge(("logto.base_url", origin))
            .merge(("logto.scopes", ["email", "read:cart"]))
            .merge(("logto.resources", [RESOURCE]));
        for (key, value) in more {
            figment = figment.merge((format!("logto.{key}"), *value));
        }
        let rocket = rocket::custom(figment)
            .attach(Logto::fairing())
            .mount("/", routes![home, protected, userinfo]);
        App {
            app: Served::start_on(port, rocket).await,
            provider,
        }
    }

    async fn sign_in(&self, browser: &Browser, path: &str) -> Response {
        let to_sign_in = browser.navigate(self.app.url(path)).await;
        let to_provider = browser.follow(&to_sign_in).await;
        let back = self.provider.sign_in(browser, &to_provider, "alice").await;
        browser.follow_all(back, 5).await.pop().expect("a page")
    }
}

#[rocket::async_test]
async fn signs_in_shows_userinfo_and_signs_out() {
    let app = App::start(&[]).await;
    let browser = Browser::new();

    let page = app.sign_in(&browser, "/protected").await;
    assert_eq!(
        (page.status(), page.url().path()),
        (200, "/protected"),
        "{}",
        page.text()
    );
    let claims: serde_json::Value = page.json();
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["iss"], app.provider.issuer());

    let info: serde_json::Value = browser.navigate(app.app.url("/userinfo")).await.json();
    assert_eq!(info["sub"], "alice");
    assert_eq!(info["email"], "alice@example.com");

    let to_provider = browser.post_form(app.app.url("/sign-out"), &[]).await;
    assert!(
        to_provider
            .location()
            .unwrap()
            .as_str()
            .starts_with(app.provider.issuer())
    );
    let back = app.provider.sign_out(&browser, &to_provider).await;
    let home = browser.follow_all(back, 5).await.pop().expect("a page");
    assert_eq!((home.url().path(), home.text().as_str()), ("/", "nobody"));
    assert_eq!(browser.violations(), []);
}

#[rocket::async_test]
async fn refuses_a_token_signed_with_another_algorithm() {
    let app = App::start(&[("id_token_alg", "ES384")]).await;
    let browser = Browser::new();
    let page = app.sign_in(&browser, "/protected").await;
    assert_eq!(page.status(), 400);
    assert_eq!(browser.navigate(app.app.url("/")).await.text(), "nobody");
}

#[rocket::async_test]
async fn says_so_when_the_secret_is_wrong() {
    let app = App::start(&[("app_secret", "not this one")]).await;
    let browser = Browser::new();
    let page = app.sign_in(&browser, "/protected").await;
    assert_eq!(page.status(), 502, "{}", page.text());
    assert_eq!(browser.navigate(app.app.url("/")).await.text(), "nobody");
}
