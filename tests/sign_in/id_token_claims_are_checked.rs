//! Every claim that a sign-in rests on is there, has its standard type, and
//! says what it must (OpenID Connect Core section 3.1.3.7). The provider signs
//! all of these tokens rightly: only the claim is at fault.

use logto_dev_provider::{DevProvider, SigningAlg};
use rocket::serde::json::serde_json::{Value, json};

use crate::support::app::{ALICE, CLIENT_ID, TestApp, keys, settings};
use crate::support::attacks::{self, ABSENT, with};
use crate::support::log::lines_with;
use crate::support::refusal::{Refusal, Trial, app, app_with};
use crate::support::signer::Signer;

/// What a sign-in with a claim like this comes to.
enum Verdict {
    Accepted,
    /// As another user.
    AcceptedAs(String),
    Refused(&'static str),
}
use Verdict::{Accepted, AcceptedAs, Refused};

/// The provider puts `value` into its ID tokens.
fn put(app: &TestApp, name: &'static str, value: &Value) {
    let value = value.clone();
    app.provider.hooks().id_token(move |_, claims| {
        match value.as_str() {
            Some(ABSENT) => claims.remove(name),
            _ => claims.insert(name.into(), value.clone()),
        };
    });
}

async fn check(app: &TestApp, name: &'static str, value: Value, verdict: Verdict) {
    put(app, name, &value);
    judge(app, format!("{name} {value}"), verdict).await;
}

async fn judge(app: &TestApp, case: String, verdict: Verdict) {
    let trial = Trial::new(app, case.chars().take(120).collect::<String>());
    match verdict {
        Accepted => trial.accepts(ALICE).await,
        AcceptedAs(user) => trial.accepts(&user).await,
        Refused(reason) => {
            trial.refuses(Refusal::after_exchange(reason)).await;
        }
    }
}

fn now() -> i64 {
    rocket::time::OffsetDateTime::now_utc().unix_timestamp()
}

/// CVE-2026-25537: a claim of the wrong type must not pass for none at all.
#[rocket::async_test]
async fn each_claim_has_its_type() {
    let app = app().await;
    let values = attacks::values(CLIENT_ID, now() + 3600);
    let claims = [
        "exp", "iat", "nbf", "iss", "aud", "sub", "nonce", "azp", "at_hash",
    ];
    for claim in claims {
        for value in &values {
            check(&app, claim, value.clone(), by_type(claim, value)).await;
        }
    }
}

fn by_type(claim: &str, value: &Value) -> Verdict {
    let absent = value == ABSENT;
    let time = value.as_f64().filter(|_| value.as_u64() != Some(u64::MAX));
    let later = time.is_some_and(|time| time > 2.0);
    match claim {
        "exp" if later => Accepted,
        "exp" if time.is_some() => Refused("id_token_expired"),
        "iat" if time.is_some() => Refused("id_token_iat"),
        "nbf" if later => Refused("id_token_nbf"),
        "nbf" if time.is_some() => Accepted,
        "nbf" | "azp" | "at_hash" if absent || value.is_null() => Accepted,
        "nonce" if absent || value.is_null() => Refused("id_token_nonce"),
        "iss" if absent => Refused("id_token_missing_iss"),
        "sub" if absent => Refused("id_token_missing_sub"),
        "aud" if absent => Refused("id_token_missing_aud"),
        "exp" if absent => Refused("id_token_missing_exp"),
        "iat" if absent => Refused("id_token_missing_iat"),
        "aud" if value.is_string() => Refused("id_token_aud"),
        "aud" if *value == json!([]) => Refused("id_token_aud"),
        "aud" if *value == json!([CLIENT_ID]) => Accepted,
        "iss" if value.is_string() => Refused("id_token_iss"),
        "nonce" if value.is_string() => Refused("id_token_nonce"),
        "azp" if value.is_string() => Refused("id_token_azp"),
        "at_hash" if value.is_string() => Refused("id_token_at_hash"),
        "sub" => match value.as_str() {
            Some(sub) if !sub.is_empty() => AcceptedAs(sub.to_owned()),
            _ => Refused("id_token_claims"),
        },
        _ => Refused("id_token_claims"),
    }
}

/// Core section 2: at most 255 characters, all of them ASCII, and one case.
#[rocket::async_test]
async fn a_subject_is_short_and_plain() {
    let app = app().await;
    for sub in [
        "s".repeat(256),
        "alicé".to_owned(),
        "\u{202e}ecila".to_owned(),
        format!("{ALICE}\u{200b}"),
        format!("{ALICE}\0"),
        format!("{ALICE}\nbob"),
        "\u{1b}[31malice".to_owned(),
        "\u{7f}".to_owned(),
    ] {
        check(&app, "sub", json!(sub), Refused("id_token_claims")).await;
    }
    for sub in ["s".repeat(255), ALICE.to_uppercase(), "a|b:c/d".to_owned()] {
        check(&app, "sub", json!(sub), AcceptedAs(sub)).await;
    }
}

#[rocket::async_test]
async fn a_token_is_from_now() {
    let app = app().await;
    let at = |seconds: i64| json!(now() + seconds);
    // Well inside and well outside the tolerance of a minute, so that the
    // speed of the machine decides nothing.
    for (claim, value, verdict) in [
        ("exp", at(-30), Accepted),
        ("exp", at(-90), Refused("id_token_expired")),
        ("exp", json!(i64::MAX), Accepted),
        ("exp", json!(i64::MIN), Refused("id_token_expired")),
        ("iat", at(30), Accepted),
        ("iat", at(90), Refused("id_token_iat")),
        ("iat", at(-600), Accepted),
        ("iat", at(-690), Refused("id_token_iat")),
        ("iat", json!(i64::MAX), Refused("id_token_iat")),
        ("iat", json!(i64::MIN), Refused("id_token_iat")),
        ("nbf", at(30), Accepted),
        ("nbf", at(90), Refused("id_token_nbf")),
        ("nbf", json!(i64::MAX), Refused("id_token_nbf")),
        ("nbf", json!(i64::MIN), Accepted),
        // Milliseconds instead of seconds.
        ("iat", json!(now() * 1000), Refused("id_token_iat")),
    ] {
        check(&app, claim, value, verdict).await;
    }
}

/// CVE-2024-53861: compared byte for byte, not by prefix, substring or URL.
#[rocket::async_test]
async fn the_issuer_is_the_configured_one_byte_for_byte() {
    let app = app().await;
    let issuer = app.provider.issuer();
    for wrong in attacks::near_issuers(&issuer) {
        assert_ne!(wrong, issuer);
        check(&app, "iss", json!(wrong), Refused("id_token_iss")).await;
    }
    for list in [json!([issuer]), json!([issuer, "https://evil.example"])] {
        check(&app, "iss", list, Refused("id_token_claims")).await;
    }
    check(&app, "iss", json!(issuer), Accepted).await;
}

/// Core section 3.1.3.7, points 3 to 5: nobody else is trusted with our tokens.
#[rocket::async_test]
async fn this_client_is_the_only_audience() {
    let app = app().await;
    let id = CLIENT_ID;
    let (prefix, suffix, upper) = (&id[1..], format!("{id}2"), id.to_uppercase());
    for aud in [
        json!("other"),
        json!(prefix),
        json!(suffix),
        json!(upper),
        json!(format!("{id} other")),
        json!(["other"]),
        json!([id, "other"]),
        json!(["other", id]),
        json!([id, ""]),
    ] {
        check(&app, "aud", aud, Refused("id_token_aud")).await;
    }
    for mistyped in [
        json!([id, 7]),
        json!([[id]]),
        json!([id, null]),
        json!({ "0": id }),
    ] {
        check(&app, "aud", mistyped, Refused("id_token_claims")).await;
    }
    for azp in [json!("other"), json!(prefix), json!(suffix), json!(upper)] {
        check(&app, "azp", azp, Refused("id_token_azp")).await;
    }
    // An authorized party does not make up for a second audience.
    app.provider.hooks().id_token(move |_, claims| {
        claims.insert("aud".into(), json!([id, "other"]));
        claims.insert("azp".into(), id.into());
    });
    judge(&app, "two audiences, azp".into(), Refused("id_token_aud")).await;

    check(&app, "aud", json!(id), Accepted).await;
    check(&app, "aud", json!([id]), Accepted).await;
    check(&app, "azp", json!(id), Accepted).await;
}

/// Core section 3.1.3.7, point 3: beside this client only those that the configuration
/// names, and never without it. The log names the audience and the key.
#[rocket::async_test]
async fn other_audiences_have_to_be_trusted() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let others = vec!["other-client", "project-id"].into();
    let app = app_with(provider, keys([("trusted_audiences", others)])).await;
    let id = CLIENT_ID;
    for (aud, verdict) in [
        (json!(id), Accepted),
        (json!([id, "other-client"]), Accepted),
        (json!(["project-id", id, "other-client"]), Accepted),
        (json!([id, "a-stranger"]), Refused("id_token_aud")),
        (
            json!([id, "other-client", "a-stranger"]),
            Refused("id_token_aud"),
        ),
        (json!([id, "Other-client"]), Refused("id_token_aud")),
        (json!([id, "other-client-2"]), Refused("id_token_aud")),
        (json!([id, ""]), Refused("id_token_aud")),
        (json!("other-client"), Refused("id_token_aud")),
        (
            json!(["other-client", "project-id"]),
            Refused("id_token_aud"),
        ),
        (json!([id, ["other-client"]]), Refused("id_token_claims")),
    ] {
        check(&app, "aud", aud, verdict).await;
    }
    let line = "aud is [\"test-app\", \"a-stranger\"]: logto.app_id has to be there, and beside it \
                nobody who is not in logto.trusted_audiences";
    assert_eq!(lines_with(line).len(), 1, "{line}");
    // They are trusted to be there, not to have been given the token.
    for (azp, verdict) in [
        (json!(id), Accepted),
        (json!("other-client"), Refused("id_token_azp")),
    ] {
        app.provider.hooks().id_token(move |_, claims| {
            claims.insert("aud".into(), json!([id, "other-client"]));
            claims.insert("azp".into(), azp.clone());
        });
        judge(&app, "azp beside a trusted audience".into(), verdict).await;
    }
}

