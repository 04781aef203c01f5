//! No secret gets into a log, at any level and by whatever library, nor into a
//! page, a header or an address it does not belong in. `support::leaks` watches
//! all tests of this binary; here is that it watches, and that it sees.

use std::process::Command;

use crate::support::app::{ALICE, BOB, TestApp, keys, settings};
use crate::support::browser::Browser;
use crate::support::client_key::ClientKey;
use crate::support::launch::Launch;
use crate::support::leaks;
use crate::support::sessions::{rocket, sign_out, signed_in};

const PLANTED: &str = "aPlantedSecret-0123456789";

/// Everything with a secret in it, once; the search is at the end of the process.
#[rocket::async_test]
async fn in_a_whole_session() {
    let key = ClientKey::make("ES256");
    for method in [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    ] {
        let mut logto = keys([("token_endpoint_auth_method", method.into())]);
        let mut settings = settings();
        if method == "private_key_jwt" {
            settings.client_jwks = vec![key.public_jwk()];
            logto.extend(keys([("app_key_file", key.pkcs8().into())]));
        }
        let app = TestApp::with_settings(settings, logto, rocket()).await;
        app.provider.hooks().rotate_refresh_tokens(true);
        let browser = signed_in(&app, ALICE).await;
        let page = browser.post_form(app.url("/refresh"), &[]).await;
        assert_eq!(page.text(), ALICE);
        let page = browser.navigate(app.url("/userinfo")).await;
        assert_eq!(page.text(), ALICE);
        assert_eq!(sign_out(&browser, &app).await.status(), 303);
        // And what goes wrong with all of it in hand.
        app.provider.hooks().id_token(|_, claims| {
            claims.insert("nonce".into(), "another".into());
        });
        let page = app.sign_in(&Browser::new(), "/protected", BOB).await;
        assert_eq!(page.status(), 400);
    }
    let kinds = leaks::kinds();
    for kind in [
        "access_token",
        "client_assertion",
        "client_key",
        "client_secret",
        "code",
        "code_verifier",
        "cookie",
        "id_token",
        "refresh_token",
    ] {
        assert!(kinds.contains(kind), "no {kind} was around: {kinds:?}");
    }
    let loggers = leaks::loggers();
    for name in ["rocket", "rocket_logto", "reqwest"] {
        assert!(loggers.contains(name), "{name} is silent: {loggers:?}");
    }
}

/// Rocket's router takes an address in more than one way.
#[rocket::async_test]
async fn however_an_address_is_written() {
    let app = TestApp::start(rocket()).await;
    let secret = "aCodeOfNobody-0123456789";
    leaks::keep("code", secret);
    for own in leaks::OWN {
        let encoded = format!("/%{:02x}{}", own.as_bytes()[1], &own[2..]);
        for path in [
            own.to_owned(),
            format!("{own}/"),
            format!("/{own}"),
            encoded,
        ] {
            if ["/sign-out", "/session.json", "/healthz", "/readyz"].contains(&own) {
                continue;
            }
            let url = format!("{path}?code={secret}&state=unknown");
            let url = app.url("").trim_end_matches('/').to_owned() + &url;
            let status = Browser::new().navigate(url).await.status();
            let expected = match own {
                "/initiate-login" => 400,
                "/backchannel-logout" => 404,
                _ => 303,
            };
            assert_eq!(status, expected, "{path}");
        }
    }
}

/// The one place where it is: Rocket itself, before any fairing.
#[rocket::async_test]
async fn what_rocket_tells_at_level_debug_is_warned_of() {
    for (level, is_warned) in [("debug", true), ("normal", false)] {
        let launch = Launch {
            toml: "[default.logto]\nendpoint = \"https://id.example\"\napp_id = \"a\"\n\
                   scopes = [\"urn:logto:scope:organizations\"]\n"
                .to_owned(),
            env: vec![("ROCKET_LOG_LEVEL", level)],
        };
        let output = launch.announces(&format!("log-level-{level}")).await;
        let warning = "Rocket logs whole requests and responses";
        assert_eq!(output.contains(warning), is_warned, "{level}:\n{output}");
    }
}

/// Leaks, or does not, as it is told by the test below.
#[test]
#[ignore = "started by a_leak_fails_the_run, in a process of its own"]
fn planted() {
    let place = std::env::var("PLANT").unwrap_or_default();
    let cookie = format!("logto_session={PLANTED}; Path=/");
    let mut headers = reqwest::header::HeaderMap::new();
    match &*place {
        "" => {}
        "log before it is known" => log::trace!("GET /callback?code={PLANTED}&state=s"),
        "log of another library" => log::trace!(target: "hyper", "Cookie(\"{PLANTED}\")"),
        "JWT in a log" => log::debug!("token: eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJhbGljZSJ9.AA"),
        "cookie in its place" => {
            headers.insert("set-cookie", cookie.parse().expect("a header"));
        }
        "cookie in another header" => {
            headers.insert("x-session", cookie.parse().expect("a header"));
        }
        "hint in its place" => {
            let to = format!("https://op/end?client_id=a&id_token_hint={PLANTED}&state=s");
            headers.insert("location", to.parse().expect("a header"));
        }
        "secret in an address" => {
            let to = format!("https://elsewhere/?code={PLANTED}");
            headers.insert("location", to.parse().expect("a header"));
        }
        "page" => {}
        place => panic!("{place}?"),
    }
    leaks::keep("code", PLANTED);
    leaks::app(1, false);
    let callback = "http://localhost:1/callback".parse().expect("a URL");
    let body = if place == "page" { PLANTED } else { "" };
    leaks::answered(&callback, 303, &headers, body.as_bytes());
    // A handler of a test may.
    let shown = "http://localhost:1/shown".parse().expect("a URL");
    leaks::answered(&shown, 200, &Default::default(), PLANTED.as_bytes());
}

#[test]
fn a_leak_fails_the_run() {
    let this = std::env::current_exe().expect("this very program");
    for (place, is_seen) in [
        ("", false),
        ("log before it is known", true),
        ("log of another library", true),
        ("JWT in a log", true),
        ("cookie in its place", false),
        ("cookie in another header", true),
        ("hint in its place", false),
        ("secret in an address", true),
        ("page", true),
    ] {
        let run = Command::new(&this)
            .args([
                "--exact",
                "operations::nothing_secret_is_told::planted",
                "--ignored",
            ])
            .env("PLANT", place)
            .output()
            .expect("it runs");
        let (out, err) = (
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr),
        );
        assert!(out.contains("1 passed"), "{place}: {out}{err}");
        assert_eq!(run.status.success(), !is_seen, "{place}: {err}");
        assert_eq!(err.contains("LEAK of a "), is_seen, "{place}: {err}");
    }
}
