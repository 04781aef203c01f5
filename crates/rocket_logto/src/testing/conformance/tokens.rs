//! The promises of [`TokenStore`](crate::TokenStore), and what is left of them for
//! a store without tokens.

use super::{Bench, Kept, Promise, data_of, expect, promises};

pub(super) const PROMISES: &[Promise] = promises! {
    tokens_live_and_end_with_their_session:
        "an instance would use a token that was to be forgotten, or none would ever be shared; a store \
         without tokens is checked by session_store_conformance_without_tokens",
};

pub(super) const ABSENT: &[Promise] = promises! {
    there_are_no_tokens:
        "a token that is found but cannot be forgotten outlives the permission it stands for: write \
         all methods of TokenStore or none",
};

async fn put(bench: &Bench, id: &str, name: &str, sealed: &str) -> Kept {
    let put = bench.store.put_token(&bench.name(id), name, sealed).await;
    expect(format!("put_token {name:?} of {id:?}"), put, Ok(()))
}

async fn clear(bench: &Bench, id: &str) -> Kept {
    let cleared = bench.store.clear_tokens(&bench.name(id)).await;
    expect(format!("clear_tokens of {id:?}"), cleared, Ok(()))
}

async fn token(bench: &Bench, id: &str, name: &str) -> Result<Option<String>, String> {
    let token = bench.store.token(&bench.name(id), name).await;
    token.map_err(|error| format!("token {name:?} of {id:?}: {error}"))
}

async fn tokens_live_and_end_with_their_session(bench: Bench) -> Kept {
    let Bench { store, .. } = &bench;
    let of = async |id, name| token(&bench, id, name).await;
    let some = |text: &str| Some(text.to_owned());
    put(&bench, "a", "n", "lost").await?;
    expect("token without a session", of("a", "n").await?, None)?;
    let mine = bench.record("a", "sub").with_sid(bench.name("sid"));
    bench.create(&mine).await?;
    let what = "token that was put before the session was created";
    expect(what, of("a", "n").await?, None)?;

    bench.create(&bench.record("b", "sub")).await?;
    for (name, sealed) in [("n", "one"), ("m", "two"), ("n", "three"), ("data", "four")] {
        put(&bench, "a", name, sealed).await?;
    }
    put(&bench, "b", "n", "b's").await?;
    expect("token put twice", of("a", "n").await?, some("three"))?;
    expect("another token", of("a", "m").await?, some("two"))?;
    expect("token \"data\"", of("a", "data").await?, some("four"))?;
    expect("load", bench.data("a").await?, Some(data_of("a")))?;

    clear(&bench, "a").await?;
    clear(&bench, "never there").await?;
    for name in ["n", "m", "data"] {
        expect("token after clear_tokens", of("a", name).await?, None)?;
    }
    let others = of("b", "n").await?;
    expect("another session's token after that", others, some("b's"))?;
    expect(
        "load after that",
        bench.data("a").await?,
        Some(data_of("a")),
    )?;

    put(&bench, "a", "n", "five").await?;
    let saved = store.save(&mine.clone().with_version(1)).await;
    expect("save", saved, Ok(true))?;
    expect("token after save", of("a", "n").await?, some("five"))?;

    for end in ["delete", "delete_by_sid", "delete_by_sub"] {
        put(&bench, "a", "n", "five").await?;
        let ended = match end {
            "delete" => store.delete(&mine.id).await,
            "delete_by_sid" => store.delete_by_sid(&bench.name("sid")).await,
            _ => store.delete_by_sub(&mine.sub, i64::MAX).await,
        };
        expect(end, ended, Ok(()))?;
        let token = of("a", "n").await?;
        expect(format!("token after {end}"), token, None)?;
        bench.create(&mine).await?;
        let token = of("a", "n").await?;
        expect(format!("token after {end} and create"), token, None)?;
    }
    Ok(())
}

async fn there_are_no_tokens(bench: Bench) -> Kept {
    bench.create(&bench.record("a", "sub")).await?;
    put(&bench, "a", "n", "sealed").await?;
    let found = token(&bench, "a", "n").await?;
    expect("token after put_token", found, None)?;
    clear(&bench, "a").await?;
    expect(
        "load after that",
        bench.data("a").await?,
        Some(data_of("a")),
    )
}
