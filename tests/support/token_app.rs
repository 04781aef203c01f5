//! An app that shows the tokens its handlers get, and how often it had to ask
//! the provider for them.

use std::time::Duration;

use logto_dev_provider::{DevProvider, Endpoint, Received};
use rocket::figment::value::{Dict, Value};
use rocket::futures::future::join_all;
use rocket::http::Status;
use rocket::serde::json::{Value as Json, json};
use rocket::tokio::time::timeout;
use rocket::{Build, Rocket, Route, get, post, routes};
use rocket_logto::{
    AccessToken, DefaultResource, Error, Logto, OrgToken, PathOrg, Token, TokenFor, User, UserInfo,
};

use super::app::{ALICE, TestApp};
use super::browser::{Browser, Response};
use super::clock::Clock;
use super::serve::{Served, free_port};
use super::targets::{ORDERS, ORGANIZATIONS, Orders, SHOPPING, Shopping};

/// Everything a handler can learn of a token.
pub fn shown(token: &Token) -> Json {
    json!({
        "secret": token.secret(),
        "claims": token.claims(),
        "scopes": token.scopes().collect::<Vec<_>>(),
        "expires_at": token.expires_at().unix_timestamp(),
    })
}

#[get("/")]
fn home(user: Option<User>) -> String {
    user.map_or("nobody".to_owned(), |user| user.name().to_owned())
}

#[get("/me")]
fn me(user: User) -> Json {
    json!({ "name": user.name(), "refreshed_at": user.refreshed_at().unix_timestamp() })
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> Json {
    json!(info)
}

#[get("/default")]
fn default(token: AccessToken) -> Json {
    shown(&token)
}

#[get("/default-by-name")]
fn default_by_name(token: AccessToken<DefaultResource>) -> Json {
    shown(&token)
}

#[get("/shopping")]
fn shopping(token: AccessToken<Shopping>) -> Json {
    shown(&token)
}

#[get("/orders")]
fn orders(token: AccessToken<Orders>) -> Json {
    shown(&token)
}

#[get("/shopping-and/<code>")]
fn shopping_and(_token: AccessToken<Shopping>, code: u16) -> Status {
    Status::new(code)
}

#[get("/both")]
fn both(user: User, token: AccessToken<Shopping>) -> Json {
    json!({ "name": user.name(), "token": shown(&token) })
}

#[get("/organizations/<org_id>")]
fn organization(org_id: &str, token: OrgToken<PathOrg>) -> Json {
    assert_eq!(org_id, token.organization_id());
    shown(&token)
}

#[get("/organizations/<org_id>/orders")]
fn organization_orders(org_id: &str, token: OrgToken<PathOrg, Orders>) -> Json {
    assert_eq!(org_id, token.organization_id());
    shown(&token)
}

/// Decides at run time; `scope` is given as often as there are scopes.
#[get("/token?<resource>&<organization>&<scope>")]
async fn token(
    user: User,
    resource: Option<&str>,
    organization: Option<&str>,
    scope: Vec<&str>,
) -> Result<Json, Error> {
    let token = match (resource, organization, &scope[..]) {
        (Some(resource), None, []) => user.access_token(resource).await?,
        (None, Some(id), []) => user.organization_token(id).await?,
        (Some(resource), Some(id), []) => user.organization_access_token(id, resource).await?,
        (resource, id, scopes) => {
            let mut wanted = resource.map_or_else(TokenFor::default, TokenFor::resource);
            if let Some(id) = id {
                wanted = wanted.within(id);
            }
            for scope in scopes {
                wanted = wanted.scope(*scope);
            }
            user.token(wanted).await?
        }
    };
    Ok(shown(&token))
}

#[get("/impatient")]
async fn impatient(user: User) -> &'static str {
    match timeout(Duration::from_millis(100), user.access_token(SHOPPING)).await {
        Ok(_) => "waited",
        Err(_) => "gave up",
    }
}

