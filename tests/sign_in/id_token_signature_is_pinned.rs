//! An ID token counts only when a published key signed it with the one
//! configured algorithm, whatever its header says (RFC 8725 sections 2.1, 3.1).

use logto_dev_provider::{DevProvider, Signing, SigningAlg};
use rocket::figment::value::Dict;
use rocket::serde::json::serde_json::json;

use crate::support::app::{ALICE, TestApp, settings};
use crate::support::attacks;
use crate::support::refusal::{Refusal, Trial, app_with};
use crate::support::signer::{Signer, base64url};

/// An app and a provider that agree on `alg`.
async fn app(alg: SigningAlg) -> TestApp {
    let mut settings = settings();
    settings.signing_alg = alg;
    let provider = DevProvider::start(settings).await.expect("a provider");
    let logto = Dict::from([("id_token_alg".to_owned(), alg.name().into())]);
    app_with(provider, logto).await
}

/// Signs in with tokens made in this way.
async fn refuses(app: &TestApp, case: &str, signing: Signing, reason: &str) {
    app.provider.hooks().sign_id_tokens(signing);
    let refusal = Refusal::after_exchange(reason);
    Trial::new(app, case).refuses(refusal).await;
}

/// What shows that nothing else was wrong.
async fn accepts_the_right_one(app: &TestApp) {
    app.provider.hooks().reset();
    app.provider.hooks().sign_in_as(Some(ALICE));
    Trial::new(app, "the right key and algorithm")
        .accepts(ALICE)
        .await;
}

#[rocket::async_test]
async fn a_token_without_signature_is_refused() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        for spelling in attacks::UNSIGNED {
            for end in [".", ""] {
                let token = move |_: &str, claims: &str| {
                    let header = json!({ "alg": spelling, "typ": "JWT" }).to_string();
                    format!("{}.{}{end}", base64url(header), base64url(claims))
                };
                let case = format!("{} and alg {spelling:?} with end {end:?}", alg.name());
                refuses(&app, &case, Signing::raw(token), "id_token_alg").await;
            }
            // With the provider's own signature under it.
            let hooks = app.provider.hooks();
            hooks.id_token(move |header, _| {
                header.insert("alg".into(), spelling.into());
            });
            let case = format!("{} signed and alg {spelling:?}", alg.name());
            refuses(&app, &case, Signing::Key, "id_token_alg").await;
            hooks.reset();
            hooks.sign_in_as(Some(ALICE));
        }
        accepts_the_right_one(&app).await;
    }
}

/// The right header over a signature that is none: missing, empty, cut, all
/// zero (CVE-2022-21449), of another message, or in another encoding.
#[rocket::async_test]
async fn a_signature_must_be_the_keys_over_these_very_bytes() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        let kid = app.provider.hooks().kid();
        for (what, signature) in attacks::signatures(app.provider.hooks()) {
            let header = json!({ "alg": alg.name(), "typ": "JWT", "kid": kid }).to_string();
            let token = move |_: &str, claims: &str| {
                let parts = [base64url(&header), base64url(claims), base64url(&signature)];
                parts.join(".")
            };
            let case = format!("{} with a signature {what}", alg.name());
            refuses(&app, &case, Signing::raw(token), "id_token_signature").await;
        }
        let case = format!("{} with one bit turned", alg.name());
        refuses(&app, &case, Signing::Corrupt, "id_token_signature").await;
        let case = format!("{} with a key nobody published", alg.name());
        refuses(&app, &case, Signing::UnpublishedKey, "id_token_unknown_key").await;
        accepts_the_right_one(&app).await;
    }
}

