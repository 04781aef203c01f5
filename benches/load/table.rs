//! What is printed: figures with their targets, and whether they are met.

use std::time::Duration;

use crate::rounds::Measured;

/// Of which row to which, and what it should be at least, in requests and in processor time.
pub type Ratio = (usize, usize, f64);

/// One figure that should be at most `target`, in its own unit.
pub fn row(name: &str, value: String, target: &str) {
    println!("{name:<44}{value:>12}  {target}");
}

pub fn heading() {
    println!("{:<44}{:>12}  target", "", "measured");
}

pub fn table(measured: &[Measured], ratios: &[Ratio]) {
    println!(
        "{:<44}{:>10}{:>10}{:>10}{:>10}{:>8}{:>8}  target",
        "", "req/s", "CPU", "p50", "p99", "req/s", "CPU"
    );
    for (index, row) in measured.iter().enumerate() {
        let ratio = ratios.iter().find(|(of, ..)| *of == index);
        let ratio = ratio.map(|(_, to, target)| {
            let to = &measured[*to];
            let requests = row.per_second / to.per_second;
            let cpu = to.cpu.as_secs_f64() / row.cpu.as_secs_f64();
            let verdict = verdict(requests.min(cpu) >= *target);
            format!("{requests:>8.2}{cpu:>8.2}  {target:.2}, {verdict}")
        });
        println!("{}{}", figures(row), ratio.unwrap_or_default());
    }
}

/// Other libraries: how many times the processor time of the first row they take, and how many
/// times it should be at least.
pub fn peers(measured: &[Measured], targets: &[Option<f64>]) {
    println!(
        "{:<44}{:>10}{:>10}{:>10}{:>10}{:>8}  target",
        "", "req/s", "CPU", "p50", "p99", "× CPU"
    );
    let Some(ours) = measured.first() else {
        return;
    };
    for (row, target) in measured.iter().zip(targets) {
        let times = row.cpu.as_secs_f64() / ours.cpu.as_secs_f64();
        let target = target.map(|target| format!("  {target:.0}, {}", verdict(times >= target)));
        println!("{}{times:>8.1}{}", figures(row), target.unwrap_or_default());
    }
}

fn verdict(is_met: bool) -> &'static str {
    match is_met {
        true => "met",
        false => "missed",
    }
}

fn figures(row: &Measured) -> String {
    format!(
        "{:<44}{:>10.0}{:>10}{:>10}{:>10}",
        row.name,
        row.per_second,
        us(row.cpu),
        us(row.p50),
        us(row.p99),
    )
}

pub fn us(duration: Duration) -> String {
    format!("{:.1} µs", duration.as_secs_f64() * 1e6)
}

pub fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

pub fn kb(bytes: f64) -> String {
    format!("{:.1} kB", bytes / 1e3)
}

pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
