//! The metrics of an app move with what happens, by one for one; a label says what is in
//! its list and nothing else, whatever anybody sends; and who scrapes has to be meant.

use std::collections::BTreeSet;

use logto_dev_provider::{Endpoint, Reply, Signing};
use rocket_logto::internals::{MetricKind, metrics};
use serde_json::{Map, json};

use crate::support::app::{ALICE, BOB};
use crate::support::browser::{Browser, Response, query};
use crate::support::launch::Launch;
use crate::support::leaks;
use crate::support::redis::Redis;
use crate::support::scraped::{Scraped, Series, get_with, grown};
use crate::support::serve::free_port;
use crate::support::targets::SHOPPING;
use crate::support::webhooks::{self, KEY as KEY_OF_WEBHOOKS};

/// What moves only when somebody does something.
const EVENTS: [&str; 8] = [
    "rocket_logto_sign_ins",
    "rocket_logto_refreshes_total",
    "rocket_logto_sessions_ended_total",
    "rocket_logto_bearer_total",
    "rocket_logto_proxy_requests_total",
    "rocket_logto_logout_tokens_total",
    "rocket_logto_webhooks_total",
    "rocket_logto_key_refetches_total",
];
const BEGUN: &str = "sign_ins_begun_total";
const KEY: &str = "a-key-of-32-characters-0123456789";

/// Watches one thing after another.
struct Watch<'a> {
    app: &'a Scraped,
    last: Series,
}

impl Watch<'_> {
    async fn of(app: &Scraped) -> Watch<'_> {
        let last = app.scrape().await;
        Watch { app, last }
    }

    /// Since the last time, exactly these events have been counted, each once.
    async fn saw(&mut self, case: &str, events: &[&str]) {
        let now = self.app.scrape().await;
        let names = events.iter().map(|event| format!("rocket_logto_{event}"));
        let expected: BTreeSet<_> = names.map(|name| (name, "1".to_owned())).collect();
        let grown = grown(&self.last, &now, &EVENTS);
        let grown: BTreeSet<_> = grown
            .into_iter()
            .map(|(series, by)| (series, by.to_string()))
            .collect();
        assert_eq!(grown, expected, "{case}");
        self.last = now;
    }
}

fn sign_in(outcome: &str) -> String {
    format!("sign_ins_total{{outcome=\"{outcome}\"}}")
}

/// All that is rendered has a name and labels that are listed.
fn is_listed(series: &Series) {
    for name in series.keys() {
        let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
        let labels = labels.strip_suffix('}').expect("closed");
        let metric = metrics().iter().find(|metric| match metric.kind {
            MetricKind::Histogram => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|part| name.strip_suffix(part) == Some(metric.name)),
            _ => metric.name == name,
        });
        let metric = metric.unwrap_or_else(|| panic!("{name} is not listed"));
        let mut left: Vec<_> = metric.labels.iter().map(|(key, _)| *key).collect();
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (key, value) = label.split_once('=').expect("a value");
            let value = value.trim_matches('"');
            if key == "le" {
                continue;
            }
            let (_, values) = metric
                .labels
                .iter()
                .find(|(known, _)| *known == key)
                .unwrap_or_else(|| panic!("{name} has {key}"));
            assert!(values.contains(&value), "{name}: {key}={value}");
            left.retain(|known| *known != key);
        }
        assert_eq!(left, [""; 0], "{name}{{{labels}}}");
    }
}

async fn press(app: &Scraped, browser: &Browser, button: &str) -> Response {
    let page = browser.navigate(app.url("/session")).await;
    let pressed = browser.submit(&page, button, &[]).await;
    match pressed.status() {
        303 => browser.follow(&pressed).await,
        _ => pressed,
    }
}

