//! The promises of [`SessionIndex`](crate::SessionIndex).

use std::sync::atomic::{AtomicBool, Ordering};

use rocket::futures::future::{join, join_all};
use rocket::tokio::task::yield_now;

use super::{AT_ONCE, Bench, HOUR, Kept, SECOND, at_once, data_of, expect};
use crate::session::store::{Record, StoreError};

const ALL: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Alice has four sessions, Bob has one.
async fn several(bench: &Bench) -> Kept {
    for (id, sid, sub) in [
        ("a", Some("1"), "alice"),
        ("b", Some("1"), "alice"),
        ("c", Some("2"), "alice"),
        ("d", None, "alice"),
        ("e", Some("3"), "bob"),
    ] {
        let record = bench.record(id, sub);
        let record = match sid {
            Some(sid) => record.with_sid(bench.name(sid)),
            None => record,
        };
        bench.create(&record).await?;
    }
    Ok(())
}

async fn delete_by_sid(bench: &Bench, sid: &str) -> Kept {
    let ended = bench.store.delete_by_sid(sid).await;
    expect(format!("delete_by_sid of {sid:?}"), ended, Ok(()))
}

async fn delete_by_sub(bench: &Bench, sub: &str, begun_by: i64) -> Kept {
    let ended = bench.store.delete_by_sub(sub, begun_by).await;
    expect(format!("delete_by_sub of {sub:?}"), ended, Ok(()))
}

async fn delete_by_sub_without_sid(bench: &Bench, sub: &str, begun_by: i64) -> Kept {
    let ended = bench.store.delete_by_sub_without_sid(sub, begun_by).await;
    let call = format!("delete_by_sub_without_sid of {sub:?}");
    expect(call, ended, Ok(()))
}

/// The data of a user's sessions, in order; `None` where the store lists none at all.
async fn list_by_sub(
    bench: &Bench,
    sub: &str,
    limit: usize,
) -> Result<Option<Vec<String>>, String> {
    match bench.store.list_by_sub(sub, limit).await {
        Ok(mut data) => {
            data.sort_unstable();
            Ok(Some(data))
        }
        Err(StoreError::Unsupported) => Ok(None),
        Err(error) => Err(format!("list_by_sub of {sub:?}: {error}")),
    }
}

/// Of the user, these sessions are listed and no others.
async fn listed(bench: &Bench, sub: &str, ids: &[&str]) -> Kept {
    let Some(data) = list_by_sub(bench, sub, 1000).await? else {
        return Ok(());
    };
    let expected: Vec<_> = ids.iter().map(|id| data_of(id)).collect();
    expect(format!("list_by_sub of {sub:?}"), data, expected)
}

pub(super) async fn delete_by_sid_ends_those_with_it_only(bench: Bench) -> Kept {
    several(&bench).await?;
    delete_by_sid(&bench, &bench.name("nobody's")).await?;
    bench.live("after a sid of nobody", &ALL, &ALL).await?;
    // What has no sid does not have the empty one either.
    delete_by_sid(&bench, "").await?;
    bench.live("after the empty sid", &ALL, &ALL).await?;
    delete_by_sid(&bench, &bench.name("1")).await?;
    let rest = ["c", "d", "e"];
    bench.live("after one of alice's sids", &ALL, &rest).await?;
    delete_by_sub(&bench, &bench.name("alice"), i64::MAX).await?;
    bench.live("after alice", &ALL, &["e"]).await
}

pub(super) async fn delete_by_sub_ends_those_of_the_user_only(bench: Bench) -> Kept {
    several(&bench).await?;
    delete_by_sub(&bench, &bench.name("nobody"), i64::MAX).await?;
    bench.live("after a sub of nobody", &ALL, &ALL).await?;
    let alice = bench.name("alice");
    delete_by_sub(&bench, &alice, i64::MAX).await?;
    bench.live("after alice", &ALL, &["e"]).await?;
    // A later session is not affected by what has ended.
    let later = bench.record("f", "alice").with_sid(bench.name("1"));
    bench.create(&later).await?;
    bench.live("alice again", &["a", "f"], &["f"]).await?;
    delete_by_sid(&bench, &bench.name("1")).await?;
    bench.live("after her sid", &["a", "e", "f"], &["e"]).await
}

