//! Demonstrating Proof of Possession (DPoP, RFC 9449): a token is good only together with
//! a proof, a JWT signed for one request with the key that the token is bound to. `key` and
//! `nonces` are for the client, which proves; `proof` and `own_nonce` are for the API, which
//! is proven to.

mod key;
mod nonces;
mod own_nonce;
mod proof;
#[cfg(test)]
mod tests;

use openidconnect::http::{Request, Response, StatusCode};
use serde_json::{Map, Value};
use url::{Position, Url};

use super::answer;
use super::metadata::Metadata;
use crate::clock::Clock;
use crate::config::{DpopUse, SecretBytes, SigningAlg};
use crate::sha256::sha256;
pub(crate) use key::{KeyName, ProofKey, ProofKeys};
pub(crate) use nonces::Nonces;
pub(crate) use own_nonce::OwnNonces;
pub(crate) use proof::{Expected, LIFETIME as PROOF_LIFETIME, ProofFault, check};

/// The header of nonces (section 8).
pub(crate) const DPOP_NONCE: &str = "DPoP-Nonce";
/// With what this app signs its proofs, and no provider that has DPoP goes without.
const OWN_ALG: SigningAlg = SigningAlg::ES256;
/// In bytes. A nonce goes back as it came (section 8.1), so it must not be without end.
const MAX_NONCE: usize = 1024;

/// Why no proof can be sent although one has to be.
#[derive(Debug, thiserror::Error)]
#[error("the provider takes proofs signed with {0}, and this app signs with ES256: see logto.dpop")]
pub(crate) struct NoCommonAlgorithm(String);

/// What the client knows for proving: its keys, and the nonces it was given.
pub(crate) struct Prover {
    wanted: DpopUse,
    keys: ProofKeys,
    nonces: Nonces,
}

impl Prover {
    /// `None` where no key can be made.
    pub(crate) fn new(
        wanted: DpopUse,
        secret: &SecretBytes,
        issuer: &str,
        clock: Clock,
    ) -> Option<Prover> {
        Some(Prover {
            wanted,
            keys: match wanted {
                DpopUse::Off => ProofKeys::default(),
                DpopUse::Auto | DpopUse::Required => ProofKeys::derive(secret, issuer, clock)?,
            },
            nonces: Nonces::default(),
        })
    }

    pub(crate) fn keys(&self) -> &ProofKeys {
        &self.keys
    }

    /// Whether a token that is not bound is of no use.
    pub(crate) fn is_required(&self) -> bool {
        self.wanted == DpopUse::Required
    }

    /// Whether proofs are sent to the provider of this metadata.
    pub(crate) fn proves_to(&self, metadata: &Metadata) -> Result<bool, NoCommonAlgorithm> {
        let announced = &metadata.announced_dpop_algs;
        let takes_ours = announced
            .iter()
            .any(|name| SigningAlg::named(name) == Some(OWN_ALG));
        match self.wanted {
            DpopUse::Off => Ok(false),
            DpopUse::Auto => Ok(takes_ours),
            // Section 5.1: who has DPoP need not say so.
            DpopUse::Required if takes_ours || announced.is_empty() => Ok(true),
            DpopUse::Required => {
                let told = announced.iter().take(8);
                let told = told.map(|name| super::error::one_line(name));
                Err(NoCommonAlgorithm(told.collect::<Vec<_>>().join(" ")))
            }
        }
    }

    /// A proof for `request`, with the nonce that its server gave last, and for `token` where
    /// one is sent.
    pub(crate) fn prove(
        &self,
        key: &ProofKey,
        request: &Request<Vec<u8>>,
        token: Option<&str>,
    ) -> Option<String> {
        let url = Url::parse(&request.uri().to_string()).ok()?;
        let nonce = self.nonces.of(&url);
        key.proof(
            request.method().as_str(),
            url.as_str(),
            nonce.as_deref(),
            token,
        )
    }

    /// Remembers the nonce of a response, where proofs are sent. Whether there was one.
    pub(crate) fn note(&self, url: &Url, response: &Response<Vec<u8>>) -> bool {
        self.wanted != DpopUse::Off && self.nonces.note(url, response.headers())
    }
}

/// Section 8.1: `1*NQCHAR` of RFC 6749 appendix A.
fn is_nonce(text: &str) -> bool {
    let is_nqchar = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.len() <= MAX_NONCE && text.bytes().all(is_nqchar)
}

/// Whether a response is the demand for a nonce (sections 8 and 9): nothing was done with
/// the request.
pub(crate) fn asks_for_nonce(response: &Response<Vec<u8>>) -> bool {
    let statuses = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED];
    statuses.contains(&response.status())
        && answer::refusal(response).is_some_and(|body| body.error == "use_dpop_nonce")
}

/// An address as `htu` has it: without query and fragment (section 4.2).
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// An address in the form in which two that are the same are equal (RFC 3986 sections 6.2.2
/// and 6.2.3), without query and fragment. `None` where it is not one of http or https.
pub(crate) fn normalized(url: &str) -> Option<String> {
    let whole = Url::parse(without_query(url)).ok()?;
    let is_http = matches!(whole.scheme(), "http" | "https");
    let is_bare = whole.username().is_empty() && whole.password().is_none();
    if !is_http || !is_bare {
        return None;
    }
    // The parser has done the case of scheme and host, the usual port, the empty path and dot
    // segments; what is left is how octets are encoded.
    let mut normal = whole[..Position::BeforePath].to_owned();
    let mut rest = whole.path();
    while let Some(at) = rest.find('%') {
        let (before, encoded) = rest.split_at(at);
        normal.push_str(before);
        let octet = encoded.get(1..3);
        match octet.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) => {
                normal.push(char::from(octet));
            }
            Some(octet) => normal.push_str(&format!("%{octet:02X}")),
            // No encoding at all: as it is, so that it is equal to itself only.
            None => {
                normal.push('%');
                rest = &encoded[1..];
                continue;
            }
        }
        rest = &encoded[3..];
    }
    normal.push_str(rest);
    Some(normal)
}

/// RFC 7638 section 3: the hash of the members that make a public key, in the order of their
/// names. `None` for a key of another type.
pub(crate) fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    // A map of `serde_json` is in the order of names, too; this does not depend on it.
    let member = |name: &&str| {
        let value = jwk.get(*name)?.as_str()?;
        Some(format!("{}:{}", Value::from(*name), Value::from(value)))
    };
    let members: Option<Vec<_>> = names.iter().map(member).collect();
    Some(base64url(sha256(format!("{{{}}}", members?.join(",")))))
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    URL_SAFE_NO_PAD.encode(bytes)
}
