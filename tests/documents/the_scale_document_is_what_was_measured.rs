//! Every number of docs/scale.md, and every curve, follows from what was measured.

#![allow(dead_code)]

#[path = "../../benches/scale/chart.rs"]
mod chart;
#[path = "../../benches/scale/curves.rs"]
mod curves;
#[path = "../../benches/scale/document.rs"]
mod document;
#[path = "../../benches/scale/measured.rs"]
mod measured;
#[path = "../../benches/scale/model.rs"]
mod model;
#[path = "../../benches/scale/simulation.rs"]
mod simulation;

use std::collections::BTreeSet;
use std::path::Path;

use measured::Measured;

const DOCUMENT: &str = include_str!("../../docs/scale.md");
const CSV: &str = include_str!("../../docs/scale/measured.csv");

fn measured() -> Measured {
    Measured::parse(CSV).expect("what the script has written")
}

#[test]
fn each_number_follows_from_what_was_measured() {
    assert_eq!(measured().to_csv(), CSV);
    let filled = document::filled(DOCUMENT, &measured()).expect("names that there are");
    for (written, right) in DOCUMENT.lines().zip(filled.lines()) {
        assert_eq!(written, right, "run benches/scale.sh --draw");
    }
    assert_eq!(filled, DOCUMENT);
    assert!(DOCUMENT.matches("<!--=").count() > 80);
    // Of each store, and of each axis.
    for name in [
        "cluster.most.cpu",
        "redis.8.commands",
        "cookies.plan.cores",
        "store.key.users",
    ] {
        assert!(DOCUMENT.contains(&format!("<!--={name}-->")), "{name}");
    }
}

/// A number with a unit that no name stands for has been written by hand, and nobody will
/// change it with the others.
#[test]
fn no_measured_number_is_written_by_hand() {
    const UNITS: [&str; 12] = [
        "µs",
        "ms",
        "kB",
        "MB",
        "GB",
        "TB",
        "Gbit/s",
        "%",
        "million",
        "billion",
        "processors",
        "commands",
    ];
    let by_hand = |text: &str| -> Vec<String> {
        let text = document::by_hand(text);
        let words: Vec<_> = text.split_whitespace().collect();
        let pairs = words.windows(2).filter(|pair| {
            let is_number = pair[0].starts_with(|c: char| c.is_ascii_digit());
            let unit = pair[1].trim_end_matches(['.', ',', ';', ':', ')']);
            is_number && UNITS.contains(&unit)
        });
        pairs.map(|pair| pair.join(" ")).collect()
    };
    assert_eq!(by_hand(DOCUMENT), [""; 0]);
    let wrong = "takes <!--=load-->60 %<!--/--> and 5 ms, of 32 MiB";
    assert_eq!(by_hand(wrong), ["5 ms,"]);
}

#[test]
fn each_curve_is_drawn_from_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scale");
    let mut expected = BTreeSet::from(["measured.csv".to_owned()]);
    for (name, svg) in curves::all(&measured()).expect("all of them") {
        let drawn = std::fs::read_to_string(folder.join(name)).expect("a file");
        assert!(drawn == svg, "{name}: run benches/scale.sh --draw");
        assert!(DOCUMENT.contains(&format!("](scale/{name})")), "{name}");
        expected.insert(name.to_owned());
        // It is read on either paper, and by who cannot see it.
        for part in ["prefers-color-scheme: dark", "<title", "<desc", "viewBox"] {
            assert!(svg.contains(part), "{name}: {part}");
        }
    }
    let files = std::fs::read_dir(folder).expect("a folder");
    let files = files.map(|file| file.expect("a file").file_name().into_string());
    let files: Result<BTreeSet<_>, _> = files.collect();
    assert_eq!(files.expect("names"), expected);
}

/// A part of it: all would take half a minute without optimisation.
#[test]
fn what_was_simulated_follows_from_what_was_measured() {
    let measured = measured();
    for (store, instances) in [("cookies", 2), ("redis", 4), ("cluster", 1)] {
        let system = model::system(&measured, store, instances).expect("measured");
        let now = system.capacity(model::LIMIT);
        let kept = measured.at("simulated", store, instances as u64, "per_second");
        let kept = kept.expect("simulated");
        assert!(
            (now / kept - 1.0).abs() < 1e-3,
            "{store}: {now}, not {kept}"
        );
    }
}

/// A queue with one server and random arrivals has a formula (M/M/1): 99 of 100 take
/// ln(100) / (1/work - arrivals).
#[test]
fn a_queue_that_has_a_formula_behaves_by_it() {
    let system = simulation::System {
        instances: 1,
        work: 100.0,
        nodes: 0,
        store: 0.0,
        network: 0.0,
    };
    for per_second in [2_000.0, 5_000.0] {
        let expected = 100_f64.ln() / (1.0 / 100.0 - per_second / 1e6);
        let simulated = system.p99(per_second);
        let ratio = simulated / expected;
        assert!((0.9..1.1).contains(&ratio), "{simulated}, not {expected}");
    }
}
