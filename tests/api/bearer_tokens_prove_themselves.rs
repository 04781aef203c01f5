//! A bearer token counts only when a published key signed it with the one
//! configured algorithm, whatever its header says: the attacks on ID tokens,
//! tried on an API (RFC 8725).

use logto_dev_provider::{Endpoint, Signing, SigningAlg};
use rocket::serde::json::serde_json::{json, to_string};

use crate::support::app::ALICE;
use crate::support::attacks;
use crate::support::bearer_api::{
    accepted, app, claims, forge, header_with, hooks, plain, refused,
};
use crate::support::signer::{Signer, base64url};

#[rocket::async_test]
async fn a_token_without_signature_is_refused() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for spelling in attacks::UNSIGNED {
            for end in [".", ""] {
                let header = json!({ "alg": spelling, "typ": "at+jwt" }).to_string();
                let payload = to_string(&claims(&app)).expect("claims");
                let token = format!("{}.{}{end}", base64url(header), base64url(payload));
                // Without the dot it has two parts, as no JWT has.
                let reason = if end.is_empty() { "opaque" } else { "alg" };
                let case = format!("{} and alg {spelling:?} with end {end:?}", alg.name());
                refused(&app, &case, &token, reason).await;
            }
            let signed = forge(
                &app,
                &Signing::Key,
                header_with(&json!({ "alg": spelling })),
            );
            let case = format!("{} signed and alg {spelling:?}", alg.name());
            refused(&app, &case, &signed, "alg").await;
        }
        let good = forge(&app, &Signing::Key, plain);
        assert_eq!(accepted(&app, alg.name(), &good).await, ALICE);
    }
}

#[rocket::async_test]
async fn a_signature_must_be_the_keys_over_these_very_bytes() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for (what, signature) in attacks::signatures(hooks(&app)) {
            let raw = Signing::raw(move |header, claims| {
                [base64url(header), base64url(claims), base64url(&signature)].join(".")
            });
            let right = json!({ "alg": alg.name(), "kid": hooks(&app).kid() });
            let token = forge(&app, &raw, header_with(&right));
            let case = format!("{} with a signature {what}", alg.name());
            refused(&app, &case, &token, "signature").await;
        }
        let token = forge(&app, &Signing::Corrupt, plain);
        refused(&app, "one bit turned", &token, "signature").await;
        let token = forge(&app, &Signing::UnpublishedKey, plain);
        refused(&app, "a key nobody published", &token, "unknown_key").await;
    }
}

#[rocket::async_test]
async fn a_public_key_or_a_secret_is_no_hmac_key() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for (encoding, secret) in attacks::hmac_secrets(hooks(&app), alg) {
            let hmac = Signing::Hmac(secret);
            let case = format!("{} and HS256 with the {encoding}", alg.name());
            refused(&app, &case, &forge(&app, &hmac, plain), "alg").await;
            let no_kid = forge(&app, &hmac, |header, _| _ = header.remove("kid"));
            refused(&app, &case, &no_kid, "alg").await;
            let named = json!({ "alg": alg.name(), "kid": hooks(&app).kid() });
            let named = forge(&app, &hmac, header_with(&named));
            refused(
                &app,
                &format!("{case}, called {}", alg.name()),
                &named,
                "signature",
            )
            .await;
        }
    }
}

#[rocket::async_test]
async fn another_algorithm_is_refused_although_its_key_is_published() {
    let all = [SigningAlg::Es384, SigningAlg::Es256, SigningAlg::Rs256];
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for other in all.into_iter().filter(|other| *other != alg) {
            hooks(&app).publish_alg(other);
            let case = format!("{} pinned, {} used", alg.name(), other.name());
            let token = forge(&app, &Signing::Alg(other), plain);
            refused(&app, &case, &token, "alg").await;
            let hidden = json!({ "alg": alg.name() });
            let hidden = forge(&app, &Signing::Alg(other), header_with(&hidden));
            refused(&app, &format!("{case} and hidden"), &hidden, "unknown_key").await;
        }
    }
    let app = app(SigningAlg::Es384).await;
    for named in attacks::misspelt_algs() {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "alg": named })));
        refused(&app, &named.to_string(), &token, "alg").await;
    }
    for odd in attacks::mistyped_algs() {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "alg": odd })));
        refused(&app, &odd.to_string(), &token, "malformed").await;
    }
}

#[rocket::async_test]
async fn a_key_in_the_header_is_neither_used_nor_fetched() {
    let app = app(SigningAlg::Es384).await;
    let attacker = Signer::start(SigningAlg::Es384).await;
    let real = hooks(&app).kid();
    for injected in attacks::key_injections(&attacker) {
        for (whose, kid, reason) in attacks::kids_for_injections(&attacker, &real) {
            let members = injected.clone();
            let signing = attacker.signing(move |header, _| {
                header.extend(members.as_object().cloned().unwrap_or_default());
                header.insert("kid".into(), kid.clone());
                header.retain(|_, value| !value.is_null());
            });
            let token = forge(&app, &signing, plain);
            refused(&app, &format!("{injected} and {whose} kid"), &token, reason).await;
        }
    }
    assert_eq!(attacker.visits(), [""; 0], "it fetched what it was told to");

    for kid in attacks::odd_kids(&real, &app.provider.issuer()) {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "kid": kid })));
        let reason = match token.len() > 16 * 1024 {
            true => "long_token",
            false => "unknown_key",
        };
        // What is too long for any header is cut off by the server itself.
        if token.len() < 100_000 {
            refused(&app, &kid.to_string(), &token, reason).await;
        }
    }
    // As for a token that names none, each published key that fits is tried.
    for kid in attacks::mistyped_kids(&real) {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "kid": kid })));
        _ = accepted(&app, &kid.to_string(), &token).await;
    }
    let fetches = app.provider.requests_to(Endpoint::Jwks).len();
    assert!(fetches <= 1 + 3, "{fetches} fetches of the key set");
    assert_eq!(app.provider.requests_to(Endpoint::Unknown).len(), 0);
    // The attacker's tokens lack nothing but a published key.
    let fresh = self::app(SigningAlg::Es384).await;
    hooks(&fresh).publish(vec![attacker.jwk()]);
    let token = forge(&fresh, &attacker.signing(|_, _| {}), plain);
    assert_eq!(accepted(&fresh, "published", &token).await, ALICE);
}

#[rocket::async_test]
async fn an_extension_or_another_kind_of_token_is_refused() {
    let app = app(SigningAlg::Es384).await;
    for (members, reason) in attacks::extensions() {
        let token = forge(&app, &Signing::Key, header_with(&members));
        refused(&app, &members.to_string(), &token, reason).await;
    }
    for typ in [
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "JOSE",
        "",
        "JWT ",
        "at+jwt;x",
    ] {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "typ": typ })));
        refused(&app, typ, &token, "typ").await;
    }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "JWT"] {
        let token = forge(&app, &Signing::Key, header_with(&json!({ "typ": typ })));
        accepted(&app, typ, &token).await;
    }
    let token = forge(&app, &Signing::Key, |header, _| _ = header.remove("typ"));
    accepted(&app, "no typ", &token).await;
}
