//! The promises of [`SessionIndex`](crate::SessionIndex).

use super::{Bench, HOUR, Kept, SECOND, expect};
use crate::session::store::Record;

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
