//! The provider says that somebody has signed out (OpenID Connect Back-Channel
//! Logout 1.0): a right token ends the right sessions before the next request,
//! and no other token does anything.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rocket::figment::value::Dict;
use rocket::tokio::time::sleep;
use rocket_logto::Logto;
use rocket_logto::dev_provider::{DevProvider, Endpoint, Hooks, Signing, SigningAlg};
use serde_json::{Map, Value, json};

use crate::support::app::{ALICE, BOB, TestApp, configuration, settings};
use crate::support::browser::{Browser, Response};
#[cfg(feature = "redis")]
use crate::support::redis::Redis;
use crate::support::serve::{Served, free_port};
use crate::support::sessions::{rocket, signed_in, who};

type Json = Map<String, Value>;
type Clock = fn() -> i64;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// What the configuration allows clocks to differ by, and how old a token
/// without `exp` may be.
const TOLERANCE: i64 = 60;
const LIFETIME: i64 = 300;

fn system() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a clock").as_secs() as i64
}

/// Stands still, so that limits can be met to the second.
fn frozen() -> i64 {
    static NOW: OnceLock<i64> = OnceLock::new();
    *NOW.get_or_init(system)
}

struct Provided {
    app: TestApp,
    /// The `sid` of each ID token issued, in order.
    sids: Arc<Mutex<Vec<String>>>,
}

impl Provided {
    async fn start(clock: Clock) -> Provided {
        Provided::with(Dict::new(), clock, 0).await
    }

    /// `padding` bytes of claims are added to each ID token.
    async fn with(logto: Dict, clock: Clock, padding: usize) -> Provided {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let port = free_port();
        let base = rocket();
        let figment = configuration(base.figment(), port, &provider.endpoint(), logto);
        let fairing = Logto::fairing().with_clock(clock);
        let app = Served::start_on(port, base.configure(figment).attach(fairing)).await;
        provider.set_redirect_uris([app.url("/callback")]);
        provider.set_post_logout_redirect_uris([app.url("/")]);
        let sids = Arc::<Mutex<Vec<String>>>::default();
        let seen = sids.clone();
        provider.hooks().sid(true);
        provider.hooks().id_token(move |_, claims| {
            claims.insert("padding".into(), json!("x".repeat(padding)));
            let sid = claims["sid"].as_str().expect("a sid").to_owned();
            seen.lock().expect("no panic").push(sid);
        });
        let app = TestApp { app, provider };
        Provided { app, sids }
    }

    fn hooks(&self) -> &Hooks {
        self.app.provider.hooks()
    }

    /// Signs in at a session of its own at the provider; the `sid` too.
    async fn sign_in(&self, user: &str) -> (Browser, String) {
        let browser = signed_in(&self.app, user).await;
        let sid = self.sids.lock().expect("no panic").last().cloned();
        (browser, sid.expect("a sid"))
    }

    async fn who(&self, browser: &Browser) -> Option<String> {
        who(browser, self.app.url("/protected")).await
    }

    fn claims(&self, sub: Option<&str>, sid: Option<&str>) -> Json {
        self.app.provider.logout_claims(sub, sid)
    }

    fn token(&self, claims: Json) -> String {
        self.hooks()
            .forge(&Signing::Key, "logout+jwt", claims, |_, _| {})
    }

    fn post(&self) -> crate::support::browser::Request<'static> {
        // A provider has no cookies.
        let nobody: &'static Browser = Box::leak(Box::new(Browser::new()));
        nobody.request(reqwest::Method::POST, self.app.url("/backchannel-logout"))
    }

    async fn send(&self, token: &str) -> Response {
        self.post().form(&[("logout_token", token)]).send().await
    }
}

fn status_of(answer: &Response, case: &str) -> u16 {
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert_eq!(answer.set_cookies(), [""; 0], "{case}");
    answer.status()
}

