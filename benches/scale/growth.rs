//! What is measured: processor time as Linux accounts for it, commands as Redis counts them, and
//! memory. Nothing of it depends on what else the machine does, but on its caches.

use std::thread;
use std::time::Duration;

use logto_dev_provider::Settings;

use crate::Outcome;
use crate::measured::Measured;
use crate::mint::{Age, Template};
use crate::model::{COUNTS, LIMIT, system};
use crate::provider::{App, CLIENT, Provider, cookie_header, fetch, jar_of};
use crate::servers::{Done, Servers};
use crate::wrk::{self, Headers};

/// Sessions that are asked for, drawn from all there are: more than any cache of the crate holds.
const DRAWN: usize = 60_000;
/// Instances that take turns have so many sessions to serve.
const SHARED: usize = 10_000;

struct Effort {
    sessions: &'static [u64],
    organizations: &'static [u64],
    instances: &'static [u64],
    rounds: usize,
    duration: Duration,
    people: usize,
}

const QUICK: Effort = Effort {
    sessions: &[1_000, 10_000],
    organizations: &[1, 10, 100],
    instances: &[1, 2],
    rounds: 1,
    duration: Duration::from_secs(1),
    people: 30,
};
/// For a machine that has other work to do: no million, and each route once.
const SHORT: Effort = Effort {
    sessions: &[1_000, 10_000, 100_000],
    organizations: &[1, 10, 100, 1_000],
    instances: &[1, 2, 4, 8],
    rounds: 1,
    duration: Duration::from_secs(1),
    people: 100,
};
const WHOLE: Effort = Effort {
    sessions: &[1_000, 10_000, 100_000, 1_000_000],
    organizations: &[1, 10, 100, 1_000],
    instances: &[1, 2, 4, 8],
    rounds: 3,
    duration: Duration::from_secs(2),
    people: 200,
};

pub async fn run(words: &[String], about: String) -> Outcome<Measured> {
    let effort = match words.first().map(String::as_str) {
        None => &WHOLE,
        Some("--short") => &SHORT,
        Some("--quick") => &QUICK,
        Some(word) => return Err(format!("{word}: --short or --quick").into()),
    };
    let mut measured = Measured {
        about,
        ..Measured::default()
    };
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let provider = Provider::start().await?;
    sessions(&mut measured, effort, &http, &provider).await?;
    instances(&mut measured, effort, &http, &provider).await?;
    people(&mut measured, effort, &http, &provider).await?;
    drop(provider);
    organizations(&mut measured, effort, &http).await?;
    simulate(&mut measured)?;
    Ok(measured)
}

fn note(what: &str) {
    eprintln!("scale: {what}");
}

/// A real session of an app whose sessions are in cookies.
async fn template(http: &reqwest::Client, app: &App) -> Outcome<Template> {
    let jar = jar_of(http, &app.url).await?;
    let session = jar
        .iter()
        .find(|(name, _)| name.starts_with("logto_session"));
    let (name, value) = session.ok_or("no session cookie")?;
    Template::of(name, value)
}

/// Cookies of sessions drawn from `n`, each as likely as any other.
fn drawn(n: u64, cookie: impl Fn(usize) -> String) -> Vec<String> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from((state >> 33) % n).unwrap_or_default()
    };
    let numbers: Vec<_> = (0..DRAWN).map(|_| draw()).collect();
    match usize::try_from(n) {
        Ok(n) if n < DRAWN => {
            let all: Vec<_> = (0..n).map(cookie).collect();
            numbers.iter().map(|number| all[*number].clone()).collect()
        }
        _ => numbers.into_iter().map(cookie).collect(),
    }
}

/// What a request has taken, in microseconds, commands and bytes.
#[derive(Clone, Copy, Default)]
struct Cost {
    cpu: f64,
    done: Option<[f64; 4]>,
}

