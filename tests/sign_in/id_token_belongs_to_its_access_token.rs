//! `at_hash` ties an ID token to the access token that came with it, by the
//! hash function of the ID token's own algorithm (OpenID Connect Core sections
//! 3.1.3.6 and 3.1.3.8). CVE-2026-28498: other functions must not pass.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use logto_dev_provider::{DevProvider, Endpoint, SigningAlg};
use rocket::figment::value::Dict;
use rocket::serde::json::serde_json::Value;

use crate::support::app::{ALICE, settings};
use crate::support::refusal::{Refusal, Trial, app_with};
use crate::support::signer::{Signer, base64url, claims_of};

/// How an `at_hash` is made of an access token.
type Hash = fn(&str) -> String;

fn half(algorithm: &'static Algorithm, token: &str) -> String {
    let hash = digest(algorithm, token.as_bytes());
    base64url(&hash.as_ref()[..hash.as_ref().len() / 2])
}

#[rocket::async_test]
async fn at_hash_is_by_the_tokens_algorithm() {
    let wrong: [(&str, Hash); 10] = [
        ("empty", |_| String::new()),
        ("the token itself", str::to_owned),
        ("SHA-512, half", |token| half(&SHA512, token)),
        ("SHA-256, whole", |token| {
            base64url(digest(&SHA256, token.as_bytes()))
        }),
        ("SHA-384, whole", |token| {
            base64url(digest(&SHA384, token.as_bytes()))
        }),
        ("SHA-256 of another token", |token| {
            half(&SHA256, &format!("{token}x"))
        }),
        ("SHA-384 of another token", |token| {
            half(&SHA384, &format!("{token}x"))
        }),
        ("SHA-384, padded", |token| half(&SHA384, token) + "="),
        ("SHA-384, cut", |token| half(&SHA384, token)[1..].to_owned()),
        ("SHA-256, cut", |token| half(&SHA256, token)[1..].to_owned()),
    ];
    let sha256: (&str, Hash) = ("SHA-256, half", |token| half(&SHA256, token));
    let sha384: (&str, Hash) = ("SHA-384, half", |token| half(&SHA384, token));
    for (alg, right, other) in [
        (SigningAlg::Es384, sha384, sha256),
        (SigningAlg::Rs256, sha256, sha384),
    ] {
        let mut settings = settings();
        settings.signing_alg = alg;
        let provider = DevProvider::start(settings).await.expect("a provider");
        let signer = Signer::start(alg).await;
        provider.hooks().publish(vec![signer.jwk()]);
        let logto = Dict::from([("id_token_alg".to_owned(), alg.name().into())]);
        let app = app_with(provider, logto).await;

        let answer_with = |hash: Hash| {
            let signer = signer.clone();
            let sign = move |body: &mut Value| {
                let mut claims = claims_of(body["id_token"].as_str().unwrap_or_default());
                let access_token = body["access_token"].as_str().unwrap_or_default();
                claims.insert("at_hash".into(), hash(access_token).into());
                body["id_token"] = signer.sign(&claims).into();
            };
            app.provider
                .hooks()
                .respond(Endpoint::Token, move |_, reply| reply.edit_json(&sign));
        };
        for (case, hash) in wrong.into_iter().chain([other]) {
            answer_with(hash);
            let refusal = Refusal::after_exchange("id_token_at_hash");
            Trial::new(&app, format!("{}: {case}", alg.name()))
                .refuses(refusal)
                .await;
        }
        answer_with(right.1);
        Trial::new(&app, format!("{}: {}", alg.name(), right.0))
            .accepts(ALICE)
            .await;
    }
}

/// The answer's access token replaced on the way, the ID token untouched.
#[rocket::async_test]
async fn another_access_token_is_noticed() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let app = app_with(provider, Dict::new()).await;
    app.provider.hooks().respond(Endpoint::Token, |_, reply| {
        reply.edit_json(|body| body["access_token"] = "somebody-elses".into());
    });
    let refusal = Refusal::after_exchange("id_token_at_hash");
    Trial::new(&app, "replaced").refuses(refusal).await;
    app.provider.hooks().behave(Endpoint::Token);
    Trial::new(&app, "as issued").accepts(ALICE).await;
}