/// A fault of a token, and its name. The first eight are the names of the
/// OpenID Foundation's relying-party modules for back-channel logout.
type Fault = (&'static str, Signing, fn(&mut Json, &mut Json));

fn faults(es256: SigningAlg) -> Vec<Fault> {
    let key = Signing::Key;
    vec![
        ("alg-none", Signing::None, |_, _| {}),
        ("no-event", key.clone(), |_, claims| {
            drop(claims.remove("events"))
        }),
        ("with-nonce", key.clone(), |_, claims| {
            drop(claims.insert("nonce".into(), json!("n")))
        }),
        ("wrong-alg", Signing::Alg(es256), |_, _| {}),
        ("wrong-aud", key.clone(), |_, claims| {
            drop(claims.insert("aud".into(), json!("other")))
        }),
        ("wrong-event", key.clone(), |_, claims| {
            claims.insert(
                "events".into(),
                json!({ "http://schemas.openid.net/event/other": {} }),
            );
        }),
        ("wrong-iss", key.clone(), |_, claims| {
            claims.insert("iss".into(), json!("https://other.example/oidc"));
        }),
        ("typ of an access token", key.clone(), |header, _| {
            drop(header.insert("typ".into(), json!("at+jwt")))
        }),
        ("typ of an event", key.clone(), |header, _| {
            drop(header.insert("typ".into(), json!("secevent+jwt")))
        }),
        ("empty typ", key.clone(), |header, _| {
            drop(header.insert("typ".into(), json!("")))
        }),
        ("exp past", key.clone(), |_, claims| {
            claims.insert("exp".into(), json!(frozen() - TOLERANCE));
        }),
        ("exp past, iat young", key.clone(), |_, claims| {
            claims.insert("iat".into(), json!(frozen()));
            claims.insert("exp".into(), json!(frozen() - 3600));
        }),
        ("exp as text", key.clone(), |_, claims| {
            drop(claims.insert("exp".into(), json!("never")))
        }),
        ("iat too old without exp", key.clone(), |_, claims| {
            claims.insert("iat".into(), json!(frozen() - LIFETIME - TOLERANCE - 1));
        }),
        ("iat in the future", key.clone(), |_, claims| {
            claims.insert("iat".into(), json!(frozen() + TOLERANCE + 1));
        }),
        ("iat in the future, with exp", key.clone(), |_, claims| {
            claims.insert("iat".into(), json!(frozen() + TOLERANCE + 1));
            claims.insert("exp".into(), json!(frozen() + 3600));
        }),
        ("no iat", key.clone(), |_, claims| {
            drop(claims.remove("iat"))
        }),
        ("no jti", key.clone(), |_, claims| {
            drop(claims.remove("jti"))
        }),
        ("empty jti", key.clone(), |_, claims| {
            drop(claims.insert("jti".into(), json!("")))
        }),
        ("no iss", key.clone(), |_, claims| {
            drop(claims.remove("iss"))
        }),
        ("no aud", key.clone(), |_, claims| {
            drop(claims.remove("aud"))
        }),
        ("neither sub nor sid", key.clone(), |_, claims| {
            claims.remove("sub");
            claims.remove("sid");
        }),
        ("empty sub and sid", key.clone(), |_, claims| {
            claims.insert("sub".into(), json!(""));
            claims.insert("sid".into(), json!(""));
        }),
        ("sub as a number", key.clone(), |_, claims| {
            drop(claims.insert("sub".into(), json!(7)))
        }),
        ("event as text", key.clone(), |_, claims| {
            claims.insert("events".into(), json!({ EVENT: "yes" }));
        }),
        ("events as a list", key.clone(), |_, claims| {
            drop(claims.insert("events".into(), json!([EVENT])))
        }),
        ("nonce null", key.clone(), |_, claims| {
            drop(claims.insert("nonce".into(), Value::Null))
        }),
        ("crit", key.clone(), |header, _| {
            drop(header.insert("crit".into(), json!(["b64"])))
        }),
        (
            "a key that is not published",
            Signing::UnpublishedKey,
            |_, _| {},
        ),
        ("a bent signature", Signing::Corrupt, |_, _| {}),
    ]
}

#[rocket::async_test]
async fn each_faulty_token_is_refused_and_ends_nothing() {
    let op = Provided::start(frozen).await;
    let (browser, sid) = op.sign_in(ALICE).await;
    op.hooks().publish_alg(SigningAlg::Es256);
    for (case, signing, fault) in faults(SigningAlg::Es256) {
        let mut claims = op.claims(Some(ALICE), Some(&sid));
        claims.insert("iat".into(), json!(frozen()));
        let token = op.hooks().forge(&signing, "logout+jwt", claims, fault);
        let answer = op.send(&token).await;
        assert_eq!(status_of(&answer, case), 400, "{case}");
        let body: Value = answer.json();
        assert_eq!(body["error"], "invalid_request", "{case}");
        assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE), "{case}");
    }
    // HS256 with what everybody knows: the public key, and the client's secret.
    let public = op.hooks().public_key_pem(SigningAlg::Es384).into_bytes();
    for secret in [public, crate::support::app::CLIENT_SECRET.into()] {
        let claims = op.claims(Some(ALICE), Some(&sid));
        let signing = Signing::Hmac(secret);
        let token = op.hooks().forge(&signing, "logout+jwt", claims, |_, _| {});
        assert_eq!(status_of(&op.send(&token).await, "HS256"), 400);
    }
    assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE));
}

