use std::collections::BTreeSet;

use super::handles::Handles;

/// Prometheus' own rules for names: <https://prometheus.io/docs/practices/naming/>.
#[test]
fn names_are_as_prometheus_has_them() {
    let handles = Handles::of_the_recorder();
    let mut names = BTreeSet::new();
    for metric in &handles.listed {
        let name = metric.name;
        assert!(names.insert(name), "{name} is there twice");
        let is_proper = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(
            name.starts_with("rocket_logto_") && is_proper(name),
            "{name}"
        );
        use super::handles::Kind;
        let suffix = match metric.kind {
            Kind::Counter => "_total",
            Kind::Histogram => "_duration_seconds",
            Kind::Gauge => "_in_flight",
        };
        assert!(name.ends_with(suffix), "{name}");
        assert!(metric.help.ends_with('.'), "{name}");
        for (key, values) in &metric.labels {
            assert!(is_proper(key), "{name}: {key}");
            let all: BTreeSet<_> = values.iter().collect();
            assert_eq!(all.len(), values.len(), "{name}: {key}");
            assert!(values.iter().all(|value| is_proper(value)), "{name}: {key}");
        }
    }
    // Each costs a Prometheus something, whether it ever moves or not.
    let series = |metric: &super::handles::Metric| -> usize {
        metric.labels.iter().map(|(_, of)| of.len()).product()
    };
    let all: usize = handles.listed.iter().map(series).sum();
    assert!(all < 200, "{all} series");
}