impl Cost {
    fn add_to(&self, measured: &mut Measured, curve: (&str, &str), n: u64) {
        measured.add(curve, n, "cpu", self.cpu);
        let names = [
            "redis_commands",
            "redis_cpu",
            "redis_received",
            "redis_sent",
        ];
        for (name, value) in names.iter().zip(self.done.into_iter().flatten()) {
            measured.add(curve, n, name, value);
        }
    }
}

/// Drives all apps at once.
fn drive(
    apps: &[&App],
    path: &str,
    headers: &Headers,
    servers: Option<&Servers>,
    duration: Duration,
) -> Outcome<Cost> {
    let cpu = || -> Outcome<Duration> { apps.iter().map(|app| app.process.cpu()).sum() };
    let done = || servers.map(Servers::done).transpose();
    let (cpu_before, done_before) = (cpu()?, done()?);
    let requests: Outcome<u64> = thread::scope(|scope| {
        let runs = apps.iter().map(|app| {
            let url = format!("{}{path}", app.url);
            scope.spawn(move || Ok(wrk::run(&url, headers, duration)?.requests))
        });
        let runs: Vec<_> = runs.collect();
        let joined = runs.into_iter().map(|run| run.join());
        joined
            .map(|run| run.unwrap_or_else(|_| Err("a driver panicked".into())))
            .sum()
    });
    let requests = requests? as f64;
    let since = |before: Done, now: Done| {
        let micros = (now.cpu - before.cpu).as_secs_f64() * 1e6;
        [
            (now.commands - before.commands) as f64 / requests,
            micros / requests,
            (now.received - before.received) as f64 / requests,
            (now.sent - before.sent) as f64 / requests,
        ]
    };
    let done = done_before
        .zip(done()?)
        .map(|(before, now)| since(before, now));
    let cpu = (cpu()? - cpu_before).as_secs_f64() * 1e6 / requests;
    Ok(Cost { cpu, done })
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|one, other| one.cpu.total_cmp(&other.cpu));
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// A guarded request and one that is not, in turn, once all that can be remembered is.
fn in_turn(
    measured: &mut Measured,
    effort: &Effort,
    (axis, store): (&str, &str),
    n: u64,
    (apps, headers, servers): (&[&App], &Headers, Option<&Servers>),
) -> Outcome {
    let run = |path| drive(apps, path, headers, servers, effort.duration);
    run("/json/user")?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        without.push(run("/json")?);
        with.push(run("/json/user")?);
    }
    measured.add((axis, store), n, "cpu_unguarded", median(without).cpu);
    median(with).add_to(measured, (axis, store), n);
    let resident: Outcome<u64> = apps.iter().map(|app| app.process.resident()).sum();
    measured.add((axis, store), n, "resident", resident? as f64);
    if let Some(servers) = servers {
        measured.add((axis, store), n, "redis_memory", servers.memory()? as f64);
    }
    Ok(())
}

/// Requests of people who were here a minute ago, so that each writes its session anew.
fn writes(
    measured: &mut Measured,
    effort: &Effort,
    store: &str,
    cookies: &[String],
    (app, servers): (&App, Option<&Servers>),
) -> Outcome {
    let bytes = cookies.first().map_or(0, String::len);
    let curve = ("writes", store);
    measured.add(curve, DRAWN as u64, "cookie", bytes as f64);
    let headers = Headers::in_turn("Cookie", cookies)?;
    // Not for as long as that any of them would come a second time.
    let cost = drive(&[app], "/json/user", &headers, servers, effort.duration)?;
    cost.add_to(measured, curve, DRAWN as u64);
    Ok(())
}