#[rocket::async_test]
async fn each_right_token_is_taken_and_ends_the_session() {
    let right: [(&str, fn(&mut Json, &mut Json)); 12] = [
        // The module oidcc-client-test-rp-backchannel-rpinitlogout.
        (
            "rpinitlogout: no typ, an unknown claim",
            |header, claims| {
                header.remove("typ");
                claims.insert("unknown".into(), json!({ "a": [1] }));
            },
        ),
        ("typ JWT", |header, _| {
            drop(header.insert("typ".into(), json!("JWT")))
        }),
        ("typ logout+jwt", |_, _| {}),
        ("typ application/logout+jwt", |header, _| {
            header.insert("typ".into(), json!("application/logout+jwt"));
        }),
        ("typ in capitals", |header, _| {
            drop(header.insert("typ".into(), json!("LOGOUT+JWT")))
        }),
        ("no exp", |_, claims| assert!(!claims.contains_key("exp"))),
        ("exp in the future", |_, claims| {
            drop(claims.insert("exp".into(), json!(frozen() + 120)))
        }),
        ("exp just past", |_, claims| {
            claims.insert("exp".into(), json!(frozen() - TOLERANCE + 1));
        }),
        ("iat as old as can be", |_, claims| {
            claims.insert("iat".into(), json!(frozen() - LIFETIME - TOLERANCE));
        }),
        ("iat as new as can be", |_, claims| {
            claims.insert("iat".into(), json!(frozen() + TOLERANCE));
        }),
        ("one of several audiences", |_, claims| {
            claims.insert("aud".into(), json!(["other", claims["aud"]]));
        }),
        ("sid without sub", |_, claims| drop(claims.remove("sub"))),
    ];
    let op = Provided::start(frozen).await;
    for (case, edit) in right {
        let (browser, sid) = op.sign_in(ALICE).await;
        let mut claims = op.claims(Some(ALICE), Some(&sid));
        claims.insert("iat".into(), json!(frozen()));
        let token = op.hooks().forge(&Signing::Key, "logout+jwt", claims, edit);
        let form = [("more", "of it"), ("logout_token", &token)];
        let answer = op.post().form(&form).send().await;
        assert_eq!(status_of(&answer, case), 200, "{case}: {}", answer.text());
        assert_eq!(op.who(&browser).await, None, "{case}");
    }
    // The session is gone already, or never was: still 200.
    for (case, sub, sid) in [
        ("unknown sid", Some(ALICE), Some("unknown")),
        ("unknown sub", Some("unknown"), None),
    ] {
        let token = op.token(op.claims(sub, sid));
        assert_eq!(status_of(&op.send(&token).await, case), 200, "{case}");
    }
}

#[rocket::async_test]
async fn only_a_form_with_one_token_is_read() {
    let op = Provided::start(frozen).await;
    let (browser, sid) = op.sign_in(ALICE).await;
    let fresh = || op.token(op.claims(Some(ALICE), Some(&sid)));
    let form = "application/x-www-form-urlencoded";
    let bodies = [
        (
            "JSON",
            "application/json",
            json!({ "logout_token": fresh() }).to_string(),
        ),
        ("JWT", "application/logout+jwt", fresh()),
        (
            "a form by another name",
            "text/plain",
            format!("logout_token={}", fresh()),
        ),
        ("nothing", form, String::new()),
        ("another parameter", form, format!("token={}", fresh())),
        ("an empty token", form, "logout_token=".into()),
        (
            "two tokens",
            form,
            format!("logout_token={}&logout_token={}", fresh(), fresh()),
        ),
        ("no token at all", form, "logout_token=a.b.c".into()),
        (
            "more than 16 KiB",
            form,
            format!("logout_token={}&x={}", fresh(), "x".repeat(16 * 1024)),
        ),
        ("not UTF-8", form, format!("logout_token=%ff{}", fresh())),
    ];
    for (case, content_type, body) in bodies {
        let answer = op.post().body(content_type, body).send().await;
        assert_eq!(status_of(&answer, case), 400, "{case}");
        assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE), "{case}");
    }
    let in_query = format!(
        "{}?logout_token={}",
        op.app.url("/backchannel-logout"),
        fresh()
    );
    let answer = Browser::new().get(&in_query).await;
    assert_eq!(answer.status(), 404, "GET");
    let nobody = Browser::new();
    let answer = nobody
        .request(reqwest::Method::POST, &in_query)
        .form(&[("a", "b")]);
    assert_eq!(status_of(&answer.send().await, "in the query"), 400);
    assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE));

    // Java's clients name the charset.
    let charset = format!("{form};charset=UTF-8");
    let answer = op
        .post()
        .body(&charset, format!("logout_token={}", fresh()));
    assert_eq!(status_of(&answer.send().await, "charset"), 200);
    assert_eq!(op.who(&browser).await, None);
}

