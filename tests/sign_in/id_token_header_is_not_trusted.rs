//! A token's header chooses among the published keys. It brings none along,
//! names no address to fetch one from, and asks for nothing else that is not
//! understood (RFC 7515 sections 4.1 and 10, RFC 8725 sections 3.10, 3.11).

use logto_dev_provider::{Endpoint, SigningAlg};
use rocket::serde::json::serde_json::{Map, Value, json};

use crate::support::app::{ALICE, TestApp};
use crate::support::attacks;
use crate::support::refusal::{Refusal, Trial, app, reference};
use crate::support::signer::Signer;
use crate::support::{log::reason_of, refusal::who_is};

/// Signs in with these members in the header, and the provider's own signature.
async fn trial<'a>(app: &'a TestApp, members: &Value) -> Trial<'a> {
    let edits = members.clone();
    app.provider.hooks().id_token(move |header, _| {
        for (name, value) in edits.as_object().expect("members") {
            match value.as_str() {
                Some("(absent)") => header.remove(name),
                _ => header.insert(name.clone(), value.clone()),
            };
        }
    });
    let text: String = members.to_string().chars().take(80).collect();
    Trial::new(app, text)
}

/// CVE-2018-0114, CVE-2026-27962: the attacker signs, and the header says where
/// to find the key for that. Nobody goes and looks.
#[rocket::async_test]
async fn a_key_in_the_header_is_neither_used_nor_fetched() {
    for alg in [SigningAlg::Es384, SigningAlg::Es256, SigningAlg::Rs256] {
        let app = app().await;
        let attacker = Signer::start(alg).await;
        let injections = attacks::key_injections(&attacker);
        let real = app.provider.hooks().kid();
        let kids = attacks::kids_for_injections(&attacker, &real);
        for injected in &injections {
            for (whose, kid, reason) in &kids {
                let (members, kid) = (injected.clone(), kid.clone());
                let signing = attacker.signing(move |header, _| {
                    header.extend(members.as_object().cloned().unwrap_or_default());
                    header.insert("kid".into(), kid.clone());
                    header.retain(|_, value| !value.is_null());
                });
                app.provider.hooks().sign_id_tokens(signing);
                let names: Vec<_> = injected
                    .as_object()
                    .map(Map::keys)
                    .into_iter()
                    .flatten()
                    .collect();
                let case = format!("{} with {names:?} and {whose} kid", alg.name());
                let reason = match alg {
                    SigningAlg::Es384 => reason,
                    _ => "alg",
                };
                Trial::new(&app, case)
                    .refuses(Refusal::after_exchange(&format!("id_token_{reason}")))
                    .await;
            }
        }
        assert_eq!(
            attacker.visits(),
            [""; 0],
            "the app fetched what it was told to"
        );
        // Once at the start, and what the bucket allows for unknown keys.
        assert!(app.provider.requests_to(Endpoint::Jwks).len() <= 1 + 3);

        // The attacker's tokens lack nothing but a published key.
        if alg == SigningAlg::Es384 {
            let fresh = self::app().await;
            attacker.publish_at(&fresh);
            fresh
                .provider
                .hooks()
                .sign_id_tokens(attacker.signing(|_, _| {}));
            Trial::new(&fresh, "published").accepts(ALICE).await;
        }
    }
}

/// With the right key's signature, so that only the header can be the fault.
#[rocket::async_test]
async fn an_odd_kid_finds_no_key() {
    let app = app().await;
    let kid = app.provider.hooks().kid();
    for kid in attacks::odd_kids(&kid, &app.provider.issuer()) {
        let trial = trial(&app, &json!({ "kid": kid })).await;
        trial
            .refuses(Refusal::after_exchange("id_token_unknown_key"))
            .await;
    }
    // As for a token that names none, each published key that fits is tried.
    for mistyped in attacks::mistyped_kids(&kid) {
        let trial = trial(&app, &json!({ "kid": mistyped })).await;
        trial.accepts(ALICE).await;
    }
    let fetches = app.provider.requests_to(Endpoint::Jwks).len();
    assert!(fetches <= 1 + 3, "{fetches} fetches of the key set");
    assert_eq!(app.provider.requests_to(Endpoint::Unknown).len(), 0);
    trial(&app, &json!({ "kid": kid }))
        .await
        .accepts(ALICE)
        .await;
}

/// A token beyond the cap on answers: a fault of the provider, and cheap.
#[rocket::async_test]
async fn a_kid_of_two_megabytes_is_not_even_read() {
    let app = app().await;
    let trial = trial(&app, &json!({ "kid": "k".repeat(2_000_000) })).await;
    let callback = trial.callback().await;
    let page = trial.browser.navigate(callback).await;
    assert_eq!(page.status(), 502);
    assert!(reason_of(&reference(&page)).contains("larger than"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(who_is(&app, &trial.browser).await, "nobody");
}

/// CVE-2025-59420, CVE-2026-32597; RFC 7797 for `b64`.
#[rocket::async_test]
async fn an_extension_that_must_be_understood_is_refused() {
    let app = app().await;
    for (members, reason) in attacks::extensions() {
        let reason = format!("id_token_{reason}");
        let trial = trial(&app, &members).await;
        trial.refuses(Refusal::after_exchange(&reason)).await;
        app.provider.hooks().id_token(|_, _| {});
    }
    trial(&app, &json!({ "an_extension": [1] }))
        .await
        .accepts(ALICE)
        .await;
}

/// A token of another kind, signed by the same provider for the same client.
#[rocket::async_test]
async fn a_token_that_says_it_is_something_else_is_refused() {
    let app = app().await;
    for typ in ["at+jwt", "logout+jwt", "secevent+jwt", "JOSE", "", "JWT "] {
        let trial = trial(&app, &json!({ "typ": typ })).await;
        trial.refuses(Refusal::after_exchange("id_token_typ")).await;
    }
    for typ in ["JWT", "jwt", "(absent)"] {
        trial(&app, &json!({ "typ": typ }))
            .await
            .accepts(ALICE)
            .await;
    }
}
