//! The check of a proof that a caller of this app's API sends (RFC 9449 sections 4.3 and 7).
//! Whether it was sent before, and whether its nonce is good, is for whoever remembers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{base64url, is_nonce, normalized, thumbprint};
use crate::clock::Seconds;
use crate::config::SigningAlg;
use crate::oidc::verify::{is_signed_by, typ_is};
use crate::sha256::sha256;

/// In bytes: an RSA key of 4096 bits and a long address fit well.
const MAX_PROOF: usize = 8 * 1024;
/// In seconds: how old a proof may be where clocks agree. It was made for one request.
pub(crate) const LIFETIME: Seconds = 60;
/// What makes a key a private one (RFC 7518 section 6), or a secret.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// The text members of public keys.
const NUMBERS: [&str; 4] = ["x", "y", "n", "e"];

/// What a proof must be for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// As it was sent.
    pub method: &'a str,
    /// The address that callers have, [`normalized`].
    pub url: &'a str,
    pub token: &'a str,
    /// The key that the token is bound to, by its thumbprint.
    pub thumbprint: &'a str,
    pub now: Seconds,
    /// For clocks that differ.
    pub tolerance: Seconds,
}

/// A good proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    /// Its key and its `jti`, by their hash: the same for no other proof.
    pub id: [u8; 32],
    pub nonce: Option<String>,
}

/// The first thing found wrong with a proof. `Display` gives the reason for the log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProofFault {
    #[error("no_proof")]
    Missing,
    #[error("two_proofs")]
    Twice,
    #[error("proof_malformed")]
    Malformed,
    #[error("proof_typ")]
    Type,
    #[error("proof_alg")]
    Algorithm,
    #[error("proof_crit")]
    Critical,
    #[error("proof_jwk")]
    Key,
    #[error("proof_jwk_private")]
    PrivateKey,
    #[error("proof_signature")]
    Signature,
    #[error("proof_claims")]
    Claims,
    #[error("proof_htm")]
    Method,
    #[error("proof_htu")]
    Address,
    #[error("proof_iat")]
    Time,
    #[error("proof_ath")]
    Token,
    /// A good proof, but of another key than the token's.
    #[error("proof_jkt")]
    OtherKey,
    #[error("proof_replayed")]
    Replayed,
}

impl ProofFault {
    /// For the caller.
    pub(crate) fn told(self) -> &'static str {
        match self {
            ProofFault::Missing => "a DPoP header with a proof is needed",
            ProofFault::Twice => "more than one DPoP header",
            ProofFault::Malformed => "the proof is not a signed JWT",
            ProofFault::Type => "typ of the proof is not dpop+jwt",
            ProofFault::Algorithm => "alg of the proof is not accepted here",
            ProofFault::Critical => "the proof asks for extensions",
            ProofFault::Key => "jwk of the proof is not a public key that fits its alg",
            ProofFault::PrivateKey => "jwk of the proof holds a private key",
            ProofFault::Signature => "the signature of the proof is not good",
            ProofFault::Claims => "the proof lacks jti, htm, htu or iat",
            ProofFault::Method => "htm of the proof is not the method of this request",
            ProofFault::Address => "htu of the proof is not the address of this request",
            ProofFault::Time => "iat of the proof is too old or in the future",
            ProofFault::Token => "ath of the proof is not the hash of the token",
            ProofFault::OtherKey => "the token is bound to another key than that of the proof",
            ProofFault::Replayed => "the proof was used before",
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: f64,
    #[serde(default)]
    ath: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

/// Checks everything about a proof that it says itself.
pub(crate) fn check(proof: &str, expected: &Expected<'_>) -> Result<Proven, ProofFault> {
    let mut parts = proof.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ProofFault::Malformed);
    };
    if proof.len() > MAX_PROOF {
        return Err(ProofFault::Malformed);
    }
    let header: Map<String, Value> = decoded(header).ok_or(ProofFault::Malformed)?;
    let is_of_type = header.get("typ").and_then(Value::as_str);
    if !is_of_type.is_some_and(|typ| typ_is(typ, "dpop+jwt")) {
        return Err(ProofFault::Type);
    }
    let (alg, jwk) = signed_with(&header)?;
    if !is_signed_by(proof, jwk, alg).ok_or(ProofFault::Key)? {
        return Err(ProofFault::Signature);
    }
    let claims: Claims = decoded(claims).ok_or(ProofFault::Claims)?;
    if claims.jti.is_empty() {
        return Err(ProofFault::Claims);
    }
    if claims.htm != expected.method {
        return Err(ProofFault::Method);
    }
    if normalized(&claims.htu).as_deref() != Some(expected.url) {
        return Err(ProofFault::Address);
    }
    let age = expected.now as f64 - claims.iat;
    let tolerance = expected.tolerance as f64;
    if !(-tolerance..=LIFETIME as f64 + tolerance).contains(&age) {
        return Err(ProofFault::Time);
    }
    if claims.ath.as_deref() != Some(&*base64url(sha256(expected.token))) {
        return Err(ProofFault::Token);
    }
    let thumbprint = thumbprint(jwk).ok_or(ProofFault::Key)?;
    if thumbprint != expected.thumbprint {
        return Err(ProofFault::OtherKey);
    }
    Ok(Proven {
        // No thumbprint has a space in it.
        id: sha256(format!("{thumbprint} {}", claims.jti)),
        nonce: claims.nonce.filter(|nonce| is_nonce(nonce)),
    })
}

/// The algorithm and the public key that a header names.
fn signed_with(
    header: &Map<String, Value>,
) -> Result<(SigningAlg, &Map<String, Value>), ProofFault> {
    let name = header.get("alg").and_then(Value::as_str);
    let alg = SigningAlg::OF_PROOFS
        .into_iter()
        .find(|alg| SigningAlg::named(name.unwrap_or_default()) == Some(*alg))
        .ok_or(ProofFault::Algorithm)?;
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(ProofFault::Critical);
    }
    let jwk = header.get("jwk").and_then(Value::as_object);
    let jwk = jwk.ok_or(ProofFault::Key)?;
    if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
        return Err(ProofFault::PrivateKey);
    }
    // Written in another way, the same key would have another thumbprint.
    let is_exact = |name: &&str| match jwk.get(*name) {
        None => true,
        Some(number) => number.as_str().is_some_and(|number| {
            let octets = URL_SAFE_NO_PAD.decode(number);
            octets.is_ok_and(|octets| !octets.is_empty())
        }),
    };
    match NUMBERS.iter().all(is_exact) {
        true => Ok((alg, jwk)),
        false => Err(ProofFault::Key),
    }
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
