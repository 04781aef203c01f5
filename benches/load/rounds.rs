//! Routes in turn, several rounds, so that whatever else the machine does falls
//! on all of them alike; of each figure the median.

use std::time::Duration;

use crate::Outcome;
use crate::provider::App;
use crate::wrk::{self, Headers, Run};

/// One route, as it is asked.
pub struct Case<'a> {
    pub name: &'static str,
    pub app: &'a App,
    pub path: &'static str,
    pub headers: &'a Headers,
}

pub struct Measured {
    pub name: &'static str,
    pub requests: u64,
    pub per_second: f64,
    /// Processor time of the app for each request.
    pub cpu: Duration,
    pub p50: Duration,
    pub p99: Duration,
}

pub fn run(cases: &[Case<'_>], rounds: usize, duration: Duration) -> Outcome<Vec<Measured>> {
    let mut runs: Vec<Vec<(Run, Duration)>> = cases.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (case, runs) in cases.iter().zip(&mut runs) {
            let before = case.app.process.cpu()?;
            let run = wrk::run(
                &format!("{}{}", case.app.url, case.path),
                case.headers,
                duration,
            )?;
            let cpu = (case.app.process.cpu()? - before).div_f64(run.requests as f64);
            runs.push((run, cpu));
        }
    }
    let measured = cases.iter().zip(&runs).map(|(case, runs)| Measured {
        name: case.name,
        requests: runs.iter().map(|(run, _)| run.requests).sum(),
        per_second: median(runs.iter().map(|(run, _)| run.per_second)),
        cpu: duration_of(median(runs.iter().map(|(_, cpu)| cpu.as_secs_f64()))),
        p50: duration_of(median(runs.iter().map(|(run, _)| run.p50.as_secs_f64()))),
        p99: duration_of(median(runs.iter().map(|(run, _)| run.p99.as_secs_f64()))),
    });
    Ok(measured.collect())
}

fn duration_of(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
