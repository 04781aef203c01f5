//! The promises of [`LockStore`](crate::LockStore).

use std::time::{Duration, Instant};

use rocket::tokio::time::sleep;

use super::{AT_ONCE, Bench, HOUR, Kept, ROUNDED, SECOND, at_once, data_of, expect};

pub(super) async fn a_lock_is_exclusive_and_given_back_by_its_owner_only(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let name = bench.name("lock");
    let attempts = (0..AT_ONCE).map(|n| {
        let (store, name) = (store.clone(), name.clone());
        async move { (n, store.lock(&name, &n.to_string(), HOUR).await) }
    });
    let mut holders = Vec::new();
    for attempt in at_once(attempts).await? {
        match attempt {
            (n, Ok(true)) => holders.push(n.to_string()),
            (_, answer) => expect("lock at once with others", answer, Ok(false))?,
        }
    }
    expect("how many hold it", holders.len(), 1)?;
    let holder = holders.remove(0);

    let lock = async |owner| store.lock(&name, owner, HOUR).await;
    let unlock = async |owner| store.unlock(&name, owner).await;
    expect("lock by its holder", lock(&holder).await, Ok(false))?;
    let other = store.lock(&bench.name("another"), "x", HOUR).await;
    expect("another lock", other, Ok(true))?;

    expect("unlock by another", unlock("another").await, Ok(()))?;
    expect("unlock by the empty owner", unlock("").await, Ok(()))?;
    let never = store.unlock(&bench.name("never taken"), &holder).await;
    expect("unlock of what nobody has", never, Ok(()))?;
    expect("lock after that", lock("x").await, Ok(false))?;
    expect("unlock", unlock(&holder).await, Ok(()))?;
    expect("lock after unlock", lock("x").await, Ok(true))?;
    // The owner before comes too late.
    expect("unlock again", unlock(&holder).await, Ok(()))?;
    expect("lock after that", lock("y").await, Ok(false))
}

pub(super) async fn a_lock_ends_by_itself(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let name = bench.name("lock");
    let taken = store.lock(&name, "x", SECOND).await;
    expect("lock for a second", taken, Ok(true))?;
    bench
        .eventually("the lock can be taken later", async || {
            let taken = store.lock(&name, "y", HOUR).await;
            taken.map_err(|error| format!("lock: {error}"))
        })
        .await?;
    let late = store.unlock(&name, "x").await;
    expect("unlock by the owner before", late, Ok(()))?;
    let taken = store.lock(&name, "z", HOUR).await;
    expect("lock after that", taken, Ok(false))
}

pub(super) async fn renewing_moves_the_end_of_a_lock_or_does_nothing(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let never = bench.name("never taken");
    // A store that leaves the method as it is says yes to everything.
    let renews = match store.renew(&never, "x", HOUR).await {
        Ok(true) => false,
        answer => {
            expect("renew of what nobody has", answer, Ok(false))?;
            true
        }
    };
    let taken = store.lock(&never, "y", HOUR).await;
    expect("lock of it after that", taken, Ok(true))?;

    let name = bench.name("lock");
    expect("lock", store.lock(&name, "x", HOUR).await, Ok(true))?;
    for other in ["y", "", "x:", "xx"] {
        let renewed = store.renew(&name, other, SECOND).await;
        expect(format!("renew by {other:?}"), renewed, Ok(!renews))?;
    }
    if renews {
        lives_longer(&bench).await?;
    } else {
        let renewed = store.renew(&name, "x", SECOND).await;
        expect("renew by its holder", renewed, Ok(true))?;
        sleep(SECOND + ROUNDED).await;
    }
    let taken = store.lock(&name, "z", HOUR).await;
    expect("lock, which nobody was to make shorter", taken, Ok(false))?;
    if !renews {
        return Ok(());
    }
    let renewed = store.renew(&name, "x", SECOND).await;
    expect("renew by its holder", renewed, Ok(true))?;
    bench
        .eventually(
            "the lock can be taken when it was renewed for less",
            async || {
                let taken = store.lock(&name, "z", HOUR).await;
                taken.map_err(|error| format!("lock: {error}"))
            },
        )
        .await?;
    let renewed = store.renew(&name, "x", HOUR).await;
    expect("renew by the holder before", renewed, Ok(false))
}

/// A lock that would end soon, and is renewed before it does.
async fn lives_longer(bench: &Bench) -> Kept {
    for lifetime in [2, 8, 32, 128].map(Duration::from_secs) {
        let name = bench.name(&format!("lock for {lifetime:?}"));
        let begun = Instant::now();
        let taken = bench.store.lock(&name, "x", lifetime).await;
        expect("lock", taken, Ok(true))?;
        let renewed = bench.store.renew(&name, "x", HOUR).await;
        if begun.elapsed() >= lifetime {
            // Too slow: it may or may not have ended in between.
            continue;
        }
        expect("renew before the lifetime is over", renewed, Ok(true))?;
        sleep(lifetime + ROUNDED).await;
        let taken = bench.store.lock(&name, "y", HOUR).await;
        return expect("lock of one that was renewed", taken, Ok(false));
    }
    Err("taking and renewing a lock takes more than two minutes".to_owned())
}

pub(super) async fn locks_and_sessions_do_not_meet(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let id = bench.name("a");
    expect("lock", store.lock(&id, "x", HOUR).await, Ok(true))?;
    bench.create(&bench.record("a", "sub")).await?;
    expect("unlock", store.unlock(&id, "x").await, Ok(()))?;
    expect("load", bench.data("a").await?, Some(data_of("a")))?;
    expect("lock again", store.lock(&id, "x", HOUR).await, Ok(true))?;
    expect("delete", store.delete(&id).await, Ok(()))?;
    let taken = store.lock(&id, "y", HOUR).await;
    expect("lock after the session has ended", taken, Ok(false))
}

pub(super) async fn the_owner_of_a_lock_is_told_or_never(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let (name, short) = (bench.name("lock"), bench.name("short"));
    let owner = async |name: &str| store.owner(name).await;
    expect("owner of what nobody has", owner(&name).await, Ok(None))?;
    // Up to 1 kB of any text.
    let long = format!("it's a:b \"%_*\" Zoë {}", "x".repeat(900));
    expect("lock", store.lock(&name, &long, HOUR).await, Ok(true))?;
    let told = owner(&name).await;
    if told == Ok(None) {
        return Ok(());
    }
    expect("owner", told, Ok(Some(long.clone())))?;
    expect(
        "lock by another",
        store.lock(&name, "x", HOUR).await,
        Ok(false),
    )?;
    expect("unlock by another", store.unlock(&name, "x").await, Ok(()))?;
    expect(
        "owner after that",
        owner(&name).await,
        Ok(Some(long.clone())),
    )?;
    expect("unlock", store.unlock(&name, &long).await, Ok(()))?;
    expect("owner after unlock", owner(&name).await, Ok(None))?;
    expect("lock", store.lock(&name, "y", HOUR).await, Ok(true))?;
    expect("owner", owner(&name).await, Ok(Some("y".to_owned())))?;
    expect(
        "lock for a second",
        store.lock(&short, "z", SECOND).await,
        Ok(true),
    )?;
    bench
        .eventually("nobody owns a lock that has ended", async || {
            let owner = owner(&short)
                .await
                .map_err(|error| format!("owner: {error}"))?;
            Ok(owner.is_none())
        })
        .await
}
