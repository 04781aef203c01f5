//! The promises of [`SessionStore`](crate::SessionStore).

use rocket::tokio::time::sleep;

use super::{AT_ONCE, Bench, HOUR, Kept, ROUNDED, SECOND, at_once, data_of, expect};
use crate::session::store::{Record, StoreError};

pub(super) async fn create_keeps_a_new_session_and_fails_on_collision(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    expect("load before create", bench.data("a").await?, None)?;
    bench.create(&bench.record("a", "sub")).await?;
    expect("load", bench.data("a").await?, Some(data_of("a")))?;

    let other = Record::new(bench.name("a"), bench.name("other"), "other data", HOUR);
    let created = store.create(&other).await;
    expect("create again", created, Err(StoreError::Collision))?;
    expect(
        "load after that",
        bench.data("a").await?,
        Some(data_of("a")),
    )?;
    // Nor has it changed hands.
    let ended = store.delete_by_sub(&bench.name("other"), i64::MAX).await;
    expect("delete_by_sub of the other user", ended, Ok(()))?;
    bench.live("after that", &["a"], &["a"]).await
}

pub(super) async fn of_many_that_create_one_id_exactly_one_wins(bench: Bench) -> Kept {
    let attempts = (0..AT_ONCE).map(|n| {
        let store = bench.store.clone();
        let mine = Record::new(bench.name("a"), bench.name("sub"), n.to_string(), HOUR);
        async move { (n, store.create(&mine).await) }
    });
    let mut winners = Vec::new();
    for attempt in at_once(attempts).await? {
        match attempt {
            (n, Ok(())) => winners.push(n.to_string()),
            (_, error) => expect("create at once", error, Err(StoreError::Collision))?,
        }
    }
    expect("how many have created it", winners.len(), 1)?;
    expect("load", bench.data("a").await?, winners.pop())
}

pub(super) async fn data_of_any_size_is_kept_as_it_is(bench: Bench) -> Kept {
    let printable: String = (' '..='~').collect();
    for (id, data) in [("a", String::new()), ("b", printable.repeat(1100))] {
        let record = Record::new(bench.name(id), bench.name("sub"), data.clone(), HOUR);
        bench.create(&record).await?;
        expect("load", bench.data(id).await?, Some(data.clone()))?;
        let next = Record::new(bench.name(id), bench.name("sub"), data.clone() + "!", HOUR);
        expect("save", bench.store.save(&next).await, Ok(true))?;
        expect("load after save", bench.data(id).await?, Some(data + "!"))?;
    }
    Ok(())
}

pub(super) async fn save_replaces_what_is_there_and_its_lifetime(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let used = bench
        .prolonged("a", |id, lifetime| bench.lasting(id, "sub", lifetime))
        .await?;
    let what = "load of a session that was saved with a longer lifetime";
    expect(what, bench.data(&used).await?, Some(data_of(&used)))?;

    let state = |data, lifetime| {
        Record::new(bench.name(&used), bench.name("sub"), data, lifetime).with_version(1)
    };
    let saved = store.save(&state("next", HOUR)).await;
    expect("save at version 1", saved, Ok(true))?;
    expect("load", bench.data(&used).await?, Some("next".into()))?;
    // The same version, used again.
    let saved = store.save(&state("rolled", HOUR)).await;
    expect("save at version 1 again", saved, Ok(true))?;
    expect("load", bench.data(&used).await?, Some("rolled".into()))?;

    let saved = store.save(&state("rolled", SECOND)).await;
    expect("save with a shorter lifetime", saved, Ok(true))?;
    bench.gone(&used).await
}

pub(super) async fn save_never_brings_back_what_has_ended(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let (sid, sub) = (bench.name("sid"), bench.name("sub"));
    for end in [
        "no create",
        "delete",
        "delete_by_sid",
        "delete_by_sub",
        "expiry",
    ] {
        let mine = bench.record(end, "sub").with_sid(&sid);
        if end == "expiry" {
            let short = bench.lasting(end, "sub", SECOND).with_sid(&sid);
            bench.create(&short).await?;
            bench.gone(end).await?;
        } else if end != "no create" {
            bench.create(&mine).await?;
        }
        let ended = match end {
            "delete" => store.delete(&mine.id).await,
            "delete_by_sid" => store.delete_by_sid(&sid).await,
            "delete_by_sub" => store.delete_by_sub(&sub, i64::MAX).await,
            _ => Ok(()),
        };
        expect(end, ended, Ok(()))?;
        let saved = store.save(&mine.with_version(9)).await;
        expect(format!("save after {end}"), saved, Ok(false))?;
        let loaded = bench.data(end).await?;
        expect(format!("load after {end} and save"), loaded, None)?;
    }
    // Whichever of the two comes first.
    for n in 0..AT_ONCE {
        let id = format!("race{n}");
        let mine = bench.record(&id, "sub");
        bench.create(&mine).await?;
        let order = if n % 2 == 0 {
            ["save", "delete"]
        } else {
            ["delete", "save"]
        };
        let acts = order.map(|act| {
            let (store, mine) = (store.clone(), mine.clone().with_version(1));
            async move {
                match act {
                    "save" => store.save(&mine).await.map(|_| ()),
                    _ => store.delete(&mine.id).await,
                }
            }
        });
        let done = at_once(acts).await?;
        expect("save and delete at once", done, vec![Ok(()), Ok(())])?;
        let loaded = bench.data(&id).await?;
        expect("load after delete and save at once", loaded, None)?;
    }
    Ok(())
}

