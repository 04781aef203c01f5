//! `rocket_logto::testing`: users sign in to an app that is offline, by every guard and in
//! every state, and nobody hears of it.

use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rocket::figment::Figment;
use rocket::futures::future::join_all;
use rocket::http::{Accept, Status};
use rocket::local::{asynchronous, blocking};
use rocket::serde::json::json;
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::testing::{TestToken, TestUser, later, machine_may, offline};
use rocket_logto::{
    AccessToken, Admission, Allowed, AllowedIn, Bearer, ConstOrg, Error, HookResult, Logto,
    MachineToken, OrgToken, Requirement, SessionData, SignInEvent, StepUp, StepUpPolicy, User,
    UserInfo,
};

use crate::support::targets::{ACME, Acme, Read, SHOPPING, Shopping};

struct Editor;

impl Requirement for Editor {
    const ROLES: &'static [&'static str] = &["editor"];
}

struct Recent;

impl StepUpPolicy for Recent {
    const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
}

struct Strong;

impl StepUpPolicy for Strong {
    const ACR_VALUES: &'static [&'static str] = &["urn:mfa"];
}

#[get("/user")]
fn user(user: User) -> String {
    format!("{} {}", user.sub(), user.name())
}

#[get("/maybe")]
fn maybe(user: Option<User>) -> String {
    user.map_or("nobody".to_owned(), |user| user.sub().to_owned())
}

#[get("/userinfo")]
fn userinfo(info: UserInfo) -> String {
    info.claims().email.value().cloned().unwrap_or_default()
}

#[get("/token")]
fn token(token: AccessToken<Shopping>) -> String {
    token.scopes().collect::<Vec<_>>().join(" ")
}

#[get("/organization")]
fn organization(token: OrgToken<ConstOrg<Acme>>) -> String {
    token.scopes().collect::<Vec<_>>().join(" ")
}

#[get("/editor")]
fn editor(user: Allowed<Editor>) -> String {
    user.sub().to_owned()
}

#[get("/editor-in")]
fn editor_in(user: AllowedIn<ConstOrg<Acme>, Editor>) -> String {
    user.sub().to_owned()
}

#[get("/recent")]
fn recent(user: StepUp<Recent>) -> String {
    user.sub().to_owned()
}

#[get("/strong")]
fn strong(user: StepUp<Strong>) -> String {
    user.sub().to_owned()
}

#[get("/machine")]
fn machine(token: MachineToken<Read>) -> String {
    token.scopes().collect::<Vec<_>>().join(" ")
}

