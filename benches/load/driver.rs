//! The whole measurement, step by step, and the table it ends in.

use std::net::TcpListener;
use std::time::Duration;

use reqwest::redirect::Policy;
use rocket::tokio::spawn as spawn_task;
use rocket::tokio::task::JoinHandle;
use rocket::tokio::time::sleep;

use crate::provider::{App, Provider, sign_in, spawn, with_tokens};
use crate::redis::Redis;
use crate::rounds::{Case, Rounds};
use crate::table::{heading, kb, mib, ms, row, table, us};
use crate::wrk::Headers;
use crate::{Outcome, memory, mint, peers, table};

/// More than any cache of the crate holds.
const NEVER_SEEN: usize = 60_000;
const FIRST_BEARERS: usize = 2_000;
const SIGN_INS: usize = 400;
/// People who come back from a provider whose token endpoint hangs.
const WAITING: usize = 64;

/// How long to measure: `--quick` is for one look between two changes.
struct Effort {
    rounds: usize,
    duration: Duration,
    sessions: usize,
    requests: u64,
}

impl Effort {
    fn of(words: &[String]) -> Effort {
        match words.iter().any(|word| word == "--quick") {
            true => Effort {
                rounds: 3,
                duration: Duration::from_secs(1),
                sessions: 1_000,
                requests: 50_000,
            },
            false => Effort {
                rounds: 7,
                duration: Duration::from_secs(3),
                sessions: 10_000,
                requests: 1_000_000,
            },
        }
    }
}