#[rocket::async_test]
async fn each_event_is_counted_once() {
    let app = Scraped::start().await;
    let hooks = app.provider.hooks();
    let mut watch = Watch::of(&app).await;

    // Sign-ins.
    let (alice, page) = app.sign_in(ALICE).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    watch.saw("in", &[BEGUN, &sign_in("ok")]).await;
    for (error, outcome) in [
        ("access_denied", "cancelled"),
        ("unauthorized_client", "misconfigured"),
        ("made_up{outcome=\"ok\"} 1", "refused"),
    ] {
        let browser = Browser::new();
        let begun = browser.navigate(app.url("/sign-in")).await;
        let state = query(begun.location().as_ref().expect("there"), "state");
        let back = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("error", error)
            .append_pair("state", &state.expect("a state"))
            .append_pair("iss", &app.provider.issuer())
            .finish();
        browser
            .navigate(app.url(&format!("/callback?{back}")))
            .await;
        watch.saw(error, &[BEGUN, &sign_in(outcome)]).await;
    }
    // The first begins a new sign-in, which the second does not belong to.
    let lost = Browser::new();
    let begun = lost.navigate(app.url("/callback?code=c&state=s")).await;
    watch.saw("lost", &[BEGUN]).await;
    let state = query(begun.location().as_ref().expect("there"), "state");
    let state = state.expect("a state");
    let again = format!("/callback?code=c&state={state}x");
    assert_eq!(lost.navigate(app.url(&again)).await.status(), 400);
    watch.saw("mismatch", &[&sign_in("rejected")]).await;
    hooks.id_token(|_, claims| {
        claims.insert("nonce".into(), "another".into());
    });
    assert_eq!(app.sign_in(BOB).await.1.status(), 400);
    watch.saw("nonce", &[BEGUN, &sign_in("unverified")]).await;
    hooks.id_token(|_, _| {});
    hooks.respond(Endpoint::Token, |_, reply| {
        *reply = Reply::json(500, &json!({ "error": "made_up_by_the_provider" }));
    });
    assert_eq!(app.sign_in(BOB).await.1.status(), 502);
    let bad = &sign_in("provider_bad_answer");
    watch.saw("500", &[BEGUN, bad]).await;
    let asked = "rocket_logto_provider_requests_total{endpoint=\"token\",outcome=\"server_error\"}";
    assert_eq!(watch.last[asked], 1.0);

    // Refreshes.
    press(&app, &alice, "Refresh now").await;
    let bad = "refreshes_total{outcome=\"provider_bad_answer\"}";
    watch.saw("bad refresh", &[bad]).await;
    hooks.reset();
    press(&app, &alice, "Refresh now").await;
    watch
        .saw("refresh", &["refreshes_total{outcome=\"ok\"}"])
        .await;
    assert!(app.provider.suspend(ALICE, true));
    press(&app, &alice, "Refresh now").await;
    let ended = "refreshes_total{outcome=\"session_ended\"}";
    let cause = |cause: &str| format!("sessions_ended_total{{cause=\"{cause}\"}}");
    watch.saw("suspended", &[ended, &cause("refused")]).await;
    assert!(app.provider.suspend(ALICE, false));

    // The ends of sessions.
    let (alice, _) = app.sign_in(ALICE).await;
    watch.saw("again", &[BEGUN, &sign_in("ok")]).await;
    alice.post_form(app.url("/sign-out"), &[]).await;
    watch.saw("out", &[&cause("user")]).await;
    app.sign_in(BOB).await;
    watch.saw("Bob", &[BEGUN, &sign_in("ok")]).await;
    let claims = app.provider.logout_claims(Some(BOB), None);
    let token = hooks.forge(&Signing::Key, "logout+jwt", claims, |_, _| {});
    for (status, events) in [
        (
            200,
            &[
                "logout_tokens_total{outcome=\"accepted\"}",
                &cause("provider"),
            ][..],
        ),
        (400, &["logout_tokens_total{outcome=\"rejected\"}"][..]),
    ] {
        let provider = Browser::new();
        let post = provider.request(reqwest::Method::POST, app.url("/backchannel-logout"));
        let answer = post.form(&[("logout_token", &*token)]).send().await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        watch.saw("back-channel", events).await;
    }

    // Callers of the API.
    let token = |scopes| {
        let of = app
            .provider
            .access_token(ALICE, SHOPPING, scopes, Map::new());
        format!("Bearer {of}")
    };
    let (good, poor) = (token("read"), token("write"));
    for (headers, status, outcome) in [
        (&[][..], 401, "missing"),
        (&[&*good][..], 200, "accepted"),
        (&[&*good][..], 200, "accepted"),
        (&[&*poor][..], 403, "insufficient_scope"),
        (&[&*good, &*good][..], 400, "invalid_request"),
        (&["Bearer a.b.c"][..], 401, "invalid_token"),
    ] {
        let answer = get_with(app.url("/api/cart"), headers).await;
        assert_eq!(answer.status, status, "{outcome}");
        let event = format!("bearer_total{{outcome=\"{outcome}\"}}");
        watch.saw(outcome, &[&event]).await;
    }
    let lookups = "rocket_logto_token_lookups_total{cache=\"bearer\",result=\"hit\"}";
    assert_eq!(watch.last[lookups], 1.0);
    is_listed(&watch.last);
    assert_eq!(watch.last["rocket_logto_provider_requests_in_flight"], 0.0);
    let times = "rocket_logto_provider_request_duration_seconds_count{endpoint=\"token\"}";
    assert!(watch.last[times] >= 5.0, "{}", watch.last[times]);
}

