//! Proof of possession (DPoP, RFC 9449), which Logto does not have: only where
//! [`Settings::offers_dpop`](crate::Settings::offers_dpop) is set. Who sends a proof gets
//! tokens that are bound to its key; nobody has to.

use serde_json::{Map, Value};

use crate::client_assertion::{is_signed, parts};
use crate::crypto::{base64url, sha256};
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::wire::Received;

/// What proofs may be signed with.
pub(crate) const ALGORITHMS: [&str; 4] = ["ES256", "ES384", "PS256", "EdDSA"];

/// In seconds: how far the clock of a client may be from ours.
const TOLERANCE: u64 = 60;

/// Says why: a client under development has to be mended.
fn refused(why: &str) -> OidcError {
    log::debug!("development provider: DPoP proof refused: {why}");
    OidcError::new(400, "invalid_dpop_proof", &format!("DPoP proof: {why}"))
}

/// The key, by its thumbprint, that the tokens of this request are to be bound to.
pub(crate) fn of_token_request(
    provider: &Provider,
    request: &Received,
) -> Result<Option<String>, OidcError> {
    if !provider.settings.offers_dpop || request.header("dpop").is_none() {
        return Ok(None);
    }
    verify(provider, request, None).map(Some)
}

/// Verifies the proof of a request (section 4.3), for `token` where one is sent. Gives the
/// thumbprint of its key.
pub(crate) fn verify(
    provider: &Provider,
    request: &Received,
    token: Option<&str>,
) -> Result<String, OidcError> {
    let headers = request.headers.iter();
    let mut proofs = headers.filter(|(name, _)| name.eq_ignore_ascii_case("dpop"));
    let (Some((_, proof)), None) = (proofs.next(), proofs.next()) else {
        return Err(refused("there must be one, in one header"));
    };
    let (header, claims) = parts(proof).ok_or_else(|| refused("it is no JWT"))?;
    if header["typ"] != "dpop+jwt" {
        return Err(refused("typ must be dpop+jwt"));
    }
    let alg = header["alg"].as_str().unwrap_or_default();
    if !ALGORITHMS.contains(&alg) {
        return Err(refused(&format!("alg must be one of {ALGORITHMS:?}")));
    }
    let jwk = header["jwk"].as_object();
    let jwk = jwk.ok_or_else(|| refused("jwk is missing"))?;
    if jwk.contains_key("d") || !is_signed(proof, alg, &header["jwk"]) {
        return Err(refused("jwk must be the public key that has signed it"));
    }
    if claims["htm"] != request.method.as_str() {
        return Err(refused("htm must be the method"));
    }
    let own = format!("{}{}", provider.endpoint(), request.path);
    if claims["htu"] != own.as_str() {
        return Err(refused(&format!("htu must be {own}")));
    }
    let now = provider.now();
    match claims["iat"].as_f64().map(|seconds| seconds as u64) {
        Some(iat) if iat.abs_diff(now) <= TOLERANCE => {}
        _ => return Err(refused("iat must be now")),
    }
    if let Some(token) = token
        && claims["ath"] != base64url(sha256(token.as_bytes())).as_str()
    {
        return Err(refused("ath must be the hash of the token"));
    }
    if let Some(nonce) = provider.hooks.dpop_nonce()
        && claims["nonce"] != nonce.as_str()
    {
        let description = "Authorization server requires nonce in DPoP proof";
        let error = OidcError::new(400, "use_dpop_nonce", description);
        return Err(error.with_dpop_nonce(&nonce));
    }
    let thumbprint = thumbprint(jwk).ok_or_else(|| refused("jwk is of no type known here"))?;
    let jti = claims["jti"].as_str().filter(|jti| !jti.is_empty());
    let jti = jti.ok_or_else(|| refused("jti is missing"))?;
    let (seen, mut store) = (format!("{thumbprint} {jti}"), provider.store());
    if store.proofs.get(&seen).is_some() {
        return Err(refused("its jti was used before"));
    }
    store.proofs.insert(seen, ());
    Ok(thumbprint)
}

/// RFC 7638 section 3.
fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let member = |name: &&str| Some(format!("\"{name}\":\"{}\"", jwk.get(*name)?.as_str()?));
    let members: Option<Vec<_>> = names.iter().map(member).collect();
    let text = format!("{{{}}}", members?.join(","));
    Some(base64url(sha256(text.as_bytes())))
}
