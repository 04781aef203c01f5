//! An app whose users can see and end their sessions, and a second instance of it with the
//! same sessions, both of `localhost`: a browser's cookies go to both.

use std::sync::Arc;

use rocket::figment::Figment;
use rocket::figment::value::{Dict, Value};
use rocket::form::Form;
use rocket::serde::json::Json;
use rocket::time::OffsetDateTime;
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::{Error, Logto, SessionInfo, Sessions, SignIn, User};
use serde_json::{Value as Body, json};

use super::app::{CLIENT_SECRET, TestApp};
use super::browser::{Browser, Response};
use super::pages::who_is_signed_in;
use super::redis::Redis;
use super::serve::{Served, free_port};

const SECRET_KEY: &str = "jZ5UVGHpnLmCZf0oBC9l9bKGqyA1oHSTsJoXcIyGEuw=";

fn shown(session: SessionInfo) -> Body {
    let seconds = OffsetDateTime::unix_timestamp;
    json!({
        "handle": session.handle,
        "begun_at": seconds(session.begun_at),
        "last_seen_at": seconds(session.last_seen_at),
        "browser": session.browser,
        "current": session.is_current,
    })
}

#[get("/sessions")]
async fn list(user: User, sessions: &State<Sessions>) -> Result<Json<Vec<Body>>, Error> {
    let listed = sessions.of(&user).await?;
    Ok(Json(listed.into_iter().map(shown).collect()))
}

/// What an operator would see.
#[get("/sessions/<sub>")]
async fn list_of(sub: &str, sessions: &State<Sessions>) -> Result<Json<Vec<Body>>, Error> {
    let listed = sessions.of(sub).await?;
    Ok(Json(listed.into_iter().map(shown).collect()))
}

#[post("/sessions/end", data = "<handle>")]
async fn end(user: User, handle: Form<&str>, sessions: &State<Sessions>) -> Result<String, Error> {
    Ok(sessions.end(&user, *handle).await?.to_string())
}

#[post("/sessions/end-others")]
async fn end_others(user: User, sessions: &State<Sessions>) -> Result<String, Error> {
    Ok(sessions.end_others(&user).await?.to_string())
}

#[post("/sessions/end-all")]
async fn end_all(user: User, sessions: &State<Sessions>) -> Result<(), Error> {
    sessions.end_all(&user).await
}

/// The operator's.
#[post("/operator/<sub>")]
async fn end_sessions_of(sub: &str, logto: &State<Logto>) -> Result<(), Error> {
    logto.end_sessions_of(sub).await
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

/// Starts a sign-in even for a signed-in user, unlike `/sign-in`.
#[get("/again")]
fn again() -> SignIn {
    SignIn::new().return_to("/protected")
}

pub fn rocket() -> Rocket<Build> {
    let figment = Figment::from(rocket::Config::default());
    rocket::custom(figment.merge(("secret_key", SECRET_KEY)))
        .mount("/", who_is_signed_in())
        .mount(
            "/",
            routes![
                list,
                list_of,
                end,
                end_others,
                end_all,
                end_sessions_of,
                refresh,
                again
            ],
        )
}

/// `table` with more keys of `logto.session`.
pub fn with_session_keys<const N: usize>(mut table: Dict, keys: [(&str, Value); N]) -> Dict {
    let mut session = match table.remove("session") {
        Some(Value::Dict(_, session)) => session,
        _ => Dict::new(),
    };
    session.extend(keys.map(|(key, value)| (key.to_owned(), value)));
    table.insert("session".to_owned(), session.into());
    table
}

/// Two instances, one Redis.
pub struct SessionPair {
    pub app: TestApp,
    pub second: Served,
    pub redis: Arc<Redis>,
}

impl SessionPair {
    pub async fn start() -> SessionPair {
        SessionPair::with([]).await
    }

    /// With more keys of `logto.session`.
    pub async fn with<const N: usize>(keys: [(&str, Value); N]) -> SessionPair {
        let redis = Arc::new(Redis::start().await);
        let mut table = with_session_keys(redis.table(), keys);
        let app = TestApp::with(table.clone(), rocket()).await;
        let base_url = app.url("");
        table.insert("base_url".to_owned(), base_url.trim_end_matches('/').into());
        table.insert("app_secret".to_owned(), CLIENT_SECRET.into());
        let endpoint = app.provider.endpoint();
        let second = TestApp::serve(free_port(), &endpoint, table, rocket()).await;
        SessionPair { app, second, redis }
    }

    /// The address at the other instance.
    pub fn at_second(&self, url: &str) -> String {
        url.replacen(&self.app.url(""), &self.second.url(""), 1)
    }

    /// How many sessions there are, of anybody.
    pub fn sessions(&self) -> usize {
        let keys = self.redis.keys();
        keys.iter().filter(|key| key.contains(":session:")).count()
    }
}

/// A browser in which `user` has signed in, and which says that it is `user_agent`.
pub async fn signed_in_with(app: &TestApp, user: &str, user_agent: &str) -> Browser {
    let browser = Browser::new();
    app.provider.hooks().sign_in_as(Some(user));
    let callback = begin(app, &browser).await;
    app.provider.hooks().sign_in_as(None);
    let request = browser.request(reqwest::Method::GET, callback);
    let answer = request.navigation().header("user-agent", user_agent);
    assert_eq!(answer.send().await.status(), 303);
    browser
}

/// Begins a sign-in in a tab, for whom the provider signs in by itself; the address of the
/// callback.
pub async fn begin(app: &TestApp, browser: &Browser) -> String {
    let start = browser.navigate(app.url("/again")).await;
    assert_eq!(start.status(), 303, "{}", start.text());
    let back = browser.follow(&start).await;
    back.location().expect("the callback").into()
}

/// The user's sessions, as this browser is shown them.
pub async fn sessions(browser: &Browser, app: &TestApp) -> Vec<Body> {
    let answer = browser.fetch_json(app.url("/sessions")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// Whether a response sends a session.
pub fn sends_session(response: &Response) -> bool {
    let lines = response.set_cookies();
    let is_session = |line: &String| {
        let line = line.strip_prefix("__Host-").unwrap_or(line);
        line.starts_with("logto_session=") && !line.contains("Max-Age=0")
    };
    lines.iter().any(is_session)
}
