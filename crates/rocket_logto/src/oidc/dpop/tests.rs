//! Keys, proofs and addresses. What an API does with a proof is tested over the wire.

use serde_json::json;

use super::*;
use crate::clock::Seconds;

const NOW: Seconds = 1_562_262_618;
const URL: &str = "https://resource.example.org/protectedresource";
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const ISSUER: &str = "https://id.example/oidc";

fn now() -> Seconds {
    NOW
}

fn secret(byte: u8, previous: &[u8]) -> SecretBytes {
    let key = |byte: &u8| rocket::config::SecretKey::from(&[*byte; 64]);
    let figment = figment::Figment::from(rocket::Config::debug_default())
        .merge(("secret_key", vec![byte; 64]));
    let previous: Vec<_> = previous.iter().map(key).collect();
    SecretBytes::of(&figment, &previous).expect("a secret")
}

fn keys(byte: u8, previous: &[u8]) -> ProofKeys {
    ProofKeys::derive(&secret(byte, previous), ISSUER, now).expect("keys")
}

fn expected<'a>(thumbprint: &'a str) -> Expected<'a> {
    Expected {
        method: "GET",
        url: URL,
        token: TOKEN,
        thumbprint,
        now: NOW,
        tolerance: 60,
    }
}

/// RFC 7638 section 3.1, RFC 8037 appendix A.3, RFC 9449 section 6.1.
#[test]
fn thumbprints_are_those_of_the_standards() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJ\
             ECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2\
             QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6\
             WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    for (jwk, known) in [
        (
            json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" }),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            json!({ "kty": "OKP", "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
        (
            json!({ "kty": "EC", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
                "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA", "crv": "P-256" }),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        ),
    ] {
        let jwk = jwk.as_object().expect("an object");
        assert_eq!(thumbprint(jwk).as_deref(), Some(known));
    }
    let secret = json!({ "kty": "oct", "k": "AA" });
    assert_eq!(thumbprint(secret.as_object().expect("an object")), None);
}

#[test]
fn instances_with_one_secret_have_one_key_and_others_another() {
    let (one, same, other) = (keys(7, &[]), keys(7, &[]), keys(8, &[]));
    let of = |keys: &ProofKeys| keys.current().expect("a key").thumbprint().to_owned();
    assert_eq!(of(&one), of(&same));
    assert_ne!(of(&one), of(&other));
    let elsewhere = ProofKeys::derive(&secret(7, &[]), "https://other.example", now);
    assert_ne!(of(&one), of(&elsewhere.expect("keys")), "one a provider");
}

#[test]
fn the_key_of_an_old_secret_is_still_there_by_its_name() {
    let (old, new) = (keys(7, &[]), keys(8, &[7]));
    let name = old.current().expect("a key").name();
    assert_ne!(new.current().expect("a key").name(), name);
    let found = new.named(&name).expect("the old key");
    let whole = old.current().expect("a key").thumbprint();
    assert_eq!(found.thumbprint(), whole);
    assert!(keys(8, &[]).named(&name).is_none());
}

#[test]
fn a_proof_of_ours_is_good_for_its_request_only() {
    let keys = keys(7, &[]);
    let key = keys.current().expect("a key");
    let with_query = format!("{URL}?a=b#c");
    let proof = key
        .proof("GET", &with_query, Some("n"), Some(TOKEN))
        .expect("a proof");
    let good = expected(key.thumbprint());
    let proven = check(&proof, &good).expect("a good proof");
    assert_eq!(proven.nonce.as_deref(), Some("n"));
    let second = key.proof("GET", URL, None, Some(TOKEN)).expect("a proof");
    let second = check(&second, &good).expect("a good proof");
    assert_ne!(second.id, proven.id, "each has a jti of its own");
    assert_eq!(second.nonce, None);
    for (wrong, fault) in [
        (
            Expected {
                method: "POST",
                ..good
            },
            ProofFault::Method,
        ),
        (
            Expected {
                method: "get",
                ..good
            },
            ProofFault::Method,
        ),
        (
            Expected {
                url: "https://resource.example.org/",
                ..good
            },
            ProofFault::Address,
        ),
        (
            Expected {
                token: "another",
                ..good
            },
            ProofFault::Token,
        ),
        (
            Expected {
                thumbprint: "another",
                ..good
            },
            ProofFault::OtherKey,
        ),
        (
            Expected {
                now: NOW + 121,
                ..good
            },
            ProofFault::Time,
        ),
        (
            Expected {
                now: NOW - 61,
                ..good
            },
            ProofFault::Time,
        ),
    ] {
        assert_eq!(check(&proof, &wrong), Err(fault), "{wrong:?}");
    }
    for now in [NOW + 120, NOW - 60] {
        assert!(check(&proof, &Expected { now, ..good }).is_ok());
    }
}