pub(super) async fn delete_by_sub_spares_what_was_begun_later(bench: Bench) -> Kept {
    let begun = |id, at| bench.record(id, "alice").with_begun_at(at);
    for (id, at) in [("a", 99), ("b", 100), ("c", 101)] {
        bench.create(&begun(id, at)).await?;
    }
    // A refresh is no beginning.
    let refreshed = begun("b", 100).with_version(1);
    expect("save", bench.store.save(&refreshed).await, Ok(true))?;
    let alice = bench.name("alice");
    delete_by_sub(&bench, &alice, 98).await?;
    let all = ["a", "b", "c"];
    bench.live("after begun_by 98", &all, &all).await?;
    delete_by_sub(&bench, &alice, 100).await?;
    bench.live("after begun_by 100", &all, &["c"]).await?;
    // And it can still be found.
    delete_by_sub(&bench, &alice, 101).await?;
    bench.live("after begun_by 101", &all, &[]).await
}

pub(super) async fn delete_by_sub_without_sid_ends_those_without_it_only(bench: Bench) -> Kept {
    several(&bench).await?;
    let bobs = bench.record("f", "bob").with_begun_at(100);
    bench.create(&bobs).await?;
    let all = ["a", "b", "c", "d", "e", "f"];
    let (alice, bob) = (bench.name("alice"), bench.name("bob"));
    delete_by_sub_without_sid(&bench, &bench.name("nobody"), i64::MAX).await?;
    delete_by_sub_without_sid(&bench, &bench.name("1"), i64::MAX).await?;
    bench.live("after a sub of nobody", &all, &all).await?;
    delete_by_sub_without_sid(&bench, &alice, i64::MAX).await?;
    let rest = ["a", "b", "c", "e", "f"];
    bench.live("after alice", &all, &rest).await?;
    delete_by_sub_without_sid(&bench, &bob, 99).await?;
    bench.live("after bob, begun_by 99", &all, &rest).await?;
    delete_by_sub_without_sid(&bench, &bob, 100).await?;
    let rest = ["a", "b", "c", "e"];
    bench.live("after bob, begun_by 100", &all, &rest).await?;
    // Those that were spared can still be found.
    delete_by_sub(&bench, &alice, i64::MAX).await?;
    bench.live("after all of alice", &all, &["e"]).await
}

pub(super) async fn names_that_look_alike_are_not_the_same(bench: Bench) -> Kept {
    let (sid, sub) = (bench.name("x"), bench.name("y"));
    let mine = bench.record("a", "y").with_sid(&sid);
    bench.create(&mine).await?;
    for name in [&mine.id, &sid, &sub] {
        let mut shorter = name.clone();
        shorter.pop();
        for alike in [
            String::new(),
            "*".into(),
            "?".into(),
            "%".into(),
            name.to_uppercase(),
            shorter.clone(),
            format!("{shorter}_"),
            format!("{shorter}?"),
            format!("{name}*"),
            format!("{name}%"),
            format!("{name}:"),
            format!("{name} "),
            format!(" {name}"),
            format!("[{name}]"),
            format!("session:{name}"),
        ] {
            let deleted = bench.store.delete(&alike).await;
            expect(format!("delete {alike:?}"), deleted, Ok(()))?;
            delete_by_sid(&bench, &alike).await?;
            delete_by_sub(&bench, &alike, i64::MAX).await?;
            delete_by_sub_without_sid(&bench, &alike, i64::MAX).await?;
            listed(&bench, &alike, &[]).await?;
            let when = format!("{name:?} after {alike:?}");
            bench.live(&when, &["a"], &["a"]).await?;
        }
    }
    delete_by_sid(&bench, &sub).await?;
    delete_by_sub(&bench, &sid, i64::MAX).await?;
    let when = "after delete_by_sid of its sub and delete_by_sub of its sid";
    bench.live(when, &["a"], &["a"]).await
}

