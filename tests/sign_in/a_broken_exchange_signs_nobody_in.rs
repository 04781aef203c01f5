//! A token endpoint that fails, in whatever way, is asked once and told on a
//! page; nobody is half signed in after it.

use std::time::Duration;

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::figment::value::Dict;
use rocket::futures::future::join;
use serde_json::json;

use crate::support::app::{ALICE, BOB, TestApp, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::eventually::asked;
use crate::support::log::{lines_with, reason_of};
use crate::support::pages::{NOBODY, own_cookies, pages};
use crate::support::raw_server::{RawRequest, RawServer, Step, json_response, response};
use crate::support::redis::Redis;
use crate::support::refusal::reference;
use crate::support::serve::{Served, free_port};

type Script = Box<dyn Fn(&RawRequest) -> Vec<Step> + Send + Sync>;

/// A provider with right metadata and a token endpoint that does as it is told.
struct Broken {
    server: RawServer,
    app: Served,
    browser: Browser,
}

/// Stands for a token: no page may show it.
const CANARY: &str = "canary-token";

impl Broken {
    async fn start(token: Script) -> Broken {
        Broken::with_timeout("20s", token).await
    }

    async fn with_timeout(http_timeout: &str, token: Script) -> Broken {
        let (provider_port, port) = (free_port(), free_port());
        let issuer = format!("http://localhost:{provider_port}/oidc");
        let metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/auth"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
        });
        let server = RawServer::start_on(provider_port, move |request| match request.path() {
            "/oidc/.well-known/openid-configuration" => {
                vec![Step::Send(json_response("200 OK", &metadata))]
            }
            "/oidc/jwks" => vec![Step::Send(json_response("200 OK", &json!({ "keys": [] })))],
            _ => token(request),
        })
        .await;
        let endpoint = server.url("");
        let logto = keys([("http_timeout", http_timeout.into())]);
        let app = TestApp::serve(port, &endpoint, logto, pages()).await;
        let browser = Browser::new();
        Broken {
            server,
            app,
            browser,
        }
    }

    /// Comes back from the provider with a code.
    async fn callback(&self) -> Response {
        let start = self.browser.navigate(self.app.url("/sign-in")).await;
        let state = start.location_query("state").expect("a state");
        let url = self.app.url(&format!("/callback?code=c0de&state={state}"));
        self.browser.navigate(url).await
    }
}

fn http(status: &str, body: &str) -> Script {
    let answer = response(status, "application/json", body.as_bytes());
    Box::new(move |_| vec![Step::Send(answer.clone())])
}

fn steps(steps: Vec<Step>) -> Script {
    Box::new(move |_| steps.clone())
}