pub async fn run(words: &[String]) -> Outcome {
    let effort = Effort::of(words);
    let http = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()?;
    if words.iter().any(|word| word == "--peers") {
        let provider = Provider::start().await?;
        let app = provider.app(None, &[]).await?;
        return beside_peers(&http, &provider, &app, &effort).await;
    }
    heading();

    // Nothing listens there any more.
    let nobody = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let (mut lonely, url) = spawn(&format!("http://127.0.0.1:{nobody}"), None, &[])?;
    let start = lonely.wait_for(&format!("{url}/json")).await?;
    row("first answer, provider down", ms(start), "100 ms");
    row("resident after start", mib(lonely.resident()?), "20 MiB");
    drop(lonely);

    let provider = Provider::start().await?;
    let app = provider.app(None, &[]).await?;
    let cookie = sign_in(&http, &app.url).await?;
    let claims = http
        .get(format!("{}/claims", app.url))
        .header("Cookie", &cookie);
    let claims = claims.send().await?.error_for_status()?.text().await?;
    drop(app);

    let app = provider.app(None, &[("CONSTANT_CLAIMS", &claims)]).await?;
    sign_ins(&http, &provider, &app).await?;
    first_bearers(&http, &provider, &app).await?;

    println!();
    let bearer = provider.access_token(0)?;
    let bearer = Headers::Same(vec![format!("Authorization: Bearer {bearer}")]);
    let mut rounds = Rounds::default();
    for _ in 0..effort.rounds {
        // As a browser's are: a minute old at most.
        let cookie = with_tokens(&http, &app.url).await?;
        let session = Headers::Same(vec![format!("Cookie: {cookie}")]);
        let never_seen = Headers::in_turn("Cookie", &mint::sessions(&cookie, NEVER_SEEN)?)?;
        let case = |name, path, headers| Case {
            name,
            app: &app,
            path,
            headers,
        };
        let cases = [
            case("JSON", "/json", &session),
            case("JSON, User", "/json/user", &session),
            case("JSON, AccessToken<R>", "/json/token", &session),
            case("JSON, OrgToken<Id>", "/json/org", &session),
            case("page of constant claims", "/page", &session),
            case("page of User", "/page/user", &session),
            case("JSON, with a bearer token", "/json", &bearer),
            case("JSON, Bearer<P>, seen before", "/json/bearer", &bearer),
            case("JSON, each with another session", "/json", &never_seen),
            case(
                "JSON, User, each a session never seen",
                "/json/user",
                &never_seen,
            ),
        ];
        rounds.add(&cases, effort.duration)?;
    }
    table(
        &rounds.medians(),
        &[
            (1, 0, 0.92),
            (2, 1, 0.90),
            (3, 1, 0.90),
            (5, 4, 0.95),
            (7, 6, 0.95),
            (9, 8, 0.65),
        ],
    );

    println!();
    beside_peers(&http, &provider, &app, &effort).await?;

    println!();
    others_while_it_hangs(&http, &provider, &app, &effort).await?;

    let redis = Redis::start().await?;
    let shared = provider.app(Some(&redis.store()), &[]).await?;
    println!();
    let mut rounds = Rounds::default();
    let mut commands = 0;
    for _ in 0..effort.rounds {
        let cookie = sign_in(&http, &shared.url).await?;
        let session = Headers::Same(vec![format!("Cookie: {cookie}")]);
        let case = |name, path| Case {
            name,
            app: &shared,
            path,
            headers: &session,
        };
        let cases = [
            case("Redis: JSON", "/json"),
            case("Redis: JSON, User", "/json/user"),
        ];
        let before = redis.commands()?;
        rounds.add(&cases, effort.duration)?;
        commands += redis.commands()? - before;
    }
    let measured = rounds.medians();
    table(&measured, &[(1, 0, 0.70)]);
    let each = commands as f64 / measured[1].requests as f64;
    row(
        "Redis: commands for each request",
        format!("{each:.3}"),
        "1",
    );
    println!();

    // New ones: the caches of the others are full.
    let fresh = [
        provider.app(None, &[]).await?,
        provider.app(Some(&redis.store()), &[]).await?,
    ];
    for (store, app) in [("cookies", &fresh[0]), ("Redis", &fresh[1])] {
        provider.send_back_to(app);
        let each = memory::of_sessions(&http, app, effort.sessions).await?;
        row(
            &format!("{store}: memory for each sign-in"),
            kb(each.signed_in),
            "10 kB",
        );
        row(
            &format!("{store}: for each session remembered, on top"),
            kb(each.remembered),
            "4 kB",
        );
    }
    provider.send_back_to(&app);
    let cookie = sign_in(&http, &app.url).await?;
    let never_seen = Headers::in_turn("Cookie", &mint::sessions(&cookie, NEVER_SEEN)?)?;
    let grown = memory::of_requests(&app, &never_seen, effort.requests)?;
    row(
        &format!("grown over {} requests", effort.requests),
        format!("{:.1} MiB", grown / f64::from(1 << 20)),
        "0",
    );
    Ok(())
}

/// Processor time of one sign-in, start and callback, and what it asks of the
/// provider.
async fn sign_ins(http: &reqwest::Client, provider: &Provider, app: &App) -> Outcome {
    for _ in 0..20 {
        sign_in(http, &app.url).await?;
    }
    provider.forget_calls();
    let before = app.process.cpu()?;
    for _ in 0..SIGN_INS {
        sign_in(http, &app.url).await?;
    }
    let cpu = (app.process.cpu()? - before) / u32::try_from(SIGN_INS)?;
    row("sign-in, start and callback, CPU", ms(cpu), "1.5 ms");
    // One is the browser's own, for the authorization, one pushes its request.
    let calls = provider.calls() as f64 / SIGN_INS as f64 - 2.0;
    row(
        "callback, calls to the provider",
        format!("{calls:.2}"),
        "1",
    );
    Ok(())
}