#[get("/bearer")]
fn bearer(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[get("/seat")]
fn seat(seat: SessionData<u32>) -> String {
    seat.to_string()
}

#[post("/end/<sub>")]
async fn end(sub: &str, logto: &State<Logto>) -> Result<(), Error> {
    logto.end_sessions_of(sub).await
}

async fn seats(event: SignInEvent<'_>) -> HookResult<Admission> {
    match event.sub() {
        "mallory" => Ok(Admission::refuse("Not you, Mallory.")),
        _ => Ok(Admission::admit().with_data(&7_u32)?),
    }
}

/// The app as it would run, with a provider that must not be called.
fn app(endpoint: &str) -> Rocket<Build> {
    let figment = Figment::from(rocket::Config::debug_default())
        .merge(("log_level", "off"))
        .merge(("logto.endpoint", endpoint))
        .merge(("logto.app_id", "the-app-in-production"))
        .merge(("logto.app_secret_file", "/a/file/that/is/only/there"))
        .merge(("logto.session.store", json!({ "redis": endpoint })))
        .merge(("logto.resources", [SHOPPING]))
        .merge((
            "logto.scopes",
            [
                "email",
                "roles",
                "read",
                "view:reports",
                "urn:logto:scope:organizations",
                "urn:logto:scope:organization_roles",
            ],
        ));
    rocket::custom(figment)
        .attach(Logto::fairing().on_sign_in(seats))
        .mount(
            "/",
            routes![
                user,
                maybe,
                userinfo,
                token,
                organization,
                editor,
                editor_in,
                recent,
                strong,
                machine,
                bearer,
                seat,
                end
            ],
        )
}

fn ada() -> TestUser {
    TestUser::new("ada").name("Ada")
}

fn status(client: &blocking::Client, path: &'static str) -> Status {
    client.get(path).header(Accept::JSON).dispatch().status()
}

fn text(client: &blocking::Client, path: &'static str) -> String {
    let answer = client.get(path).header(Accept::JSON).dispatch();
    answer.into_string().unwrap_or_default()
}

#[test]
fn every_guard_is_fulfilled_and_nobody_is_called() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let app = app(&format!("http://127.0.0.1:{port}"));
    let client = blocking::Client::tracked(offline(app)).expect("an app");

    assert_eq!(status(&client, "/user"), Status::Unauthorized);
    assert_eq!(text(&client, "/maybe"), "nobody");
    ada()
        .email("ada@example.com")
        .role("editor")
        .organization(ACME, &["editor"])
        .organization_scopes(ACME, &["view:reports"])
        .resource(SHOPPING, &["read", "never-asked-for"])
        .claim("acr", "urn:mfa")
        .authenticated(Duration::from_secs(60))
        .sign_in(&client);
    machine_may(client.rocket(), SHOPPING, &["read"]);
    for (path, expected) in [
        ("/user", "ada Ada"),
        ("/maybe", "ada"),
        ("/userinfo", "ada@example.com"),
        ("/token", "read"),
        ("/organization", "view:reports"),
        ("/editor", "ada"),
        ("/editor-in", "ada"),
        ("/recent", "ada"),
        ("/strong", "ada"),
        ("/seat", "7"),
        ("/machine", "read"),
    ] {
        assert_eq!(text(&client, path), expected, "{path}");
    }
    let caller = TestToken::new("bob").resource(SHOPPING).scope("read");
    let answer = client.get("/bearer").header(caller.header(client.rocket()));
    assert_eq!(answer.dispatch().into_string().as_deref(), Some("bob"));

    // Neither the provider nor the Redis of production.
    assert!(listener.accept().is_err());
}

#[test]
fn who_has_less_gets_less() {
    let client = blocking::Client::tracked(offline(app("https://logto.example.com")));
    let client = client.expect("an app");
    ada()
        .authenticated(Duration::from_secs(3600))
        .sign_in(&client);
    for (path, expected) in [
        ("/user", Status::Ok),
        ("/editor", Status::Forbidden),
        ("/editor-in", Status::Forbidden),
        ("/organization", Status::Forbidden),
        ("/recent", Status::Unauthorized),
        ("/strong", Status::Unauthorized),
        ("/machine", Status::InternalServerError),
    ] {
        assert_eq!(status(&client, path), expected, "{path}");
    }
    assert_eq!(text(&client, "/token"), "");
    for (token, expected) in [
        (
            TestToken::new("bob").resource(SHOPPING).scope("write"),
            Status::Forbidden,
        ),
        (
            TestToken::new("bob").organization(ACME).scope("read"),
            Status::Unauthorized,
        ),
        (
            TestToken::new("bob")
                .resource(SHOPPING)
                .scope("read")
                .claim("exp", 1),
            Status::Unauthorized,
        ),
        (TestToken::new("bob").scope("read"), Status::Unauthorized),
    ] {
        let answer = client.get("/bearer").header(token.header(client.rocket()));
        assert_eq!(answer.dispatch().status(), expected, "{token:?}");
    }
}

