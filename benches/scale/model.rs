//! From what was measured to what many users would take. Everything that docs/scale.md says in
//! numbers comes from here.

use super::measured::Measured;
use super::simulation::System;

/// Instances that are simulated.
pub const COUNTS: [usize; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
/// 99 of 100 requests take at most so long, in microseconds, from the app's socket to its answer.
pub const LIMIT: f64 = 5_000.0;
/// The way to the store and back, in microseconds: within a data centre.
pub const WAY: f64 = 200.0;

const USERS: f64 = 1e8;
/// Each has one session, and sends a request a minute, day and night.
const PERIOD: f64 = 60.0;
/// Of a processor: the rest is for peaks, and for a node that is gone.
const LOAD: f64 = 0.6;
/// `claims_max_age` unless configured: then a session is refreshed.
const REFRESHED: f64 = 3_600.0;
/// Memory of a node of the store that sessions may fill, of 32 GB.
const NODE: f64 = 24e9;
/// Random nonces that one AES-GCM key is good for (NIST SP 800-38D section 8.3).
const SEALS: f64 = 4_294_967_296.0;
/// How often somebody changes `secret_key`.
const KEY: f64 = 30.0 * 86_400.0;
/// What is sealed when a session in cookies, or in a store, is written: the cookie; or the
/// session, its id for its user, and the cookie with its id.
const SEALED: [f64; 2] = [1.0, 3.0];
/// What a request and its answer have besides the cookies, in bytes.
const REST: f64 = 1_000.0;

/// Instances that share a store, with the service times that were measured with many sessions.
pub fn system(measured: &Measured, store: &str, instances: usize) -> Result<System, String> {
    let nodes = match store {
        "cookies" => 0,
        "cluster" => 3,
        _ => 1,
    };
    Ok(System {
        instances,
        work: measured.last("sessions", store, "cpu")?,
        nodes,
        store: match nodes {
            0 => 0.0,
            _ => measured.last("sessions", store, "redis_cpu")?,
        },
        network: WAY,
    })
}

/// What a text may quote: names, and the words for them.
pub type Facts = Vec<(String, String)>;

/// What is computed for one kind of store.
struct Plan {
    cores: f64,
    refresh_cores: f64,
    nodes_by_cpu: f64,
    nodes_by_memory: f64,
    store_bytes: f64,
    client_gbit: f64,
    store_gbit: f64,
}

fn plan(measured: &Measured, store: &str) -> Result<Plan, String> {
    let per_second = USERS / PERIOD;
    let write = |what: &str| measured.last("writes", store, what);
    let of_people = if store == "cookies" { store } else { "redis" };
    let refresh = measured.last("refreshes", of_people, "cpu")? / 1e6;
    let refresh_cores = USERS / REFRESHED * refresh / LOAD;
    let cores = per_second * write("cpu")? / 1e6 / LOAD + refresh_cores;
    // The cookie comes with the request, and goes back with the answer.
    let client = per_second * (2.0 * write("cookie")? + REST) * 8.0 / 1e9;
    if store == "cookies" {
        return Ok(Plan {
            cores,
            refresh_cores,
            nodes_by_cpu: 0.0,
            nodes_by_memory: 0.0,
            store_bytes: 0.0,
            client_gbit: client,
            store_gbit: 0.0,
        });
    }
    let each = session_bytes(measured, store, "redis_memory")?;
    let traffic = write("redis_received")? + write("redis_sent")?;
    Ok(Plan {
        cores,
        refresh_cores,
        nodes_by_cpu: (per_second * write("redis_cpu")? / 1e6 / LOAD).ceil(),
        nodes_by_memory: (USERS * each / NODE).ceil(),
        store_bytes: USERS * each,
        client_gbit: client,
        store_gbit: per_second * traffic * 8.0 / 1e9,
    })
}

/// Bytes for each session: how steep the curve is at its end.
fn session_bytes(measured: &Measured, store: &str, what: &str) -> Result<f64, String> {
    let curve = measured.curve("sessions", store, what);
    let [.., (n, bytes), (more, more_bytes)] = curve[..] else {
        return Err(format!("sessions,{store},…,{what}: fewer than two points"));
    };
    Ok((more_bytes - bytes) / (more - n))
}

/// All that docs/scale.md may quote.
pub fn facts(measured: &Measured) -> Result<Facts, String> {
    let mut facts = Facts::new();
    let mut say = |name: String, words: String| facts.push((name, words));
    say("about".into(), measured.about.clone());
    let per_second = USERS / PERIOD;
    say("users".into(), count(USERS));
    say("requests".into(), count(per_second));
    say("load".into(), format!("{:.0} %", LOAD * 100.0));
    say("node".into(), bytes(NODE));
    say("way".into(), micros(WAY));
    say("limit".into(), micros(LIMIT));
    say("rest".into(), bytes(REST));
    say("refreshes".into(), count(USERS / REFRESHED));

    for store in ["cookies", "memory", "redis", "cluster"] {
        for (point, which) in [("few", 0), ("most", usize::MAX)] {
            let curve = measured.curve("sessions", store, "cpu");
            let without = measured.curve("sessions", store, "cpu_unguarded");
            let index = which.min(curve.len().saturating_sub(1));
            let (Some((n, with)), Some((_, without))) = (curve.get(index), without.get(index))
            else {
                return Err(format!("sessions,{store},…,cpu is not measured"));
            };
            say(format!("{store}.{point}.sessions"), count(*n));
            say(format!("{store}.{point}.cpu"), micros(*with));
            say(format!("{store}.{point}.without"), micros(*without));
            say(format!("{store}.{point}.guard"), micros(with - without));
        }
        let write = measured.last("writes", store, "cpu")?;
        say(format!("{store}.write.cpu"), micros(write));
        let cookie = measured.last("writes", store, "cookie")?;
        say(format!("{store}.cookie"), bytes(cookie));
        let resident = measured.last("sessions", store, "resident")?;
        say(format!("{store}.resident"), bytes(resident));
    }
    let each = session_bytes(measured, "memory", "resident")?;
    say("memory.session".into(), bytes(each));
    for store in ["redis", "cluster"] {
        let each = session_bytes(measured, store, "redis_memory")?;
        say(format!("{store}.session"), bytes(each));
        for (name, axis) in [("read", "sessions"), ("write", "writes")] {
            let commands = measured.last(axis, store, "redis_commands")?;
            say(format!("{store}.{name}.commands"), format!("{commands:.2}"));
            let cpu = measured.last(axis, store, "redis_cpu")?;
            say(format!("{store}.{name}.redis_cpu"), micros(cpu));
            let sent = measured.last(axis, store, "redis_sent")?;
            let received = measured.last(axis, store, "redis_received")?;
            say(format!("{store}.{name}.traffic"), bytes(sent + received));
        }
        let curve = measured.curve("instances", store, "redis_commands");
        for (n, commands) in &curve {
            let cpu = measured.at("instances", store, *n as u64, "cpu")?;
            let redis_cpu = measured.at("instances", store, *n as u64, "redis_cpu")?;
            say(format!("{store}.{n}.commands"), format!("{commands:.2}"));
            say(format!("{store}.{n}.cpu"), micros(cpu));
            say(format!("{store}.{n}.redis_cpu"), micros(redis_cpu));
        }
    }
    for store in ["cookies", "redis"] {
        for axis in ["sign_ins", "refreshes"] {
            let cpu = measured.last(axis, store, "cpu")?;
            say(format!("{store}.{axis}.cpu"), micros(cpu));
            let commands = measured.last(axis, store, "redis_commands")?;
            say(format!("{store}.{axis}.commands"), format!("{commands:.1}"));
        }
        for (n, cookie) in measured.curve("organizations", store, "cookie") {
            let of = |what: &str| measured.at("organizations", store, n as u64, what);
            say(format!("{store}.organizations.{n}.cookie"), bytes(cookie));
            say(format!("{store}.organizations.{n}.cpu"), micros(of("cpu")?));
            let token = of("token_cpu")?;
            say(format!("{store}.organizations.{n}.token"), micros(token));
            let calls = of("token_calls")?;
            say(
                format!("{store}.organizations.{n}.calls"),
                format!("{calls:.2}"),
            );
        }
    }
    for store in ["cookies", "redis", "cluster"] {
        for (n, capacity) in measured.curve("simulated", store, "per_second") {
            say(format!("{store}.simulated.{n}"), count(capacity));
        }
        let plan = plan(measured, store)?;
        say(format!("{store}.plan.cores"), count(plan.cores.ceil()));
        say(
            format!("{store}.plan.refresh_cores"),
            count(plan.refresh_cores.ceil()),
        );
        say(format!("{store}.plan.client"), gbit(plan.client_gbit));
        if store != "cookies" {
            let nodes = plan.nodes_by_cpu.max(plan.nodes_by_memory);
            say(format!("{store}.plan.nodes"), count(nodes));
            say(
                format!("{store}.plan.nodes_by_cpu"),
                count(plan.nodes_by_cpu),
            );
            say(
                format!("{store}.plan.nodes_by_memory"),
                count(plan.nodes_by_memory),
            );
            say(format!("{store}.plan.memory"), bytes(plan.store_bytes));
            say(format!("{store}.plan.traffic"), gbit(plan.store_gbit));
        }
    }
    for (name, sealed) in [("cookies", SEALED[0]), ("store", SEALED[1])] {
        let until = SEALS / (per_second * sealed);
        say(format!("{name}.key.lasts"), time(until));
        // What one key is good for, if it is changed as often as assumed.
        let users = SEALS / KEY / sealed * PERIOD;
        say(format!("{name}.key.users"), count(users));
    }
    say("key.days".into(), format!("{:.0} days", KEY / 86_400.0));
    let write = |what: &str| measured.last("writes", "redis", what);
    let by_cpu = LOAD * 1e6 / write("redis_cpu")? * PERIOD;
    say("one_redis.users_by_cpu".into(), count(by_cpu));
    let by_memory = NODE / session_bytes(measured, "redis", "redis_memory")?;
    say("one_redis.users_by_memory".into(), count(by_memory));
    let by_core = LOAD * 1e6 / measured.last("writes", "cookies", "cpu")? * PERIOD;
    say("one_core.users".into(), count(by_core));
    Ok(facts)
}

/// Three digits, which is more than is certain.
fn count(number: f64) -> String {
    let (number, unit) = match number {
        n if n >= 1e9 => (n / 1e9, " billion"),
        n if n >= 1e6 => (n / 1e6, " million"),
        n => (n, ""),
    };
    format!("{}{unit}", digits(number))
}

fn digits(number: f64) -> String {
    if number == 0.0 {
        return "0".into();
    }
    let places = 2 - number.abs().log10().floor() as i32;
    let rounded = (number * 10_f64.powi(places)).round() / 10_f64.powi(places);
    let text = format!("{rounded:.*}", usize::try_from(places).unwrap_or(0));
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    // Thousands apart.
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

pub fn micros(number: f64) -> String {
    match number.abs() {
        n if n >= 1e3 => format!("{} ms", digits(number / 1e3)),
        _ => format!("{number:.1} µs"),
    }
}

pub fn bytes(number: f64) -> String {
    let (number, unit) = match number.abs() {
        n if n >= 1e12 => (number / 1e12, "TB"),
        n if n >= 1e9 => (number / 1e9, "GB"),
        n if n >= 1e6 => (number / 1e6, "MB"),
        n if n >= 1e3 => (number / 1e3, "kB"),
        _ => (number, "bytes"),
    };
    format!("{} {unit}", digits(number))
}

fn gbit(number: f64) -> String {
    format!("{} Gbit/s", digits(number))
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 2.0 * 86_400.0 => format!("{} days", digits(s / 86_400.0)),
        s if s >= 7_200.0 => format!("{} hours", digits(s / 3_600.0)),
        s => format!("{:.0} minutes", s / 60.0),
    }
}