/// CVE-2022-29217, CVE-2024-33663: the public key taken for an HMAC secret.
#[rocket::async_test]
async fn a_public_key_or_the_client_secret_is_no_hmac_key() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        let hooks = app.provider.hooks();
        for (encoding, secret) in attacks::hmac_secrets(hooks, alg) {
            let case = format!("{} and HS256 with the {encoding}", alg.name());
            let hmac = || Signing::Hmac(secret.clone());
            refuses(&app, &case, hmac(), "id_token_alg").await;

            hooks.id_token(|header, _| {
                header.remove("kid");
            });
            let case = format!("{case}, no kid");
            refuses(&app, &case, hmac(), "id_token_alg").await;

            hooks.id_token(move |header, _| {
                header.insert("alg".into(), alg.name().into());
            });
            let case = format!("{case}, called {}", alg.name());
            refuses(&app, &case, hmac(), "id_token_signature").await;
            hooks.id_token(|_, _| {});
        }
        accepts_the_right_one(&app).await;
    }
}

#[rocket::async_test]
async fn another_algorithm_is_refused_although_its_key_is_published() {
    for alg in [SigningAlg::Es384, SigningAlg::Rs256] {
        let app = app(alg).await;
        let all = [SigningAlg::Es384, SigningAlg::Es256, SigningAlg::Rs256];
        for other in all.into_iter().filter(|other| *other != alg) {
            let case = format!("{} pinned, {} used", alg.name(), other.name());
            refuses(&app, &case, Signing::Alg(other), "id_token_alg").await;

            // The header names the pinned one; then the key is of no use.
            app.provider.hooks().id_token(move |header, _| {
                header.insert("alg".into(), alg.name().into());
            });
            let case = format!("{case} and hidden");
            refuses(&app, &case, Signing::Alg(other), "id_token_unknown_key").await;
            app.provider.hooks().id_token(|_, _| {});
        }
        accepts_the_right_one(&app).await;
    }
}

#[rocket::async_test]
async fn an_algorithm_is_named_exactly() {
    let app = app(SigningAlg::Es384).await;
    for named in attacks::misspelt_algs() {
        let case = format!("alg {named}");
        app.provider.hooks().id_token(move |header, _| {
            header.insert("alg".into(), named.clone());
        });
        refuses(&app, &case, Signing::Key, "id_token_alg").await;
    }
    for odd in attacks::mistyped_algs() {
        let case = format!("alg {odd}");
        app.provider.hooks().id_token(move |header, _| {
            header.insert("alg".into(), odd.clone());
        });
        refuses(&app, &case, Signing::Key, "id_token_malformed").await;
    }
    accepts_the_right_one(&app).await;
}

/// What becomes of a token on its way.
type Spoil = fn(String) -> String;

/// The compact serialization (RFC 7515 section 3.1) and nothing like it.
#[rocket::async_test]
async fn a_token_has_three_parts_of_base64url() {
    let app = app(SigningAlg::Es384).await;
    let signer = Signer::start(SigningAlg::Es384).await;
    signer.publish_at(&app);
    let spoiled = |spoil: Spoil| {
        let Signing::Raw(sign) = signer.signing(|_, _| {}) else {
            unreachable!("the signer makes whole tokens");
        };
        Signing::raw(move |header, claims| spoil(sign(header, claims)))
    };
    let cases: [(&str, &str, Spoil); 8] = [
        ("a fourth part", "id_token_malformed", |token| token + ".AA"),
        ("five parts", "id_token_malformed", |token| token + ".AA.AA"),
        ("padding", "id_token_malformed", |token| {
            token.replacen('.', "==.", 1)
        }),
        ("a space before", "id_token_malformed", |token| {
            format!(" {token}")
        }),
        ("a newline after", "id_token_signature", |token| {
            token + "\n"
        }),
        ("a quote", "id_token_malformed", |token| {
            format!("\"{token}\"")
        }),
        ("one part", "id_token_malformed", |token| {
            token.replace('.', "")
        }),
        ("nothing", "id_token_malformed", |_| String::new()),
    ];
    for (case, reason, spoil) in cases {
        refuses(&app, case, spoiled(spoil), reason).await;
    }
    app.provider.hooks().sign_id_tokens(spoiled(|token| token));
    Trial::new(&app, "as it was signed").accepts(ALICE).await;
}