async fn sessions(
    measured: &mut Measured,
    effort: &Effort,
    http: &reqwest::Client,
    provider: &Provider,
) -> Outcome {
    let most = effort.sessions.iter().copied().max().unwrap_or_default();
    let most = usize::try_from(most)?;
    let others = most..most + DRAWN;

    let app = provider.app(None, &[]).await?;
    let template = template(http, &app).await?;
    for n in effort.sessions {
        note(&format!("{n} sessions in cookies"));
        let cookies = drawn(*n, |number| template.cookie(number, Age::JustUsed));
        let headers = Headers::in_turn("Cookie", &cookies)?;
        let what = (&[&app][..], &headers, None);
        in_turn(measured, effort, ("sessions", "cookies"), *n, what)?;
    }
    let old = others.clone();
    let old: Vec<_> = old
        .map(|number| template.cookie(number, Age::AMinute))
        .collect();
    writes(measured, effort, "cookies", &old, (&app, None))?;
    drop(app);

    let old: Vec<_> = others
        .clone()
        .map(|number| template.pointer(number))
        .collect();
    for n in effort.sessions {
        note(&format!("{n} sessions in memory"));
        let (name, value) = template.variable();
        let more = [
            (name, &*value),
            ("MEMORY_SESSIONS", &n.to_string()),
            ("OTHERS", &DRAWN.to_string()),
        ];
        let app = provider.app(None, &more).await?;
        let cookies = drawn(*n, |number| template.pointer(number));
        let headers = Headers::in_turn("Cookie", &cookies)?;
        let what = (&[&app][..], &headers, None);
        in_turn(measured, effort, ("sessions", "memory"), *n, what)?;
        if usize::try_from(*n)? == most {
            writes(measured, effort, "memory", &old, (&app, None))?;
        }
    }

    for store in ["redis", "cluster"] {
        let servers = started(store).await?;
        let app = provider.app(Some(&servers.store()), &[]).await?;
        let mut there = 0;
        for n in effort.sessions {
            note(&format!("{n} sessions in {store}"));
            let up_to = usize::try_from(*n)?;
            servers.fill(&template, there..up_to, Age::JustUsed).await?;
            there = up_to;
            let cookies = drawn(*n, |number| template.pointer(number));
            let headers = Headers::in_turn("Cookie", &cookies)?;
            let what = (&[&app][..], &headers, Some(&servers));
            in_turn(measured, effort, ("sessions", store), *n, what)?;
        }
        servers
            .fill(&template, others.clone(), Age::AMinute)
            .await?;
        writes(measured, effort, store, &old, (&app, Some(&servers)))?;
    }
    Ok(())
}

async fn started(store: &str) -> Outcome<Servers> {
    match store {
        "cluster" => Servers::cluster().await,
        _ => Servers::one().await,
    }
}

/// Instances that share a store, all driven at once.
async fn instances(
    measured: &mut Measured,
    effort: &Effort,
    http: &reqwest::Client,
    provider: &Provider,
) -> Outcome {
    let template = template(http, &provider.app(None, &[]).await?).await?;
    for store in ["redis", "cluster"] {
        let servers = started(store).await?;
        servers.fill(&template, 0..SHARED, Age::JustUsed).await?;
        let cookies = drawn(SHARED as u64, |number| template.pointer(number));
        let headers = Headers::in_turn("Cookie", &cookies)?;
        let mut apps = Vec::new();
        for n in effort.instances {
            note(&format!("{n} instances at {store}"));
            while apps.len() < usize::try_from(*n)? {
                apps.push(provider.app(Some(&servers.store()), &[]).await?);
            }
            let all: Vec<&App> = apps.iter().collect();
            let what = (&all[..], &headers, Some(&servers));
            in_turn(measured, effort, ("instances", store), *n, what)?;
        }
    }
    Ok(())
}