pub(super) async fn names_are_any_text(bench: Bench) -> Kept {
    for (n, odd) in [
        "it's \"odd\"; -- \\ % _ * ? [x] {1} $1 :a",
        "Zoë\u{301} 王 \u{1f980}",
        "line\nbreak\ttab",
        &"long".repeat(63),
    ]
    .into_iter()
    .enumerate()
    {
        let name = bench.name(odd);
        let [of_sid, of_sub] = ["sid", "sub"].map(|by| format!("{by}{n}"));
        let plain = |id: &str| Record::new(bench.name(id), bench.name("sub"), "data", HOUR);
        bench.create(&plain(&of_sid).with_sid(&name)).await?;
        let named = Record::new(bench.name(&of_sub), &name, "data", HOUR);
        bench.create(&named).await?;
        let both = [&of_sid[..], &of_sub];
        bench.live("created", &both, &both).await?;
        delete_by_sid(&bench, &name).await?;
        bench.live("after the sid", &both, &[&of_sub]).await?;
        delete_by_sub(&bench, &name, i64::MAX).await?;
        bench.live("after the sub", &both, &[]).await?;
    }
    Ok(())
}

pub(super) async fn sessions_are_found_as_long_as_they_live(bench: Bench) -> Kept {
    let lasting =
        |id: &str, lifetime, sid: &str| bench.lasting(id, sid, lifetime).with_sid(bench.name(sid));
    // The short one comes last, and the other way round.
    bench.create(&lasting("a", HOUR, "1")).await?;
    bench.create(&lasting("b", SECOND, "1")).await?;
    bench.create(&lasting("c", SECOND, "2")).await?;
    bench.create(&lasting("d", HOUR, "2")).await?;
    // And two that live longer by being used.
    let by_sid = bench.prolonged("e", |id, lifetime| lasting(id, lifetime, "3"));
    let by_sub = bench.prolonged("f", |id, lifetime| lasting(id, lifetime, "4"));
    let (e, f) = rocket::futures::future::join(by_sid, by_sub).await;
    let (e, f) = (e?, f?);
    bench.gone("b").await?;
    bench.gone("c").await?;

    let all = ["a", "d", &e, &f];
    bench.live("later", &all, &all).await?;
    for sid in ["1", "2", "3"] {
        delete_by_sid(&bench, &bench.name(sid)).await?;
    }
    bench.live("after their sids", &all, &[&f]).await?;
    delete_by_sub(&bench, &bench.name("4"), i64::MAX).await?;
    bench.live("after the sub of the last", &all, &[]).await
}

pub(super) async fn list_by_sub_gives_those_of_the_user_only(bench: Bench) -> Kept {
    several(&bench).await?;
    let (alice, bob) = (bench.name("alice"), bench.name("bob"));
    listed(&bench, &alice, &["a", "b", "c", "d"]).await?;
    listed(&bench, &bob, &["e"]).await?;
    listed(&bench, &bench.name("nobody"), &[]).await?;
    // A `sid` is no `sub`.
    listed(&bench, &bench.name("1"), &[]).await?;
    // As it was saved last.
    let saved = Record::new(bench.name("e"), &bob, "newer", HOUR).with_version(1);
    expect("save", bench.store.save(&saved).await, Ok(true))?;
    match list_by_sub(&bench, &bob, 1000).await? {
        Some(data) => expect("list_by_sub after save", data, vec!["newer".to_owned()]),
        None => Ok(()),
    }
}