pub(super) async fn an_older_version_does_not_replace_a_newer_one(bench: Bench) -> Kept {
    let state = |version: u32| {
        let data = format!("state {version}");
        Record::new(bench.name("a"), bench.name("sub"), data, HOUR).with_version(version)
    };
    bench.create(&state(9)).await?;
    let save = async |version| bench.store.save(&state(version)).await;
    expect("save version 10", save(10).await, Ok(true))?;
    // As text, 9 comes after 10.
    expect("save version 9 after that", save(9).await, Ok(true))?;
    expect("load", bench.data("a").await?, Some("state 10".into()))?;
    expect("save version 11", save(11).await, Ok(true))?;
    expect("load", bench.data("a").await?, Some("state 11".into()))?;
    // Nor is its lifetime that of the older one.
    let short = Record {
        lifetime: SECOND,
        ..state(10)
    };
    expect("save version 10", bench.store.save(&short).await, Ok(true))?;
    sleep(SECOND + ROUNDED).await;
    expect(
        "load later",
        bench.data("a").await?,
        Some("state 11".into()),
    )
}

pub(super) async fn of_many_that_save_the_newest_stays(bench: Bench) -> Kept {
    // By chance, the newest may come last once.
    for id in ["a", "b", "c"] {
        bench.create(&bench.record(id, "sub")).await?;
        let saves = (0..AT_ONCE)
            // Each number once, the newest in the middle.
            .map(|n| (n * 7 + 3) % AT_ONCE + 1)
            .map(|version| {
                let store = bench.store.clone();
                let data = version.to_string();
                let mine = Record::new(bench.name(id), bench.name("sub"), data, HOUR);
                async move { store.save(&mine.with_version(version)).await }
            });
        for saved in at_once(saves).await? {
            expect("save at once with others", saved, Ok(true))?;
        }
        let newest = AT_ONCE.to_string();
        expect("load", bench.data(id).await?, Some(newest))?;
    }
    Ok(())
}

pub(super) async fn delete_ends_one_session(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let (sid, sub) = (bench.name("sid"), bench.name("sub"));
    for id in ["a", "b"] {
        let mine = bench.record(id, "sub").with_sid(&sid);
        bench.create(&mine).await?;
    }
    let delete = async |id: &str| store.delete(&bench.name(id)).await;
    expect("delete", delete("a").await, Ok(()))?;
    let both = ["a", "b"];
    bench.live("after delete", &both, &["b"]).await?;
    expect("delete again", delete("a").await, Ok(()))?;
    let ended = delete("never there").await;
    expect("delete of what never was", ended, Ok(()))?;
    bench.live("after that", &both, &["b"]).await?;
    // The id is free again, and the new session is found by its own names only.
    let new = bench.record("a", "sub").with_sid(bench.name("new"));
    bench.create(&new).await?;
    let ended = store.delete_by_sid(&sid).await;
    expect("delete_by_sid of the session before", ended, Ok(()))?;
    bench.live("after that", &both, &["a"]).await?;
    let ended = store.delete_by_sub(&sub, i64::MAX).await;
    expect("delete_by_sub", ended, Ok(()))?;
    bench.live("after that", &both, &[]).await
}

pub(super) async fn what_has_expired_is_gone(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    bench.create(&bench.lasting("a", "sub", SECOND)).await?;
    bench.create(&bench.record("b", "sub")).await?;
    let id = bench.name("a");
    let put = async || store.put_token(&id, "token", "sealed").await;
    let token = async || store.token(&id, "token").await;
    expect("put_token", put().await, Ok(()))?;
    bench.gone("a").await?;
    bench.live("later", &["a", "b"], &["b"]).await?;
    expect("token of what has expired", token().await, Ok(None))?;
    expect("put_token to what has expired", put().await, Ok(()))?;
    expect("token after that", token().await, Ok(None))?;
    // The id is free.
    bench.create(&bench.record("a", "sub")).await?;
    bench.live("created anew", &["a", "b"], &["a", "b"]).await?;
    expect("token of the session before", token().await, Ok(None))
}