/// Sign-ins, and refreshes.
async fn people(
    measured: &mut Measured,
    effort: &Effort,
    http: &reqwest::Client,
    provider: &Provider,
) -> Outcome {
    for store in ["cookies", "redis"] {
        note(&format!("{} people sign in, {store}", effort.people));
        let servers = match store {
            "cookies" => None,
            store => Some(started(store).await?),
        };
        let kept = servers.as_ref().map(Servers::store);
        let app = provider.app(kept.as_deref(), &[]).await?;
        for _ in 0..20 {
            jar_of(http, &app.url).await?;
        }
        let n = effort.people;
        let each = |took: Duration| took.as_secs_f64() * 1e6 / n as f64;
        let commands = || -> Outcome<f64> {
            let done = servers.as_ref().map(Servers::done).transpose()?;
            Ok(done.unwrap_or_default().commands as f64)
        };
        let (before, asked) = (app.process.cpu()?, commands()?);
        let mut jars = Vec::new();
        for _ in 0..n {
            jars.push(jar_of(http, &app.url).await?);
        }
        let took = each(app.process.cpu()? - before);
        measured.add(("sign_ins", store), n as u64, "cpu", took);
        let asked_since = (commands()? - asked) / n as f64;
        measured.add(("sign_ins", store), n as u64, "redis_commands", asked_since);
        let (before, asked) = (app.process.cpu()?, commands()?);
        // The first token for a resource comes of a refresh.
        for jar in &mut jars {
            fetch(http, jar, &format!("{}/json/token", app.url)).await?;
        }
        let took = each(app.process.cpu()? - before);
        measured.add(("refreshes", store), n as u64, "cpu", took);
        let asked_since = (commands()? - asked) / n as f64;
        measured.add(
            ("refreshes", store),
            n as u64,
            "redis_commands",
            asked_since,
        );
    }
    Ok(())
}

/// A user who belongs to more and more organizations, and has a token for each.
async fn organizations(
    measured: &mut Measured,
    effort: &Effort,
    http: &reqwest::Client,
) -> Outcome {
    for store in ["cookies", "redis"] {
        let servers = match store {
            "cookies" => None,
            store => Some(started(store).await?),
        };
        let kept = servers.as_ref().map(Servers::store);
        for n in effort.organizations {
            note(&format!("{n} organizations, {store}"));
            let mut settings = Settings::new(CLIENT.0, CLIENT.1);
            let first = settings.seed.organizations.swap_remove(0);
            settings.seed.organizations.clear();
            let ids: Vec<_> = (0..*n).map(|number| format!("org{number:09}")).collect();
            for id in &ids {
                let mut another = first.clone();
                another.id.clone_from(id);
                another.name.clone_from(id);
                settings.seed.organizations.push(another);
            }
            let provider = Provider::start_with(settings).await?;
            let app = provider.app(kept.as_deref(), &[]).await?;
            let mut jar = jar_of(http, &app.url).await?;
            let curve = ("organizations", store);
            let header = cookie_header(&jar);
            measured.add(curve, *n, "cookie", header.len() as f64);
            let headers = Headers::Same(vec![format!("Cookie: {header}")]);
            let cost = drive(&[&app], "/json/user", &headers, None, effort.duration)?;
            cost.add_to(measured, curve, *n);

            // The second time round, what can be remembered is.
            let urls: Vec<_> = ids
                .iter()
                .map(|id| format!("{}/json/organizations/{id}", app.url))
                .collect();
            for url in &urls {
                fetch(http, &mut jar, url).await?;
            }
            provider.forget_calls();
            let before = app.process.cpu()?;
            // A few organizations are asked for often enough to be measured.
            let times = (500 / urls.len()).max(1);
            for url in (0..times).flat_map(|_| &urls) {
                fetch(http, &mut jar, url).await?;
            }
            let count = (times * urls.len()) as f64;
            let took = (app.process.cpu()? - before).as_secs_f64() * 1e6 / count;
            measured.add(curve, *n, "token_cpu", took);
            measured.add(curve, *n, "token_calls", provider.calls() as f64 / count);
        }
    }
    Ok(())
}

/// What the measured service times come to with instances that this machine has no processors
/// for.
fn simulate(measured: &mut Measured) -> Outcome {
    for store in ["cookies", "redis", "cluster"] {
        for instances in COUNTS {
            let capacity = system(measured, store, instances)?.capacity(LIMIT);
            measured.add(
                ("simulated", store),
                instances as u64,
                "per_second",
                capacity,
            );
        }
    }
    Ok(())
}