#[rocket::async_test]
async fn an_id_token_signs_nobody_out() {
    let op = Provided::start(frozen).await;
    let (browser, _) = op.sign_in(ALICE).await;
    let kept = Arc::<Mutex<String>>::default();
    let keep = kept.clone();
    op.hooks().respond(Endpoint::Token, move |_, reply| {
        let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
        *keep.lock().expect("no panic") = answer["id_token"].as_str().unwrap_or("").to_owned();
    });
    let page = browser.post_form(op.app.url("/refresh"), &[]).await;
    assert_eq!(page.text(), ALICE);
    let id_token = kept.lock().expect("no panic").clone();
    assert_eq!(id_token.split('.').count(), 3);
    assert_eq!(status_of(&op.send(&id_token).await, "ID token"), 400);
    assert_eq!(op.who(&browser).await.as_deref(), Some(ALICE));
}

#[rocket::async_test]
async fn a_token_counts_once() {
    let op = Provided::start(frozen).await;
    let claims = |jti: &str, exp: Option<i64>| {
        let mut claims = op.claims(Some(ALICE), Some("some sid"));
        claims.insert("jti".into(), json!(jti));
        claims.extend(exp.map(|exp| ("exp".to_owned(), json!(exp))));
        claims
    };
    for (case, exp) in [
        ("a", None),
        ("b", Some(frozen() + 60)),
        ("c", Some(i64::MAX)),
    ] {
        let token = op.token(claims(case, exp));
        assert_eq!(status_of(&op.send(&token).await, case), 200, "{case}");
        assert_eq!(status_of(&op.send(&token).await, case), 400, "{case} again");
        let other = op.token(claims(case, Some(frozen() + 30)));
        assert_eq!(
            status_of(&op.send(&other).await, case),
            400,
            "{case}: the jti"
        );
    }
    // A refused token uses up nothing.
    let bent = op.hooks().forge(
        &Signing::Corrupt,
        "logout+jwt",
        claims("d", None),
        |_, _| {},
    );
    assert_eq!(status_of(&op.send(&bent).await, "bent"), 400);
    let good = op.token(claims("d", None));
    assert_eq!(status_of(&op.send(&good).await, "good"), 200);
}

/// A session is in a cookie, in memory, or in Redis.
async fn ends_the_right_sessions(home: &str, op: &Provided, clock: &AtomicI64) {
    let (one, sid) = op.sign_in(ALICE).await;
    let (two, _) = op.sign_in(ALICE).await;
    let (three, _) = op.sign_in(ALICE).await;
    let (bob, _) = op.sign_in(BOB).await;
    let end = async |sub, sid| {
        let mut claims = op.claims(sub, sid);
        claims.insert("iat".into(), json!(clock.load(Ordering::Relaxed)));
        let answer = op.send(&op.token(claims)).await;
        assert_eq!(status_of(&answer, home), 200, "{home}");
    };
    // Nobody's, then this one alone, effective at once.
    end(None, Some("unknown")).await;
    assert_eq!(op.who(&one).await.as_deref(), Some(ALICE), "{home}");
    end(Some(ALICE), Some(&sid)).await;
    assert_eq!(op.who(&one).await, None, "{home}: by sid");
    assert_eq!(
        one.fetch_json(op.app.url("/userinfo")).await.status(),
        401,
        "{home}"
    );
    for other in [&two, &three] {
        assert_eq!(
            op.who(other).await.as_deref(),
            Some(ALICE),
            "{home}: another sid"
        );
    }
    end(Some(ALICE), None).await;
    for browser in [&one, &two, &three] {
        assert_eq!(op.who(browser).await, None, "{home}: by sub");
    }
    assert_eq!(op.who(&bob).await.as_deref(), Some(BOB), "{home}: by sub");

    // She may sign in again, and stays.
    clock.fetch_add(1, Ordering::Relaxed);
    let (again, _) = op.sign_in(ALICE).await;
    assert_eq!(
        op.who(&again).await.as_deref(),
        Some(ALICE),
        "{home}: later"
    );
    assert_eq!(op.who(&two).await, None, "{home}: later");
}

