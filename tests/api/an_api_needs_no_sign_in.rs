//! `Logto::api()`: a service that lets callers in by their tokens, and has
//! neither sessions, nor cookies, nor sign-in routes, nor a configuration for
//! any of these.

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::error::ErrorKind;
use rocket::figment::value::{Dict, Value};
use rocket::figment::{Figment, Profile};
use rocket::{Build, Rocket, Route, get, routes};
use rocket_logto::{Bearer, Logto, MachineToken, SignIn, User};

use crate::support::api_app::{ApiApp, as_machine, configured};
use crate::support::app::{CLIENT_ID, CLIENT_SECRET, absent, keys, settings};
use crate::support::browser::Browser;
use crate::support::eventually::eventually;
use crate::support::log::lines_with;
use crate::support::serve::free_port;
use crate::support::targets::{Read, SHOPPING, ViewReports};

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[get("/me")]
fn me(user: User) -> String {
    user.sub().to_owned()
}

#[get("/join")]
fn join() -> SignIn {
    SignIn::new()
}

#[get("/machine")]
fn machine(_token: MachineToken<Read>) {}

#[get("/reports/<_tenant>")]
fn reports(_tenant: &str, _caller: Bearer<ViewReports>) {}

#[rocket::async_test]
async fn it_has_no_cookies_no_pages_and_no_sign_in() {
    let app = ApiApp::start(Dict::new(), rocket::build().mount("/", routes![cart])).await;
    let token = app.token(&[("resource", SHOPPING)], "read").await;
    let answer = app.call("/cart", &token).await;
    assert_eq!(
        (answer.status(), answer.text().as_str()),
        (200, "dev-machine")
    );
    assert!(answer.set_cookies().is_empty());

    let browser = Browser::new();
    for path in [
        "/sign-in",
        "/sign-up",
        "/callback",
        "/sign-out",
        "/initiate-login",
    ] {
        assert_eq!(
            browser.navigate(app.url(path)).await.status(),
            404,
            "{path}"
        );
    }
    let logout = browser.post_form(app.url("/backchannel-logout"), &[]).await;
    assert_eq!(logout.status(), 404);

    // A person who looks is told the same as a program.
    let answer = browser.navigate(app.url("/cart")).await;
    assert_eq!(answer.status(), 401);
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(
        challenge.starts_with("Bearer scope=\"read\", "),
        "{challenge}"
    );
    assert_eq!(answer.json::<serde_json::Value>()["error"], "unauthorized");
    assert!(browser.cookies().is_empty());

    assert_eq!(browser.get(app.url("/healthz")).await.status(), 200);
    let ready = browser.get(app.url("/readyz")).await;
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.text(), r#"{"provider":true}"#);
    let asked: Vec<_> = app.provider.requests().iter().map(|r| r.endpoint).collect();
    let own = [Endpoint::Token, Endpoint::Discovery, Endpoint::Jwks];
    assert!(
        asked.iter().all(|endpoint| own.contains(endpoint)),
        "{asked:?}"
    );
}

#[rocket::async_test]
async fn it_starts_before_the_provider_and_recovers_by_itself() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let hooks = provider.hooks();
    hooks.respond(Endpoint::Discovery, |_, reply| reply.status = 503);
    let rocket = rocket::build()
        .mount("/", routes![cart])
        .attach(Logto::api());
    let app = ApiApp::attached(provider, Dict::new(), rocket).await;
    let token = app.token(&[("resource", SHOPPING)], "read").await;
    let answer = app.call("/cart", &token).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    let browser = Browser::new();
    assert_eq!(browser.get(app.url("/healthz")).await.status(), 200);
    assert_eq!(browser.get(app.url("/readyz")).await.status(), 503);

    app.provider.hooks().reset();
    eventually("ready", async || {
        browser.get(app.url("/readyz")).await.status() == 200
    })
    .await;
    assert_eq!(app.call("/cart", &token).await.status(), 200);
}

/// In the debug profile, without an endpoint, it trusts the development provider
/// that another app runs, and starts none of its own.
#[rocket::async_test]
async fn without_an_endpoint_it_trusts_a_development_provider_beside_it() {
    let table = |port: u16| {
        let port = Dict::from([("port".to_owned(), Value::from(port))]);
        keys([("endpoint", absent()), ("dev_provider", port.into())])
    };
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let port = provider.port();
    let rocket = || {
        rocket::build()
            .mount("/", routes![cart, machine])
            .attach(Logto::api())
    };
    let app = ApiApp::attached(provider, table(port), rocket()).await;
    let token = app.token(&[("resource", SHOPPING)], "read").await;
    assert_eq!(app.call("/cart", &token).await.text(), "dev-machine");
    // It is the seeded machine there.
    assert_eq!(app.call("/machine", "").await.status(), 200);
    let issuer = app.provider.issuer();
    let said = format!("tokens of the DEVELOPMENT PROVIDER at {issuer} are accepted");
    assert!(!lines_with(&said).is_empty());

    let nobody = free_port();
    let elsewhere = ApiApp::attached(app.provider, table(nobody), rocket()).await;
    assert_eq!(elsewhere.call("/cart", &token).await.status(), 503);
    assert!(std::net::TcpStream::connect(("127.0.0.1", nobody)).is_err());

    let off = keys([("endpoint", absent()), ("dev_provider", false.into())]);
    let off = configured(rocket(), "", off);
    assert!(matches!(outcome(off).await, Fails));
    // Nobody says here which one that is.
    let any = configured(rocket(), "", table(0));
    assert!(matches!(outcome(any).await, Fails));
}

