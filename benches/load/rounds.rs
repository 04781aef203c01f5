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

/// The runs so far, case by case.
#[derive(Default)]
pub struct Rounds(Vec<(&'static str, Vec<(Run, Duration)>)>);

impl Rounds {
    /// One round: each case once. The cases are the same in each round, but
    /// their headers need not be.
    pub fn add(&mut self, cases: &[Case<'_>], duration: Duration) -> Outcome {
        for (index, case) in cases.iter().enumerate() {
            let before = case.app.process.cpu()?;
            let url = format!("{}{}", case.app.url, case.path);
            let run = wrk::run(&url, case.headers, duration)?;
            let cpu = (case.app.process.cpu()? - before).div_f64(run.requests as f64);
            if self.0.len() <= index {
                self.0.push((case.name, Vec::new()));
            }
            self.0[index].1.push((run, cpu));
        }
        Ok(())
    }

    pub fn medians(&self) -> Vec<Measured> {
        let medians = self.0.iter().map(|(name, runs)| Measured {
            name,
            requests: runs.iter().map(|(run, _)| run.requests).sum(),
            per_second: median(runs.iter().map(|(run, _)| run.per_second)),
            cpu: duration_of(median(runs.iter().map(|(_, cpu)| cpu.as_secs_f64()))),
            p50: duration_of(median(runs.iter().map(|(run, _)| run.p50.as_secs_f64()))),
            p99: duration_of(median(runs.iter().map(|(run, _)| run.p99.as_secs_f64()))),
        });
        medians.collect()
    }
}

fn duration_of(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