/// In a Redis that lets the app remember which webhooks it has taken, and end no sessions: what
/// it has taken fails then.
#[rocket::async_test]
async fn a_webhook_is_counted_by_what_came_of_it() {
    let mut redis = Redis::start().await;
    let user = "ACL SETUSER rocket on >password resetkeys ~logto:*:lock:* +@all";
    redis.command(&user.split(' ').collect::<Vec<_>>());
    leaks::keep("signing_key", KEY_OF_WEBHOOKS);
    let url = redis.url().replace("//", "//rocket:password@");
    let app = Scraped::with_keys(&format!(
        ",webhook={{signing_keys=[\"{KEY_OF_WEBHOOKS}\"]}},session={{store={{redis=\"{url}\"}}}}"
    ))
    .await;
    let url = app.url(webhooks::PATH);
    let mut watch = Watch::of(&app).await;
    let mut saw = async |case: &str, signatures: &[&str], body: &str, status: u16| {
        let answer = webhooks::post(&url, signatures, body).await;
        assert_eq!(answer.status, status, "{case}");
        let event = format!("webhooks_total{{outcome=\"{case}\"}}");
        watch.saw(case, &[&event]).await;
    };
    let now = rocket::time::OffsetDateTime::now_utc().unix_timestamp();
    let nothing = |at| webhooks::message_at(at, "PostSignIn", json!({}));
    let signed = |body: &str| webhooks::sign(KEY_OF_WEBHOOKS, body.as_bytes());
    let good = nothing(now);
    saw("accepted", &[&signed(&good)], &good, 200).await;
    saw("repeated", &[&signed(&good)], &good, 200).await;
    saw("unsigned", &[], &good, 401).await;
    saw("bad_signature", &[&signed("another")], &good, 401).await;
    saw("unreadable", &[&signed("{")], "{", 400).await;
    for (case, at) in [("too_old", now - 900), ("from_the_future", now + 900)] {
        let body = nothing(at);
        saw(case, &[&signed(&body)], &body, 400).await;
    }
    let large = "x".repeat(1024 * 1024 + 1);
    saw("too_large", &[&signed(&large)], &large, 413).await;
    let suspended = webhooks::suspension(ALICE);
    saw("failed", &[&signed(&suspended)], &suspended, 503).await;
    redis.stop();
    let another = nothing(now);
    saw("unavailable", &[&signed(&another)], &another, 503).await;
    is_listed(&watch.last);
}

#[rocket::async_test]
async fn a_provider_that_is_down_is_counted() {
    let app = Scraped::without_provider().await;
    let mut watch = Watch::of(&app).await;
    let page = Browser::new().navigate(app.url("/sign-in")).await;
    assert!([502, 503].contains(&page.status()), "{}", page.status());
    let outcome = sign_in("provider_not_ready");
    watch.saw("down", &[&outcome]).await;
    let calls =
        "rocket_logto_provider_requests_total{endpoint=\"metadata\",outcome=\"unreachable\"}";
    assert!(watch.last[calls] >= 1.0, "{:#?}", watch.last);
    is_listed(&watch.last);
}