#[test]
fn sessions_end_as_they_do_in_life() {
    let client = blocking::Client::tracked(offline(app("https://logto.example.com")));
    let client = client.expect("an app");
    let hours = |hours: u64| later(client.rocket(), Duration::from_secs(hours * 3600));

    // Suspended: seen when the claims are old.
    let user = ada();
    user.sign_in(&client);
    user.suspend(client.rocket(), true);
    assert_eq!(status(&client, "/user"), Status::Ok);
    hours(2);
    assert_eq!(status(&client, "/user"), Status::Unauthorized);

    // Renamed: likewise.
    user.suspend(client.rocket(), false);
    user.sign_in(&client);
    assert_eq!(text(&client, "/user"), "ada Ada");
    user.clone().name("Ada L.").changes(client.rocket());
    assert_eq!(text(&client, "/user"), "ada Ada");
    hours(2);
    assert_eq!(text(&client, "/user"), "ada Ada L.");

    // Unused for a day.
    hours(25);
    assert_eq!(status(&client, "/user"), Status::Unauthorized);

    // Ended by an operator.
    user.sign_in(&client);
    assert_eq!(client.post("/end/ada").dispatch().status(), Status::Ok);
    assert_eq!(status(&client, "/user"), Status::Unauthorized);

    // Replaced, and refused by the app.
    user.sign_in(&client);
    TestUser::new("bob").sign_in(&client);
    assert_eq!(text(&client, "/maybe"), "bob");
    let refused = TestUser::new("mallory").arrive(&client);
    assert_eq!(refused.status(), Status::Forbidden);
    let page = refused.into_string().unwrap_or_default();
    assert!(page.contains("Not you, Mallory."), "{page}");
    assert_eq!(text(&client, "/maybe"), "bob");
}

#[rocket::async_test]
async fn many_at_once_do_not_disturb_each_other() {
    let clients = (0..20).map(|number| async move {
        let app = offline(app("https://logto.example.com"));
        let client = asynchronous::Client::tracked(app).await.expect("an app");
        let sub = format!("user-{number}");
        TestUser::new(&sub).sign_in_async(&client).await;
        if number % 2 == 0 {
            later(client.rocket(), Duration::from_secs(48 * 3600));
        }
        let answer = client.get("/maybe").dispatch().await.into_string().await;
        let expected = if number % 2 == 0 { "nobody" } else { &sub };
        assert_eq!(answer.as_deref(), Some(expected));
        client
    });
    let clients = join_all(clients).await;
    // Each has keys of its own.
    let token = TestToken::new("bob").resource(SHOPPING).scope("read");
    let header = token.header(clients[0].rocket());
    let own = clients[0].get("/bearer").header(header.clone());
    assert_eq!(own.dispatch().await.status(), Status::Ok);
    let other = clients[1].get("/bearer").header(header);
    assert_eq!(other.dispatch().await.status(), Status::Unauthorized);
}

#[test]
fn what_a_test_has_forgotten_is_told() {
    fn panics(act: impl FnOnce()) -> String {
        let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("a panic");
        panic.downcast_ref::<String>().cloned().unwrap_or_else(|| {
            let text = panic.downcast_ref::<&str>().copied();
            text.unwrap_or_default().to_owned()
        })
    }
    let offline_app = || offline(app("https://logto.example.com"));
    let untracked = blocking::Client::untracked(offline_app()).expect("an app");
    let told = panics(|| ada().sign_in(&untracked));
    assert!(told.contains("make it by Client::tracked()"), "{told}");

    let online = blocking::Client::tracked(rocket::build()).expect("an app");
    let token = TestToken::new("ada").resource(SHOPPING);
    let told = panics(|| drop(token.header(online.rocket())));
    assert!(told.contains("testing::offline() first"), "{told}");
    let told = panics(|| ada().sign_in(&online));
    assert!(told.contains("Logto::fairing() is not attached"), "{told}");

    let client = blocking::Client::tracked(offline_app()).expect("an app");
    let told = panics(|| ada().suspend(client.rocket(), true));
    assert!(told.contains("ada has never signed in"), "{told}");
    let told = panics(|| TestUser::new("mallory").sign_in(&client));
    assert!(told.contains("403") && told.contains("Not you"), "{told}");
}