enum Outcome {
    Ignites,
    Aborts,
    Fails,
}
use Outcome::{Aborts, Fails, Ignites};

async fn outcome(rocket: Rocket<Build>) -> Outcome {
    match rocket.ignite().await {
        Ok(_) => Ignites,
        Err(error) => match error.kind() {
            ErrorKind::SentinelAborts(_) => Aborts,
            ErrorKind::FailedFairings(_) => Fails,
            other => panic!("{other:?}"),
        },
    }
}

/// Outside the debug profile an app that signs people in needs `base_url`,
/// `app_id` and Rocket's `secret_key`; an API needs none of them.
#[rocket::async_test]
async fn it_needs_nothing_but_the_provider() {
    let release = |key: &str, value: &str| {
        let figment = Figment::from(rocket::Config::release_default())
            .merge(("log_level", "critical"))
            .merge(("port", free_port()))
            .merge((format!("logto.{key}"), value))
            .select(Profile::new("release"));
        rocket::custom(figment)
            .mount("/", routes![cart])
            .attach(Logto::api())
    };
    let https = "https://tenant.logto.app";
    assert!(matches!(outcome(release("endpoint", https)).await, Ignites));
    assert!(matches!(outcome(release("issuer", https)).await, Ignites));
    assert!(matches!(
        outcome(release("endpoint", "http://a.example")).await,
        Fails
    ));
    assert!(matches!(
        outcome(release("id_token_alg", "ES384")).await,
        Fails
    ));
}

struct Launch {
    what: &'static str,
    routes: Vec<Route>,
    table: Dict,
    outcome: Outcome,
    said: &'static str,
}

#[rocket::async_test]
async fn what_can_never_work_aborts_the_launch() {
    let launch = |what, routes, outcome, said| Launch {
        what,
        routes,
        table: Dict::new(),
        outcome,
        said,
    };
    let confidential = || {
        keys([
            ("app_id", CLIENT_ID.into()),
            ("app_secret", CLIENT_SECRET.into()),
        ])
    };
    let introspect = |mut table: Dict| {
        table.insert("introspect_opaque_tokens".into(), true.into());
        table
    };
    let part = |key: &str| {
        let machine = Dict::from([(key.to_owned(), Value::from("x"))]);
        keys([("machine", machine.into())])
    };
    let launches = [
        launch("Bearer alone", routes![cart], Ignites, ""),
        launch(
            "a user",
            routes![me],
            Aborts,
            "`User` needs users to sign in: attach Logto::fairing()",
        ),
        launch(
            "a sign-in",
            routes![join],
            Aborts,
            "needs users to sign in: attach Logto::fairing()",
        ),
        launch(
            "a machine without credentials",
            routes![machine],
            Aborts,
            "add machine = { app_id = \"…\", app_secret = \"…\" }",
        ),
        Launch {
            table: keys([("app_id", CLIENT_ID.into())]),
            ..launch(
                "a machine without a secret",
                routes![machine],
                Aborts,
                "or set LOGTO_MACHINE_APP_ID and LOGTO_MACHINE_APP_SECRET",
            )
        },
        Launch {
            table: confidential(),
            ..launch(
                "a machine with the app's credentials",
                routes![machine],
                Ignites,
                "",
            )
        },
        Launch {
            table: as_machine(),
            ..launch("a machine with its own", routes![machine], Ignites, "")
        },
        launch(
            "an organization that no route names",
            routes![reports],
            Aborts,
            "::ViewReports` in an organization, but no route has the path parameter <org_id>",
        ),
        Launch {
            table: introspect(confidential()),
            ..launch("introspection with credentials", routes![cart], Ignites, "")
        },
        Launch {
            table: introspect(keys([("app_id", CLIENT_ID.into())])),
            ..launch("introspection without", routes![cart], Fails, "")
        },
        Launch {
            table: keys([("app_secret", CLIENT_SECRET.into())]),
            ..launch("a secret of nobody", routes![cart], Fails, "")
        },
        Launch {
            table: part("app_id"),
            ..launch("half a machine", routes![cart], Fails, "")
        },
        Launch {
            table: part("app_secret"),
            ..launch("the other half", routes![cart], Fails, "")
        },
    ];
    for launch in launches {
        let rocket = rocket::custom(rocket::Config::figment()).mount("/", launch.routes);
        let rocket = configured(
            rocket.attach(Logto::api()),
            "http://localhost:1",
            launch.table,
        );
        let came = outcome(rocket).await;
        let same = std::mem::discriminant(&came) == std::mem::discriminant(&launch.outcome);
        assert!(same, "{}", launch.what);
        let said = lines_with(launch.said);
        assert!(
            launch.said.is_empty() || !said.is_empty(),
            "{}",
            launch.what
        );
    }
    let both = rocket::build()
        .attach(Logto::api())
        .attach(Logto::fairing());
    let both = configured(
        both,
        "http://localhost:1",
        keys([("app_id", CLIENT_ID.into())]),
    );
    assert!(matches!(outcome(both).await, Fails));
    assert!(!lines_with("Logto::fairing() and Logto::api() are both attached").is_empty());
    let neither = rocket::custom(rocket::Config::figment()).mount("/", routes![cart]);
    assert!(matches!(outcome(neither).await, Aborts));
    assert!(!lines_with("`Bearer` needs the fairing").is_empty());
}