/// RFC 9449 section 7.1.
#[test]
fn the_proof_of_the_standard_is_good() {
    let header = concat!(
        r#"{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","#,
        r#""x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","#,
        r#""y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}}"#
    );
    let claims = concat!(
        r#"{"jti":"e1j3V_bKic8-LAEB","htm":"GET","#,
        r#""htu":"https://resource.example.org/protectedresource","iat":1562262618,"#,
        r#""ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}"#
    );
    let signature =
        "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let proof = format!("{}.{}.{signature}", base64url(header), base64url(claims));
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    assert!(check(&proof, &expected(jkt)).is_ok());
    let edited = claims.replace("LAEB", "LAEC");
    let forged = format!("{}.{}.{signature}", base64url(header), base64url(edited));
    assert_eq!(check(&forged, &expected(jkt)), Err(ProofFault::Signature));
}

/// RFC 3986 sections 6.2.2 and 6.2.3.
#[test]
fn addresses_that_are_the_same_are_equal() {
    let same = "https://api.example/~cart/%C3%A9";
    for address in [
        same,
        "HTTPS://API.EXAMPLE/~cart/%C3%A9",
        "https://api.example:443/~cart/%c3%a9",
        "https://api.example/%7ecart/%c3%A9?query=1",
        "https://api.example/a/../%7Ecart/./%c3%A9#fragment",
        "https://api.example/~cart/\u{e9}",
    ] {
        assert_eq!(normalized(address).as_deref(), Some(same), "{address}");
    }
    let root = Some("https://api.example/");
    assert_eq!(normalized("https://api.example").as_deref(), root);
    for address in [
        "http://api.example/~cart/%C3%A9",
        "https://api.example:8443/~cart/%C3%A9",
        "https://api.example./~cart/%C3%A9",
        "https://api.example/~Cart/%C3%A9",
        "https://api.example/~cart/%C3%A9/",
        "https://api.example//~cart/%C3%A9",
        "https://api.example/~cart%2F%C3%A9",
        "https://api.example/~cart/%25C3%A9",
    ] {
        assert_ne!(normalized(address).as_deref(), Some(same), "{address}");
    }
    for address in [
        "",
        "/cart",
        "//api.example/cart",
        "ftp://api.example/cart",
        "https://user@api.example/cart",
        "urn:cart",
    ] {
        assert_eq!(normalized(address), None, "{address}");
    }
}

#[test]
fn a_nonce_goes_back_to_who_gave_it_and_few_are_kept() {
    let nonces = Nonces::default();
    let at = |number: usize| Url::parse(&format!("https://api{number}.example/a")).expect("a URL");
    for number in 0..20 {
        nonces.set(&at(number), &format!("n{number}"));
    }
    assert_eq!(nonces.of(&at(19)).as_deref(), Some("n19"));
    assert_eq!(nonces.of(&at(0)), None, "the oldest is forgotten");
    nonces.set(&at(19), "newer");
    assert_eq!(nonces.of(&at(19)).as_deref(), Some("newer"));
    assert_eq!(nonces.of(&at(18)).as_deref(), Some("n18"));
    let other_port = Url::parse("https://api19.example:8443/a").expect("a URL");
    assert_eq!(nonces.of(&other_port), None);
    assert!(is_nonce("eyJ7S_zG.eyJH0-Z.HX4w-7v") && is_nonce(&"n".repeat(MAX_NONCE)));
    for odd in [
        "",
        "a b",
        "a\"b",
        "a\\b",
        "\u{e9}",
        &"n".repeat(MAX_NONCE + 1),
    ] {
        assert!(!is_nonce(odd), "{odd}");
    }
}

#[test]
fn instances_agree_on_the_nonces_that_they_give() {
    let (one, other) = (
        OwnNonces::new(&secret(7, &[])),
        OwnNonces::new(&secret(7, &[])),
    );
    let nonce = one.current(NOW);
    assert!(is_nonce(&nonce));
    for (age, is_good) in [(0, true), (150, true), (301, false), (-300, false)] {
        assert_eq!(other.has_given(&nonce, NOW + age), is_good, "{age}");
    }
    let rotated = OwnNonces::new(&secret(8, &[7]));
    assert!(rotated.has_given(&nonce, NOW) && rotated.current(NOW) != nonce);
    let strange = OwnNonces::new(&secret(8, &[]));
    assert!(!strange.has_given(&nonce, NOW) && !strange.has_given("", NOW));
}

#[test]
fn no_key_shows_itself() {
    let keys = keys(7, &[]);
    let shown = format!("{:?} {:?}", keys.current(), secret(7, &[]));
    let thumbprint = keys.current().expect("a key").thumbprint();
    assert_eq!(
        shown,
        format!("Some(ProofKey {{ thumbprint: {thumbprint:?}, .. }}) SecretBytes([redacted])")
    );
}