#[post("/clear")]
async fn clear(user: User) {
    user.forget_tokens().await;
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<Json, Error> {
    let user = user.refresh().await?;
    Ok(json!({ "name": user.name(), "refreshed_at": user.refreshed_at().unix_timestamp() }))
}

fn handlers() -> Vec<Route> {
    routes![
        home,
        me,
        userinfo,
        default,
        default_by_name,
        shopping,
        orders,
        shopping_and,
        both,
        token,
        impatient,
        clear,
        refresh,
    ]
}

/// The handlers that can be launched with `table`; a restart finds the same key.
fn rocket(table: &Dict) -> Rocket<Build> {
    let config = rocket::Config::figment().merge(("secret_key", vec![7_u8; 64]));
    let rocket = rocket::custom(config).mount("/", handlers());
    let scopes = table.get("scopes").and_then(Value::as_array);
    let has_organizations =
        scopes.is_some_and(|scopes| scopes.iter().any(|s| s.as_str() == Some(ORGANIZATIONS)));
    match has_organizations {
        true => rocket.mount("/", routes![organization, organization_orders]),
        false => rocket,
    }
}

async fn serve(port: u16, provider: &DevProvider, clock: Clock, table: &Dict) -> Served {
    let fairing = Logto::fairing().with_clock(clock.read);
    let endpoint = provider.endpoint();
    TestApp::serve_with(fairing, port, &endpoint, table.clone(), rocket(table)).await
}

/// What the development provider's seed can give, all of it asked for.
pub fn table() -> Dict {
    let scopes = [
        "read",
        "write",
        "orders:read",
        "orders:write",
        "manage:members",
        "view:reports",
        ORGANIZATIONS,
    ];
    Dict::from([
        ("scopes".to_owned(), Value::from(scopes.to_vec())),
        ("resources".to_owned(), Value::from(vec![SHOPPING, ORDERS])),
    ])
}

/// The app, a browser in which Alice is signed in, and what the provider was
/// asked since.
pub struct TokenApp {
    pub at: TestApp,
    pub clock: Clock,
    table: Dict,
}

impl TokenApp {
    pub async fn start(clock: Clock) -> TokenApp {
        TokenApp::with(clock, []).await
    }

    /// With these keys in the place of those of [`table`].
    pub async fn with<const N: usize>(clock: Clock, keys: [(&str, Value); N]) -> TokenApp {
        let mut table = table();
        table.extend(keys.map(|(key, value)| (key.to_owned(), value)));
        let fairing = Logto::fairing().with_clock(clock.read);
        TokenApp {
            at: TestApp::with_fairing(table.clone(), fairing, rocket(&table)).await,
            clock,
            table,
        }
    }

    /// A new process with the same configuration: it knows cookies and nothing else.
    pub async fn restart(self) -> TokenApp {
        let TestApp { app, provider } = self.at;
        let port = app.port();
        app.stop().await;
        let app = serve(port, &provider, self.clock, &self.table).await;
        TokenApp {
            at: TestApp { app, provider },
            ..self
        }
    }

    /// Alice, signed in.
    pub async fn alice(&self) -> Browser {
        self.signed_in(ALICE).await
    }

    /// A browser in which `user` is signed in; the provider forgets how.
    pub async fn signed_in(&self, user: &str) -> Browser {
        let browser = Browser::new();
        let page = self.at.sign_in(&browser, "/me", user).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        self.at.provider.clear_requests();
        browser
    }

    /// Another instance of the app, at the same provider.
    pub async fn another(&self) -> Served {
        serve(free_port(), &self.at.provider, self.clock, &self.table).await
    }

    pub async fn fetch(&self, browser: &Browser, path: &str) -> Response {
        browser.fetch_json(self.at.url(path)).await
    }

    pub async fn navigate(&self, browser: &Browser, path: &str) -> Response {
        browser.navigate(self.at.url(path)).await
    }

    pub async fn post(&self, browser: &Browser, path: &str) -> Response {
        browser.post_form(self.at.url(path), &[]).await
    }

    /// What a page that must answer 200 says.
    pub async fn json(&self, browser: &Browser, path: &str) -> Json {
        let response = self.fetch(browser, path).await;
        assert_eq!(response.status(), 200, "{path}: {}", response.text());
        response.json()
    }

    /// The same page, so many times at once, all with the cookies of now.
    pub async fn at_once(&self, browser: &Browser, path: &str, times: usize) -> Vec<Response> {
        join_all((0..times).map(|_| self.fetch(browser, path))).await
    }

    /// The refresh requests the provider has had.
    pub fn refreshes(&self) -> Vec<Received> {
        let mut requests = self.at.provider.requests_to(Endpoint::Token);
        requests.retain(|request| request.form_value("grant_type") == Some("refresh_token"));
        requests
    }

    /// How many calls of any kind the provider has had.
    pub fn calls(&self) -> usize {
        self.at.provider.requests().len()
    }

    /// All tokens at hand have ended.
    pub fn let_tokens_end(&self) {
        self.clock.advance(&self.at.provider, 3600);
    }
}

/// The `Cookie` header of `browser` at this moment, for a request that comes late.
pub fn cookies_of(app: &TokenApp, browser: &Browser) -> String {
    browser.cookie_header(app.at.url("/")).expect("cookies")
}