#[rocket::async_test]
async fn the_nonce_is_that_of_this_sign_in() {
    let app = app().await;
    for (case, edit) in [
        ("cut", (|nonce| json!(nonce[1..])) as fn(&str) -> Value),
        ("longer", |nonce| json!(format!("{nonce}A"))),
        ("in capitals", |nonce| json!(nonce.to_uppercase())),
        ("of nobody", |_| json!("n-0S6_WzA2Mj")),
    ] {
        app.provider.hooks().id_token(move |_, claims| {
            let nonce = claims["nonce"].as_str().map(edit);
            claims.insert("nonce".into(), nonce.unwrap_or_default());
        });
        judge(&app, format!("nonce {case}"), Refused("id_token_nonce")).await;
    }
    app.provider.hooks().id_token(|_, claims| {
        claims["nonce"] = json!([claims["nonce"]]);
    });
    judge(&app, "nonce in a list".into(), Refused("id_token_claims")).await;
    app.provider.hooks().id_token(|_, _| {});
    judge(&app, "nonce as sent".into(), Accepted).await;
}

/// What cannot be said in a table of JSON values: signed all the same.
#[rocket::async_test]
async fn the_payload_is_one_object_with_each_claim_once() {
    let app = app().await;
    let signer = Signer::start(SigningAlg::Es384).await;
    signer.publish_at(&app);
    for (case, edit) in attacks::PAYLOADS {
        let signing = signer.signing_text(move |header, claims| (header.into(), edit(claims)));
        app.provider.hooks().sign_id_tokens(signing);
        judge(&app, case.to_owned(), Refused("id_token_claims")).await;
    }
    for member in [r#""acr":"mfa","acr":"1fa""#, r#""sid":"a","sid":"b""#] {
        let twice = signer.signing_text(|header, claims| (header.into(), with(claims, member)));
        app.provider.hooks().sign_id_tokens(twice);
        judge(&app, member.to_owned(), Refused("id_token_claims")).await;
    }
    let same = signer.signing_text(|header, claims| (header.into(), with(claims, r#""x":1e3"#)));
    app.provider.hooks().sign_id_tokens(same);
    judge(&app, "one claim more".into(), Accepted).await;
}