/// Every series is there from the start: the first failure is a step, not a beginning.
#[rocket::async_test]
async fn what_has_not_happened_is_nought() {
    let app = Scraped::start().await;
    let shown = app.scrape().await;
    is_listed(&shown);
    for metric in metrics() {
        let count = shown.keys().filter(|name| {
            let name = name.split('{').next().expect("a name");
            name == metric.name
        });
        let expected: usize = metric.labels.iter().map(|(_, of)| of.len()).product();
        match metric.kind {
            MetricKind::Histogram => {}
            _ => assert_eq!(count.count(), expected, "{}", metric.name),
        }
    }
}

#[rocket::async_test]
async fn a_port_of_its_own_shows_nothing_else() {
    let app = Scraped::start().await;
    for (url, status) in [
        (app.metrics_url("/metrics"), 200),
        (app.metrics_url("/"), 404),
        (app.metrics_url("/healthz"), 404),
        (app.url("/metrics"), 404),
    ] {
        assert_eq!(Browser::new().get(&url).await.status(), status, "{url}");
    }
    let answer = get_with(app.metrics_url("/metrics"), &[]).await;
    let kind = &answer.headers["content-type"];
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[rocket::async_test]
async fn a_key_is_needed_where_there_is_one() {
    let own_port = free_port();
    for table in [
        format!("{{key=\"{KEY}\"}}"),
        format!("{{port={own_port},key=\"{KEY}\"}}"),
    ] {
        let app = Scraped::showing(own_port, &table).await;
        let url = || match table.contains("port") {
            true => app.metrics_url("/metrics"),
            false => app.url("/metrics"),
        };
        let good = format!("Bearer {KEY}");
        let (short, long) = (&good[..good.len() - 1], format!("{good}x"));
        let other = format!("Basic {KEY}");
        for (headers, status) in [
            (&[][..], 401),
            (&["Bearer"][..], 401),
            (&["Bearer "][..], 401),
            (&[KEY][..], 401),
            (&[short][..], 401),
            (&[&*long][..], 401),
            (&[&*other][..], 401),
            (&[&*good, &*good][..], 401),
            (&[&*good][..], 200),
        ] {
            let answer = get_with(url(), headers).await;
            assert_eq!(answer.status, status, "{table}: {headers:?}");
            let text = &answer.text;
            assert_eq!(text.contains("rocket_logto_"), status == 200, "{text}");
            let challenge = answer.headers.get("www-authenticate");
            assert_eq!(challenge.is_some(), status == 401, "{challenge:?}");
        }
        assert!(!app.output().contains(KEY));
        let in_address = format!("{}?key={KEY}", url());
        assert_eq!(Browser::new().get(in_address).await.status(), 401);
    }
}

#[rocket::async_test]
async fn nothing_is_shown_that_nobody_asked_for() {
    let app = Scraped::showing(free_port(), "").await;
    assert_eq!(Browser::new().get(app.url("/metrics")).await.status(), 404);
}

#[rocket::async_test]
async fn a_mistake_stops_the_launch() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = listener.local_addr().expect("an address").port();
    let taken = format!("{{port={taken}}}");
    for (name, table, told) in [
        ("nothing", "{}", "needs `port`"),
        (
            "short",
            "{key=\"hush-hush\"}",
            "16 printable ASCII characters",
        ),
        ("unknown", "{prot=9464}", "prot"),
        ("number", "{port=\"x\"}", "port"),
        ("taken", &taken, "cannot be had"),
    ] {
        let web = format!("{{database=\"\",metrics={table}}}");
        let launch = Launch {
            toml: "[default.logto]\nendpoint = \"https://id.example\"\napp_id = \"a\"\n".to_owned(),
            env: vec![("ROCKET_WEB", &*web)],
        };
        let output = launch.fails(&format!("metrics-{name}"), name).await;
        // From the environment, names are in capitals.
        let output = output.to_lowercase();
        for text in ["web.metrics", told] {
            let text = text.to_lowercase();
            assert!(output.contains(&text), "{name}: {text}:\n{output}");
        }
    }
    drop(listener);
}