pub(super) async fn list_by_sub_leaves_out_what_has_ended(bench: Bench) -> Kept {
    several(&bench).await?;
    let alice = bench.name("alice");
    bench.create(&bench.lasting("f", "alice", SECOND)).await?;
    bench.gone("f").await?;
    listed(&bench, &alice, &["a", "b", "c", "d"]).await?;
    let deleted = bench.store.delete(&bench.name("a")).await;
    expect("delete", deleted, Ok(()))?;
    listed(&bench, &alice, &["b", "c", "d"]).await?;
    delete_by_sid(&bench, &bench.name("2")).await?;
    listed(&bench, &alice, &["b", "d"]).await?;
    delete_by_sub_without_sid(&bench, &alice, i64::MAX).await?;
    listed(&bench, &alice, &["b"]).await?;
    delete_by_sub(&bench, &alice, i64::MAX).await?;
    listed(&bench, &alice, &[]).await
}

pub(super) async fn list_by_sub_gives_so_many_of_those_that_end_last(bench: Bench) -> Kept {
    let alice = bench.name("alice");
    for (id, hours) in [("a", 3), ("b", 1), ("c", 4), ("d", 2)] {
        bench
            .create(&bench.lasting(id, "alice", HOUR * hours))
            .await?;
    }
    // The one that would have ended first has been used.
    let used = bench.lasting("b", "alice", HOUR * 5);
    expect("save", bench.store.save(&used).await, Ok(true))?;
    for (limit, expected) in [
        (0, &[][..]),
        (1, &["b"]),
        (2, &["b", "c"]),
        (3, &["a", "b", "c"]),
        (4, &["a", "b", "c", "d"]),
        (5, &["a", "b", "c", "d"]),
    ] {
        if let Some(data) = list_by_sub(&bench, &alice, limit).await? {
            let expected: Vec<_> = expected.iter().map(|id| data_of(id)).collect();
            expect(format!("list_by_sub, at most {limit}"), data, expected)?;
        }
    }
    Ok(())
}

pub(super) async fn list_by_sub_does_not_mind_what_ends_meanwhile(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let alice = bench.name("alice");
    let ids: Vec<_> = (0..AT_ONCE).map(|n| format!("a{n:02}")).collect();
    for id in &ids {
        bench.create(&bench.record(id, "alice")).await?;
    }
    let (ended, kept) = ids.split_at(ids.len() / 2);
    let deletions = ended.iter().map(|id| {
        let (store, id) = (store.clone(), bench.name(id));
        async move { store.delete(&id).await }
    });
    // From before the first ends until the last has ended.
    let all_have_ended = AtomicBool::new(false);
    let listings = (0..10).map(|_| async {
        let mut lists = Vec::new();
        while lists.is_empty() || !all_have_ended.load(Ordering::Relaxed) {
            lists.push(list_by_sub(&bench, &alice, 1000).await);
            // A store in memory awaits nothing.
            yield_now().await;
        }
        lists
    });
    let deletions = async {
        let deleted = at_once(deletions).await;
        all_have_ended.store(true, Ordering::Relaxed);
        deleted
    };
    let (lists, deleted) = join(join_all(listings), deletions).await;
    for deleted in deleted? {
        expect("delete while sessions are listed", deleted, Ok(()))?;
    }
    let all: Vec<_> = ids.iter().map(|id| data_of(id)).collect();
    for list in lists.into_iter().flatten() {
        let Some(list) = list? else { continue };
        let strange: Vec<_> = list.iter().filter(|data| !all.contains(data)).collect();
        expect("what was listed and never was", strange, Vec::new())?;
        let missing = kept.iter().filter(|id| !list.contains(&data_of(id)));
        let missing: Vec<_> = missing.collect();
        expect(
            "what was there all the time and not listed",
            missing,
            Vec::new(),
        )?;
    }
    let kept: Vec<_> = kept.iter().map(String::as_str).collect();
    listed(&bench, &alice, &kept).await
}
