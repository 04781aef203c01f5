//! The dashboard and the alerts ask for metrics and labels that exist, with values that
//! occur, and the guide's table has every metric as it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rocket_logto::internals::{Metric, MetricKind, metrics};
use serde_json::Value as Json;

const GUIDE: &str = include_str!("../../crates/rocket_logto/src/guide/operation.md");
const PREFIX: &str = "rocket_logto_";
/// What Prometheus itself adds, and the rest of what stands where a label may.
const ANYWHERES: [&str; 3] = ["instance", "job", "le"];

fn deploy(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The metric that a series is of: a histogram has three kinds of them.
fn metric(series: &str) -> Option<&'static Metric> {
    metrics().iter().find(|metric| match metric.kind {
        MetricKind::Histogram => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|part| series.strip_suffix(part) == Some(metric.name)),
        _ => series == metric.name,
    })
}

/// What is wrong with an expression of PromQL, and which metrics it asks for.
fn check(expression: &str) -> (Vec<String>, Vec<&'static str>) {
    let (mut wrong, mut asked, mut labels) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (at, _) in expression.match_indices(PREFIX) {
        let series: String = expression[at..]
            .chars()
            .take_while(|c| is_word(*c))
            .collect();
        let Some(metric) = metric(&series) else {
            wrong.push(format!("there is no {series}"));
            continue;
        };
        asked.push(metric.name);
        labels.extend(metric.labels.iter().map(|(key, _)| *key));
        let rest = expression[at + series.len()..].strip_prefix('{');
        let selected = rest.map_or("", |rest| rest.split('}').next().unwrap_or_default());
        for matcher in selected.split(',').filter(|matcher| !matcher.is_empty()) {
            let key: String = matcher.chars().take_while(|c| is_word(*c)).collect();
            let label = metric.labels.iter().find(|(known, _)| *known == key);
            let value = matcher.split('"').nth(1).unwrap_or_default();
            match label {
                Some((_, values)) => {
                    let all = value.split('|').all(|value| values.contains(&value));
                    if !all {
                        wrong.push(format!("{series}: {key} is never {value}"));
                    }
                }
                None if ANYWHERES.contains(&&*key) => {}
                None => wrong.push(format!("{series} has no {key}")),
            }
        }
    }
    // `by (a, b)`: of one of the metrics.
    for group in expression.split("by (").skip(1) {
        let group = group.split(')').next().unwrap_or_default();
        for label in group.split(',').map(str::trim) {
            if !labels.contains(label) && !ANYWHERES.contains(&label) {
                wrong.push(format!("by {label}, which nothing here has"));
            }
        }
    }
    (wrong, asked)
}

/// The texts under this name, however deep.
fn texts<'j>(json: &'j Json, name: &str, found: &mut Vec<&'j str>) {
    match json {
        Json::Object(members) => {
            for (key, value) in members {
                match value.as_str() {
                    Some(text) if key == name => found.push(text),
                    _ => texts(value, name, found),
                }
            }
        }
        Json::Array(values) => values.iter().for_each(|value| texts(value, name, found)),
        _ => {}
    }
}

#[test]
fn every_query_is_about_something() {
    let dashboard: Json = serde_json::from_str(&deploy("grafana/rocket_logto.json")).expect("JSON");
    for name in ["title", "uid", "schemaVersion", "time", "templating"] {
        assert!(!dashboard[name].is_null(), "{name}");
    }
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}");
        let place = &panel["gridPos"];
        let of = |side: &str| place[side].as_u64().expect("a number");
        assert!(of("x") + of("w") <= 24 && of("h") > 0, "{title}: {place}");
        let targets = panel["targets"].as_array();
        let count = targets.map_or(0, Vec::len);
        assert_eq!(count == 0, panel["type"] == "row", "{title}");
    }
    let mut expressions = Vec::new();
    texts(&dashboard, "expr", &mut expressions);
    let mut shown = BTreeSet::new();
    for expression in expressions {
        let (wrong, asked) = check(expression);
        assert_eq!(wrong, [""; 0], "{expression}");
        assert!(!asked.is_empty(), "{expression}");
        shown.extend(asked);
    }
    let all: BTreeSet<_> = metrics().iter().map(|metric| metric.name).collect();
    assert_eq!(shown, all, "what the dashboard shows, and what there is");
    let mut variables = Vec::new();
    texts(&dashboard, "definition", &mut variables);
    assert!(
        variables.iter().all(|of| check(of).0.is_empty()),
        "{variables:?}"
    );
}

/// The blocks of a YAML file are read as far as this one goes.
#[test]
fn every_alert_can_fire() {
    let alerts = deploy("prometheus/alerts.yml");
    let rules: Vec<_> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() >= 5, "{}", rules.len());
    for rule in rules {
        let name = rule.lines().next().expect("a name");
        let (_, expression) = rule.split_once("expr: ").expect("an expression");
        let end = ["\n        for:", "\n        labels:"];
        let end = end.iter().filter_map(|end| expression.find(end)).min();
        let expression = &expression[..end.expect("labels")];
        let (wrong, asked) = check(expression);
        assert_eq!(wrong, [""; 0], "{name}");
        assert!(!asked.is_empty(), "{name}");
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(rule.contains(part), "{name} has no {part}");
        }
    }
}

#[test]
fn a_query_about_nothing_is_seen() {
    for expression in [
        "rate(rocket_logto_sign_in_total[5m])",
        "rocket_logto_sign_ins_total{result=\"ok\"}",
        "rocket_logto_sign_ins_total{outcome=\"okay\"}",
        "sum by (cause) (rocket_logto_sign_ins_total)",
        "rocket_logto_provider_request_duration_seconds",
    ] {
        assert_eq!(check(expression).0.len(), 1, "{expression}");
    }
}

#[test]
fn the_guide_has_each_metric_as_it_is() {
    for metric in metrics() {
        let row = format!("| `{}` | ", metric.name);
        let row = GUIDE.lines().find_map(|line| line.strip_prefix(&row));
        let row = row.unwrap_or_else(|| panic!("{} is not in the guide", metric.name));
        let (kind, rest) = row.split_once(" |").expect("a type");
        assert_eq!(
            kind,
            format!("{:?}", metric.kind).to_lowercase(),
            "{}",
            metric.name
        );
        let labels = rest.split('|').next().unwrap_or_default().trim();
        if labels.ends_with("as above") {
            let (key, _) = metric.labels.first().expect("a label");
            assert_eq!(labels, format!("`{key}`, as above"), "{}", metric.name);
            continue;
        }
        let written = metric.labels.iter().map(|(key, values)| {
            let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("`{key}`: {}", values.join(", "))
        });
        assert_eq!(
            labels,
            written.collect::<Vec<_>>().join("; "),
            "{}",
            metric.name
        );
    }
    let rows = GUIDE
        .lines()
        .filter(|line| line.starts_with("| `rocket_logto_"));
    assert_eq!(rows.count(), metrics().len());
}