#[rocket::async_test]
async fn a_broken_token_endpoint_is_told_once_and_leaves_nobody_half_signed_in() {
    let tokens = |extra: &str| {
        format!(
            r#"{{"access_token":"{CANARY}","refresh_token":"{CANARY}","expires_in":3600{extra}}}"#
        )
    };
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n".to_vec();
    let endless = [
        head.clone(),
        b"Content-Length: 99999999\r\n\r\n{\"x\":\"".to_vec(),
    ]
    .concat();
    let chunked = [head.clone(), b"Transfer-Encoding: chunked\r\n\r\n".to_vec()].concat();
    let short = [
        head.clone(),
        b"Content-Length: 500\r\n\r\n{\"access".to_vec(),
    ]
    .concat();
    let cases: Vec<(&str, Script, u16)> = vec![
        ("500", http("500 Internal Server Error", "{}"), 502),
        (
            "500 with an OAuth error",
            http("500 Oops", r#"{"error":"invalid_grant"}"#),
            502,
        ),
        ("503", http("503 Service Unavailable", "later"), 502),
        ("429", http("429 Too Many Requests", "{}"), 503),
        (
            "invalid_client",
            http("401 Unauthorized", r#"{"error":"invalid_client"}"#),
            500,
        ),
        (
            "invalid_grant",
            http("400 Bad Request", r#"{"error":"invalid_grant"}"#),
            400,
        ),
        ("400 without JSON", http("400 Bad Request", "no"), 502),
        ("404", http("404 Not Found", ""), 502),
        ("204", http("204 No Content", ""), 502),
        ("hang", steps(vec![Step::Hang]), 504),
        (
            "hang within the body",
            steps(vec![Step::Send(endless.clone()), Step::Hang]),
            504,
        ),
        (
            "a byte at a time",
            steps(vec![
                Step::Send(head.clone()),
                Step::Trickle {
                    bytes: vec![b'x'; 400],
                    pause: Duration::from_millis(50),
                },
            ]),
            504,
        ),
        ("reset", steps(vec![Step::Reset]), 502),
        ("closed", steps(vec![]), 502),
        (
            "half closed",
            steps(vec![Step::Send(head.clone()), Step::HalfClose]),
            502,
        ),
        ("cut off", steps(vec![Step::Send(short)]), 502),
        (
            "no HTTP",
            steps(vec![Step::text("SSH-2.0-OpenSSH\r\n")]),
            502,
        ),
        (
            "over 1 MiB",
            steps(vec![
                Step::Send(endless),
                Step::SendForever(vec![b'x'; 65_536]),
            ]),
            502,
        ),
        (
            "chunks without end",
            steps(vec![
                Step::Send(chunked),
                Step::SendForever(
                    [b"10000\r\n".to_vec(), vec![b'x'; 65_536], b"\r\n".to_vec()].concat(),
                ),
            ]),
            502,
        ),
        (
            "HTML",
            steps(vec![Step::Send(response(
                "200 OK",
                "text/html",
                b"<html>hello",
            ))]),
            502,
        ),
        ("broken JSON", http("200 OK", "{\"access_token\":"), 502),
        ("an array", http("200 OK", "[]"), 502),
        ("null", http("200 OK", "null"), 502),
        ("empty", http("200 OK", ""), 502),
        (
            "not UTF-8",
            steps(vec![Step::Send(response(
                "200 OK",
                "application/json",
                b"{\"access_token\":\"\xff\xfe\"}",
            ))]),
            502,
        ),
        (
            "no access token",
            http("200 OK", r#"{"token_type":"Bearer","id_token":"x"}"#),
            502,
        ),
        (
            "no ID token",
            http("200 OK", &tokens(r#","token_type":"Bearer""#)),
            502,
        ),
        (
            "token_type mac",
            http("200 OK", &tokens(r#","token_type":"mac","id_token":"x""#)),
            502,
        ),
        (
            "no token_type",
            http("200 OK", &tokens(r#","id_token":"x""#)),
            502,
        ),
    ];
    for (case, token, status) in cases {
        let broken = match status {
            504 => Broken::with_timeout("2s", token).await,
            _ => Broken::start(token).await,
        };
        let page = broken.callback().await;
        assert_eq!(page.status(), status, "{case}: {}", page.text());
        assert!(page.text().contains("Reference"), "{case}");
        assert!(!page.text().contains(CANARY), "{case}");
        let links = page.page().links;
        assert!(
            links.iter().any(|link| link.text == "Sign in again"),
            "{case}: the code must not be sent twice: {links:?}"
        );
        assert_eq!(
            page.headers().contains_key("retry-after"),
            status == 503,
            "{case}"
        );
        assert_eq!(broken.server.count("/oidc/token"), 1, "{case}: no retry");
        assert_eq!(own_cookies(&broken.browser), [""; 0], "{case}");
        let home = broken.browser.navigate(broken.app.url("/")).await;
        assert_eq!(home.text(), NOBODY, "{case}");
        // A reload sends the code nowhere. It begins anew.
        let again = broken.browser.navigate(page.url()).await;
        assert_eq!(again.status(), 303, "{case}");
        assert_eq!(broken.server.count("/oidc/token"), 1, "{case}: reload");
    }
}

/// An error counts as one, whatever it is dressed in.
#[rocket::async_test]
async fn an_error_in_other_clothes_is_read_as_what_it_says() {
    let error = r#"{"error":"invalid_client","error_description":"the words"}"#;
    let bom = [b"\xef\xbb\xbf", error.as_bytes()].concat();
    let answer = |status: &str, media_type: &str, body: &[u8]| {
        let answer = response(status, media_type, body);
        steps(vec![Step::Send(answer)])
    };
    let challenge = |challenge: &str| {
        let head = format!(
            "HTTP/1.1 401 No\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 5\r\n\r\n<html"
        );
        steps(vec![Step::text(head)])
    };
    let json = "application/json";
    for (case, token, said) in [
        ("200", answer("200 OK", json, error.as_bytes()), true),
        ("201", answer("201 Created", json, error.as_bytes()), true),
        ("403", answer("403 No", json, error.as_bytes()), true),
        ("404", answer("404 No", json, error.as_bytes()), true),
        ("418", answer("418 No", json, error.as_bytes()), true),
        (
            "HTML",
            answer("400 No", "text/html", error.as_bytes()),
            true,
        ),
        (
            "200 as text",
            answer("200 OK", "text/plain", error.as_bytes()),
            true,
        ),
        (
            "problem",
            answer("400 No", "application/problem+json", error.as_bytes()),
            true,
        ),
        ("BOM", answer("400 No", json, &bom), true),
        ("200 with a BOM", answer("200 OK", json, &bom), true),
        (
            "in the header",
            challenge(r#"Basic realm="x", error="invalid_client", error_description="the words""#),
            true,
        ),
        ("a bare challenge", challenge(r#"basic realm="x""#), false),
    ] {
        let broken = Broken::start(token).await;
        let page = broken.callback().await;
        assert_eq!(page.status(), 500, "{case}: {}", page.text());
        let title = page.page().title;
        assert_eq!(title, "This app is not set up correctly", "{case}");
        let line = lines_with(&format!("reference={}", reference(&page))).remove(0);
        assert!(
            line.contains("reason=token_endpoint_invalid_client "),
            "{case}: {line}"
        );
        assert_eq!(
            line.ends_with("the provider says \"the words\""),
            said,
            "{case}: {line}"
        );
    }
}

/// What cannot be used is a 502, and the log names the member.
#[rocket::async_test]
async fn an_answer_that_cannot_be_used_names_the_member() {
    for (body, told) in [
        ("<html>Proxy", "empty, or not application/json"),
        ("[]", "not a JSON object"),
        ("{", "at \"\""),
        (r#"{"token_type":"Bearer"}"#, "without \"access_token\""),
        (
            r#"{"access_token":"canary-token"}"#,
            "without \"token_type\"",
        ),
        (
            r#"{"access_token":7,"token_type":"Bearer"}"#,
            "at \"access_token\"",
        ),
        (
            r#"{"access_token":"canary-token","token_type":["Bearer"]}"#,
            "at \"token_type\"",
        ),
        (
            r#"{"access_token":"canary-token","token_type":"mac"}"#,
            "at \"token_type\"",
        ),
        (
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
            "with \"access_token\" twice",
        ),
        (
            r#"{"access_token":"canary-token","token_type":"Bearer"}"#,
            "id_token_missing",
        ),
        (
            r#"{"access_token":"canary-token","token_type":"Bearer","id_token":7}"#,
            "id_token_missing",
        ),
        (
            r#"{"access_token":"canary-token","token_type":"Bearer","id_token":null}"#,
            "id_token_missing",
        ),
    ] {
        let media_type = if body.starts_with('<') {
            "text/html"
        } else {
            "application/json"
        };
        let answer = response("200 OK", media_type, body.as_bytes());
        let broken = Broken::start(steps(vec![Step::Send(answer)])).await;
        let page = broken.callback().await;
        assert_eq!(page.status(), 502, "{body}: {}", page.text());
        let title = page.page().title;
        assert_eq!(
            title, "The sign-in service sent an unusable response",
            "{body}"
        );
        let reason = reason_of(&reference(&page));
        assert!(reason.starts_with(told), "{body}: {reason}");
        assert!(!reason.contains(CANARY), "{body}: {reason}");
    }
}

/// Nobody has seen the code: it can still be used.
#[rocket::async_test]
async fn a_code_that_went_nowhere_is_sent_by_a_reload() {
    let redis = Redis::start().await;
    for (store, table) in [("cookies", Dict::new()), ("Redis", redis.table())] {
        let provider = DevProvider::start(settings());
        let provider = provider.await.expect("a provider");
        let gone = free_port();
        let token_endpoint = format!("http://localhost:{gone}/token");
        provider
            .hooks()
            .respond(Endpoint::Discovery, move |_, reply| {
                reply.edit_json(|metadata| metadata["token_endpoint"] = json!(token_endpoint));
            });
        let app = TestApp::serve(free_port(), &provider.endpoint(), table, pages()).await;
        let browser = Browser::new();
        let start = browser.navigate(app.url("/sign-in")).await;
        let state = start.location_query("state").expect("a state");
        let iss = provider.issuer();
        let url = app.url(&format!("/callback?code=c0de&state={state}&iss={iss}"));
        for attempt in 1..=2 {
            let page = browser.navigate(&url).await;
            assert_eq!(page.status(), 502, "{store} {attempt}: {}", page.text());
            assert_eq!(page.set_cookies(), [""; 0], "{store} {attempt}");
        }

        let back = RawServer::start_on(gone, |_| vec![Step::Reset]).await;
        let page = browser.navigate(&url).await;
        assert_eq!(page.status(), 502, "{store}: {}", page.text());
        assert_eq!(own_cookies(&browser), [""; 0], "{store}: sent, so used up");
        let sent = &back.requests()[0];
        let sent = String::from_utf8_lossy(&sent.body);
        assert!(sent.contains("code=c0de&"), "{store}: {sent}");
        // Another one begins.
        assert_eq!(browser.navigate(&url).await.status(), 303, "{store}");
        assert_eq!(back.count("/token"), 1, "{store}");
    }
}

/// All turns are taken, and Bob waits for none.
#[rocket::async_test]
async fn a_code_that_finds_the_provider_busy_is_sent_by_a_reload() {
    let redis = Redis::start().await;
    for (store, mut table) in [("cookies", Dict::new()), ("Redis", redis.table())] {
        table.insert("max_concurrent_op_calls".into(), 1.into());
        table.insert("http_timeout".into(), 20.into());
        let app = TestApp::with(table, pages()).await;
        let alice = Browser::new();
        app.sign_in(&alice, "/protected", ALICE).await;
        let (bob, back) = app.on_the_way_back(BOB).await;
        let callback = back.location().expect("the callback").to_string();
        let exchanges = app.provider.requests_to(Endpoint::Token).len();

        let held = app.provider.hooks().hold(Endpoint::UserInfo);
        let others = async {
            asked(&app.provider, Endpoint::UserInfo, 1).await;
            let page = bob.navigate(&callback).await;
            assert_eq!(page.status(), 503, "{store}: {}", page.text());
            assert!(page.header("retry-after").is_some(), "{store}");
            drop(held);
        };
        let (info, ()) = join(alice.navigate(app.url("/userinfo")), others).await;
        assert_eq!(info.status(), 200, "{store}");
        let page = bob.navigate(&callback).await;
        assert_eq!(page.status(), 303, "{store}: {}", page.text());
        let protected = bob.navigate(app.url("/protected")).await;
        assert_eq!(protected.text(), BOB, "{store}");
        let now = app.provider.requests_to(Endpoint::Token).len();
        assert_eq!(now, exchanges + 1, "{store}");
    }
}

#[rocket::async_test]
async fn too_many_requests_says_when_to_come_back() {
    for (told, answered) in [
        ("17", "17"),
        ("0", "1"),
        ("soon", "5"),
        ("99999999", "3600"),
    ] {
        let answer = format!(
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {told}\r\nContent-Length: 0\r\n\r\n"
        );
        let broken = Broken::start(steps(vec![Step::text(answer)])).await;
        let page = broken.callback().await;
        assert_eq!(page.status(), 503, "{told}");
        assert_eq!(page.header("retry-after"), Some(answered), "{told}");
    }
}

#[rocket::async_test]
async fn redirects_of_the_provider_are_not_followed() {
    let elsewhere = RawServer::start(|_| vec![Step::text("HTTP/1.1 200 OK\r\n\r\n")]).await;
    for status in [301, 302, 303, 307, 308] {
        let to = elsewhere.url("/oidc/token");
        let answer = format!("HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let broken = Broken::start(steps(vec![Step::text(answer)])).await;
        let page = broken.callback().await;
        assert_eq!(page.status(), 502, "{status}");
        assert_eq!(broken.server.count("/oidc/token"), 1, "{status}");
        assert_eq!(
            elsewhere.connections(),
            0,
            "{status}: the secret went along"
        );
    }
}
