//! The whole soak, and what is said of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket::futures::future::try_join_all;
use rocket::tokio::spawn;
use rocket::tokio::time::sleep;

use crate::Outcome;
use crate::ledger::{GRACE, Ledger};
use crate::people::{self, ALICE, ALIVE, BOB, SIGNED_OUT, UNEXPECTED, Victim};
use crate::redis::Redis;
use crate::world::World;

/// What an instance may have grown by, between the first and the last tenth of the time
/// in which memory is measured. The allocator gives pages back when it likes.
const GROWS_BY: f64 = 0.10;
const GROWS_BY_BYTES: f64 = 4.0 * MIB;
const MIB: f64 = (1 << 20) as f64;
/// In parts of the whole: caches fill, and the allocator finds its size.
const WARM_UP: f64 = 0.4;
const VICTIMS: usize = 12;
/// Sign-ins that a restart of Redis has broken off, until they have been idle for long enough.
const IN_BETWEEN: usize = 50;

/// Whether all was well.
pub async fn run(length: Duration) -> Outcome<bool> {
    let ledger = Arc::new(Ledger::new());
    let redis = Redis::start().await?;
    let world = Arc::new(World::start(redis.port, ledger.clone()).await?);
    let mut victims = Vec::new();
    for number in 0..VICTIMS {
        let user = if number % 3 == 0 { BOB } else { ALICE };
        victims.push(Victim::sign_in(&world, user, number).await?);
    }

    let began = Instant::now();
    let until = began + length;
    let every = (length / 30).max(Duration::from_secs(6));
    let mut others = vec![
        spawn(people::end_all_of_zoe(world.clone(), until)),
        spawn(people::bring_copies(world.clone(), until)),
        spawn(people::flood(world.clone(), until)),
    ];
    others.extend((0..3).map(|first| spawn(people::come_and_go(world.clone(), until, first))));
    let restarts = spawn(people::restart(world.clone(), redis, every, until));
    let staying: Vec<_> = victims
        .into_iter()
        .map(|victim| spawn(victim.stay(world.clone(), until)))
        .collect();

    let (mut samples, mut tenths) = (Vec::new(), 0);
    while Instant::now() < until {
        sleep(Duration::from_secs(1).min(until.saturating_duration_since(Instant::now()))).await;
        let part = began.elapsed().as_secs_f64() / length.as_secs_f64();
        samples.push((part, world.resident()?));
        world.tidy();
        if part * 10.0 >= f64::from(tenths + 1) {
            tenths += 1;
            progress(&ledger, &samples);
        }
    }
    for other in try_join_all(others).await? {
        other?;
    }
    let redis = restarts.await??;
    let mut victims = Vec::new();
    for victim in try_join_all(staying).await? {
        victims.push(victim?);
    }

    // Once more, at leisure: everybody who should be there, and all who should not.
    for victim in &mut victims {
        for instance in 0..2 {
            if !victim.look(&world, instance, "/json/user").await? {
                ledger.count("victims who are not there in the end");
            }
        }
    }
    for number in 0..ledger.ended_count() {
        if let Some((cookie, how)) = ledger.ended_one(number) {
            people::is_over(&world, &cookie, how, number).await?;
        }
    }
    verdict(&ledger, &samples, &redis, length)
}

fn progress(ledger: &Ledger, samples: &[(f64, [u64; 2])]) {
    let Some((part, [first, second])) = samples.last() else {
        return;
    };
    println!(
        "{:3.0} %  {:>7} sign-ins  {:>7} pages  {:>3} restarts  {:6.1} MiB {:6.1} MiB  faults: {} {} {}",
        part * 100.0,
        ledger.counted("sign-ins"),
        ledger.counted("pages for victims"),
        ledger.outages(),
        *first as f64 / MIB,
        *second as f64 / MIB,
        ledger.faults(SIGNED_OUT).0,
        ledger.faults(ALIVE).0,
        ledger.faults(UNEXPECTED).0,
    );
}

fn verdict(
    ledger: &Ledger,
    samples: &[(f64, [u64; 2])],
    redis: &Redis,
    length: Duration,
) -> Outcome<bool> {
    println!(
        "\nin {} s, two instances behind one Redis:",
        length.as_secs()
    );
    for (what, count) in ledger.counts() {
        println!("{what:<44}{count:>10}");
    }
    println!("{:<44}{:>10}", "restarts of Redis", ledger.outages());
    let slowest = ledger.slowest().as_secs_f64();
    println!(
        "{:<44}{slowest:>8.2} s  at most {} s",
        "missed after its return for",
        GRACE.as_secs()
    );
    // All but the victims have signed out, or never got their cookie.
    let (sessions, most) = (redis.sessions()?, VICTIMS + IN_BETWEEN);
    println!(
        "{:<44}{sessions:>10}  at least {VICTIMS}, at most {most}",
        "sessions in Redis at the end"
    );
    // What may count once only is remembered for minutes.
    println!(
        "{:<44}{:>10}",
        "all keys in Redis at the end",
        redis.keys()?
    );
    let memory = redis.memory()? as f64 / MIB;
    println!("{:<44}{memory:>6.1} MiB", "its memory at the end");

    let mut is_well = (VICTIMS..=most).contains(&sessions);
    for (index, name) in ["the first", "the second"].into_iter().enumerate() {
        let of = |from: f64, to: f64| {
            let parts = samples
                .iter()
                .filter(|(part, _)| (from..=to).contains(part));
            median(parts.map(|(_, resident)| resident[index] as f64).collect())
        };
        let width = (1.0 - WARM_UP) / 10.0;
        let (before, after) = (of(WARM_UP, WARM_UP + width), of(1.0 - width, 1.1));
        let most = before * (1.0 + GROWS_BY) + GROWS_BY_BYTES;
        // Nothing measured is no success.
        let is_flat = after <= most;
        is_well &= is_flat;
        println!(
            "{:<44}{:>6.1} MiB, then {:.1} MiB: at most {:.1} MiB{}",
            format!("{name} instance, resident"),
            before / MIB,
            after / MIB,
            most / MIB,
            if is_flat { "" } else { "  GROWN" },
        );
    }
    for kind in [SIGNED_OUT, ALIVE, UNEXPECTED] {
        let (count, lines) = ledger.faults(kind);
        is_well &= count == 0;
        println!("{kind:<44}{count:>10}  0");
        lines.iter().for_each(|line| println!("    {line}"));
    }
    is_well &= ledger.counted("victims who are not there in the end") == 0;
    // A soak in which nothing happens shows nothing.
    for what in [
        "sign-ins",
        "sign-outs",
        "logout tokens taken",
        "logout tokens with made-up sids",
        "refreshes",
        "copies of ended sessions refused",
        "pages for victims",
    ] {
        if ledger.counted(what) == 0 {
            println!("there were no {what}");
            is_well = false;
        }
    }
    if ledger.outages() == 0 {
        println!("Redis was never restarted");
        is_well = false;
    }
    println!("{}", if is_well { "all is well" } else { "NOT WELL" });
    Ok(is_well)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
