//! The promises of [`LockStore`](crate::LockStore).

use super::{AT_ONCE, Bench, HOUR, Kept, SECOND, at_once, data_of, expect};

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