/// Processor time of a bearer token that nobody has brought before, over that
/// of the same request to a route that does not look at it.
async fn first_bearers(http: &reqwest::Client, provider: &Provider, app: &App) -> Outcome {
    let tokens: Result<Vec<_>, _> = (1..=FIRST_BEARERS)
        .map(|number| provider.access_token(number))
        .collect();
    let tokens = tokens?;
    let mut each = Vec::new();
    for path in ["/json", "/json/bearer"] {
        let before = app.process.cpu()?;
        for token in &tokens {
            let request = http.get(format!("{}{path}", app.url)).bearer_auth(token);
            request.send().await?.error_for_status()?;
        }
        each.push((app.process.cpu()? - before) / u32::try_from(FIRST_BEARERS)?);
    }
    row(
        "Bearer<P>, never seen, ES384, CPU",
        us(each[1].saturating_sub(each[0])),
        "400 µs",
    );
    Ok(())
}

/// The same route under the guards of other libraries, and without any in Express.
async fn beside_peers(
    http: &reqwest::Client,
    provider: &Provider,
    app: &App,
    effort: &Effort,
) -> Outcome {
    let (express, nothing) = peers::start(http, provider, &peers::EXPRESS).await?;
    let (logto, at_logto) = peers::start(http, provider, &peers::LOGTO).await?;
    let (openid, at_openid) = peers::start(http, provider, &peers::OPENID_CONNECT).await?;
    provider.send_back_to(app);
    let mut rounds = Rounds::default();
    for _ in 0..effort.rounds {
        let cookie = sign_in(http, &app.url).await?;
        let session = Headers::Same(vec![format!("Cookie: {cookie}")]);
        let case = |name, app, path, headers| Case {
            name,
            app,
            path,
            headers,
        };
        let cases = [
            case("rocket_logto, User", app, "/json/user", &session),
            case("Express, no guard", &express, "/json", &nothing),
            case("@logto/express, withLogto", &logto, "/json", &at_logto),
            case(
                "express-openid-connect, requiresAuth",
                &openid,
                "/json",
                &at_openid,
            ),
        ];
        rounds.add(&cases, effort.duration)?;
    }
    table::peers(&rounds.medians(), &[None, None, Some(15.0), Some(20.0)]);
    println!(
        "Node.js {}, Express {}, express-session {}, @logto/express {}, express-openid-connect {}",
        peers::node_version()?,
        peers::version("express")?,
        peers::version("express-session")?,
        peers::version("@logto/express")?,
        peers::version("express-openid-connect")?,
    );
    Ok(())
}

/// What everybody else notices while [`WAITING`] people wait for a token
/// endpoint that does not answer.
async fn others_while_it_hangs(
    http: &reqwest::Client,
    provider: &Provider,
    app: &App,
    effort: &Effort,
) -> Outcome {
    let (mut before, mut meanwhile) = (Rounds::default(), Rounds::default());
    for _ in 0..effort.rounds {
        let nothing = Headers::Same(Vec::new());
        let case = |name| Case {
            name,
            app,
            path: "/json",
            headers: &nothing,
        };
        before.add(&[case("JSON, all is well")], effort.duration)?;
        provider.hang();
        provider.forget_calls();
        let people: Vec<_> = (0..WAITING).map(|_| waits(http, app)).collect();
        // Each pushes a request, comes to the provider, and has a code redeemed.
        while provider.calls() < 3 * WAITING {
            sleep(Duration::from_millis(10)).await;
        }
        meanwhile.add(&[case("JSON, while the provider hangs")], effort.duration)?;
        people.iter().for_each(JoinHandle::abort);
        provider.recover();
    }
    let mut measured = before.medians();
    measured.append(&mut meanwhile.medians());
    table(&measured, &[]);
    let ratio = measured[1].p99.as_secs_f64() / measured[0].p99.as_secs_f64();
    row("p99 while the provider hangs", format!("{ratio:.2}"), "2");
    Ok(())
}

/// Somebody who tries to sign in, over and over.
fn waits(http: &reqwest::Client, app: &App) -> JoinHandle<()> {
    let (http, url) = (http.clone(), app.url.clone());
    spawn_task(async move { while sign_in(&http, &url).await.is_err() {} })
}
