//! The curves of docs/scale.

use super::chart::{Axis, Chart, Line};
use super::measured::Measured;
use super::model::{bytes, micros};

const STORES: [(&str, &str); 4] = [
    ("cookies", "cookies"),
    ("memory", "memory"),
    ("redis", "Redis"),
    ("cluster", "Redis Cluster"),
];

/// Each file with what is in it.
pub fn all(measured: &Measured) -> Result<Vec<(&'static str, String)>, String> {
    let of_stores = |axis: &str, what: &str, which: &[usize]| -> Result<Vec<Line>, String> {
        let lines = which.iter().map(|index| {
            let (store, name) = STORES[*index];
            let points = measured.curve(axis, store, what);
            match points.is_empty() {
                true => Err(format!("{axis},{store},…,{what} is not measured")),
                false => Ok(Line { name, points }),
            }
        });
        lines.collect()
    };
    let most = measured.curve("sessions", "cookies", "cpu").pop();
    let most = most.map_or(6.0, |(n, _)| n.log10().round()) as i32;
    let sessions = || Axis::log("sessions", 3, most, whole);
    let mut cpu = of_stores("sessions", "cpu", &[0, 1, 2, 3])?;
    cpu.push(Line {
        name: "without the guard",
        points: measured.curve("sessions", "cookies", "cpu_unguarded"),
    });
    let memory = vec![
        Line {
            name: "cookies: app",
            points: measured.curve("sessions", "cookies", "resident"),
        },
        Line {
            name: "memory: app",
            points: measured.curve("sessions", "memory", "resident"),
        },
        Line {
            name: "Redis: Redis",
            points: measured.curve("sessions", "redis", "redis_memory"),
        },
        Line {
            name: "Cluster: its nodes",
            points: measured.curve("sessions", "cluster", "redis_memory"),
        },
        Line {
            name: "Redis: app",
            points: measured.curve("sessions", "redis", "resident"),
        },
    ];
    let organizations = vec![
        Line {
            name: "User, cookies",
            points: measured.curve("organizations", "cookies", "cpu"),
        },
        Line {
            name: "OrgToken, cookies",
            points: measured.curve("organizations", "cookies", "token_cpu"),
        },
        Line {
            name: "User, Redis",
            points: measured.curve("organizations", "redis", "cpu"),
        },
        Line {
            name: "OrgToken, Redis",
            points: measured.curve("organizations", "redis", "token_cpu"),
        },
    ];
    let one_more = |lines: &[Line]| {
        let values = lines.iter().flat_map(|line| &line.points);
        values.map(|(_, y)| *y).fold(0.0, f64::max)
    };
    let simulated = of_stores("simulated", "per_second", &[0, 2, 3])?;
    let at_redis = of_stores("instances", "redis_cpu", &[2, 3])?;
    let commands = of_stores("instances", "redis_commands", &[2, 3])?;
    let charts = [
        (
            "cpu-by-sessions.svg",
            Chart {
                title: "Processor time of the app for a request with User",
                description: "Against the number of sessions, for each kind of store.".into(),
                x: sessions(),
                y: Axis::linear("µs of CPU for each request", one_more(&cpu), whole),
                lines: cpu,
            },
        ),
        (
            "memory-by-sessions.svg",
            Chart {
                title: "Memory",
                description: "Of the app, and of Redis, against the number of sessions.".into(),
                x: sessions(),
                y: Axis::log("bytes", 6, 10, bytes),
                lines: memory,
            },
        ),
        (
            "cpu-by-organizations.svg",
            Chart {
                title: "Processor time of the app for a user of many organizations",
                description: "User, and OrgToken for one organization after the other.".into(),
                x: Axis::log("organizations of one user", 0, 3, whole),
                y: Axis::log("CPU for each request", 1, 4, micros),
                lines: organizations,
            },
        ),
        (
            "redis-by-instances.svg",
            Chart {
                title: "Processor time of Redis for a request with User",
                description: "Of all nodes together, against the number of instances.".into(),
                x: Axis::linear("instances, all under load", 8.0, whole),
                y: Axis::linear("µs of CPU for each request", one_more(&at_redis), tenths),
                lines: at_redis,
            },
        ),
        (
            "commands-by-instances.svg",
            Chart {
                title: "Commands that Redis gets for a request with User",
                description: "Of all nodes together, against the number of instances.".into(),
                x: Axis::linear("instances, all under load", 8.0, whole),
                y: Axis::linear("commands for each request", one_more(&commands), tenths),
                lines: commands,
            },
        ),
        (
            "requests-by-instances.svg",
            Chart {
                title: "Requests that instances serve, simulated",
                description: "With a processor for each, so that 99 of 100 take 5 ms at most."
                    .into(),
                x: Axis::linear("instances", 8.0, whole),
                y: Axis::linear("requests per second", one_more(&simulated), whole),
                lines: simulated,
            },
        ),
    ];
    Ok(charts.map(|(name, chart)| (name, chart.svg())).into())
}

/// With thousands apart.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn tenths(number: f64) -> String {
    format!("{number:.1}")
}