#[rocket::async_test]
async fn sessions_in_cookies_end_at_once() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    CLOCK.store(system(), Ordering::Relaxed);
    let op = Provided::start(|| CLOCK.load(Ordering::Relaxed)).await;
    ends_the_right_sessions("cookie", &op, &CLOCK).await;
}

#[rocket::async_test]
async fn sessions_in_memory_end_at_once() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    CLOCK.store(system(), Ordering::Relaxed);
    let op = Provided::with(Dict::new(), || CLOCK.load(Ordering::Relaxed), 60_000).await;
    ends_the_right_sessions("memory", &op, &CLOCK).await;
}

#[cfg(feature = "redis")]
#[rocket::async_test]
async fn sessions_in_redis_end_at_once_and_a_redis_that_is_away_is_tried_again() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    CLOCK.store(system(), Ordering::Relaxed);
    let mut redis = Redis::start().await;
    let op = Provided::with(redis.table(), || CLOCK.load(Ordering::Relaxed), 0).await;
    ends_the_right_sessions("redis", &op, &CLOCK).await;

    // It fails half-way: the token is noted, the sessions are not ended.
    let token = op.token(op.claims(Some(ALICE), None));
    redis.command(&["ACL", "SETUSER", "default", "-smembers"]);
    let answer = op.send(&token).await;
    assert_eq!(status_of(&answer, "half-way"), 503);
    redis.command(&["ACL", "SETUSER", "default", "+smembers"]);
    let answer = op.send(&token).await;
    assert_eq!(status_of(&answer, "the same token again"), 200);

    redis.stop();
    let token = op.token(op.claims(Some(ALICE), None));
    let answer = op.send(&token).await;
    assert_eq!(status_of(&answer, "without Redis"), 503);
    assert!(answer.header("retry-after").is_some());
    redis.restart().await;
    let end = Instant::now() + Duration::from_secs(10);
    while status_of(&op.send(&token).await, "with Redis again") != 200 {
        assert!(Instant::now() < end, "the second try is never taken");
        sleep(Duration::from_millis(50)).await;
    }
}

#[rocket::async_test]
async fn the_development_provider_tells_of_sign_outs_and_suspensions() {
    let op = Provided::start(system).await;
    let uri = op.app.url("/backchannel-logout");
    op.app.provider.set_backchannel_logout_uri(Some(uri));
    let (one, _) = op.sign_in(ALICE).await;
    let (two, _) = op.sign_in(ALICE).await;
    let (bob, _) = op.sign_in(BOB).await;
    let is_out = async |browser: &Browser, case: &str| {
        let end = Instant::now() + Duration::from_secs(10);
        while op.who(browser).await.is_some() {
            assert!(Instant::now() < end, "{case}: still signed in");
            sleep(Duration::from_millis(20)).await;
        }
    };

    // She signs out at the provider; the app hears of it from nobody else.
    let page = one
        .navigate(format!("{}/session/end", op.app.provider.issuer()))
        .await;
    let page = one.submit(&page, "Sign out", &[]).await;
    assert!(page.status() < 400, "{}", page.text());
    is_out(&one, "signed out").await;
    assert_eq!(
        op.who(&two).await.as_deref(),
        Some(ALICE),
        "another session"
    );

    assert!(op.app.provider.suspend(ALICE, true));
    is_out(&two, "suspended").await;
    assert_eq!(op.who(&bob).await.as_deref(), Some(BOB));
}

#[rocket::async_test]
async fn without_the_providers_keys_it_is_to_try_again() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let spoil = |reply: &mut rocket_logto::dev_provider::Reply| reply.status = 500;
    provider
        .hooks()
        .respond(Endpoint::Jwks, move |_, reply| spoil(reply));
    let port = free_port();
    let app = TestApp::serve(port, &provider.endpoint(), Dict::new(), rocket()).await;
    let claims = provider.logout_claims(Some(ALICE), None);
    let token = provider
        .hooks()
        .forge(&Signing::Key, "logout+jwt", claims, |_, _| {});
    let send = async || {
        let browser = Browser::new();
        let request = browser.request(reqwest::Method::POST, app.url("/backchannel-logout"));
        request.form(&[("logout_token", &token)]).send().await
    };
    let answer = send().await;
    assert_eq!(status_of(&answer, "without keys"), 503);
    assert!(answer.header("retry-after").is_some());

    provider.hooks().behave(Endpoint::Jwks);
    let end = Instant::now() + Duration::from_secs(20);
    while status_of(&send().await, "with keys") != 200 {
        assert!(Instant::now() < end, "the second try is never taken");
        sleep(Duration::from_millis(100)).await;
    }
}
