//! Client authentication by a JWT that the client has signed (`private_key_jwt`, RFC
//! 7523 section 3, OpenID Connect Core 1.0 section 9). The keys are those of the
//! client's registration, never any that the JWT brings along.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value;

use crate::crypto::from_base64url;
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::wire::Received;

pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What assertions may be signed with.
pub(crate) const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "RS256", "PS256", "EdDSA"];

/// In seconds: clocks differ.
const TOLERANCE: u64 = 15;

/// Says why, unlike Logto: a client under development has to be mended.
fn refused(why: &str) -> OidcError {
    log::debug!("development provider: client assertion refused: {why}");
    OidcError::new(401, "invalid_client", &format!("client assertion: {why}"))
}

/// Who it is that an assertion speaks of. Nothing is verified yet.
pub(crate) fn subject(assertion: &str) -> Result<String, OidcError> {
    let (_, claims) = parts(assertion).ok_or_else(|| refused("it is no JWT"))?;
    let sub = claims["sub"].as_str().map(str::to_owned);
    sub.ok_or_else(|| refused("sub must be the client's id"))
}

/// Verifies the assertion in `request` of the client `id`, registered with `keys`.
pub(crate) fn verify(
    provider: &Provider,
    request: &Received,
    id: &str,
    keys: &[Value],
) -> Result<(), OidcError> {
    let assertion = request.form_value("client_assertion").unwrap_or_default();
    let (header, claims) = parts(assertion).ok_or_else(|| refused("it is no JWT"))?;
    if request.form_value("client_assertion_type") != Some(TYPE) {
        let description = format!("client_assertion_type must have value {TYPE}");
        return Err(OidcError::invalid_request(&description));
    }
    let alg = header["alg"].as_str().unwrap_or_default();
    if !ALGORITHMS.contains(&alg) {
        return Err(refused(&format!("alg must be one of {ALGORITHMS:?}")));
    }
    let kid = header["kid"].as_str();
    // A registered key without a `kid` may be any (RFC 7515 section 4.1.4).
    let named = |key: &&Value| kid.is_none() || key["kid"].is_null() || key["kid"].as_str() == kid;
    let mut named = keys.iter().filter(named).peekable();
    if named.peek().is_none() {
        return Err(refused("no registered key has this kid"));
    }
    if !named.any(|key| is_signed(assertion, alg, key)) {
        return Err(refused("the signature is not that of a registered key"));
    }
    check(provider, request, id, &claims)
}

/// RFC 7523 section 3, 1 to 7.
fn check(
    provider: &Provider,
    request: &Received,
    id: &str,
    claims: &Value,
) -> Result<(), OidcError> {
    if claims["iss"] != id || claims["sub"] != id {
        return Err(refused("iss and sub must be the client's id"));
    }
    let at = |path: &str| format!("{}{path}", provider.endpoint());
    let own = [
        provider.issuer(),
        at(&provider.path("/token")),
        at(&request.path),
    ];
    let is_own = |aud: &Value| own.iter().any(|own| aud == own);
    let for_us = match &claims["aud"] {
        Value::Array(audiences) => audiences.iter().any(is_own),
        audience => is_own(audience),
    };
    if !for_us {
        return Err(refused(
            "aud must be the issuer, the token endpoint's URL or this endpoint's",
        ));
    }
    let now = provider.now();
    let time = |name: &str| claims[name].as_f64().map(|seconds| seconds as u64);
    match time("exp") {
        None => return Err(refused("exp is missing")),
        Some(exp) if exp + TOLERANCE <= now => return Err(refused("exp has passed")),
        Some(_) => {}
    }
    for name in ["nbf", "iat"] {
        if time(name).is_some_and(|time| time > now + TOLERANCE) {
            return Err(refused(&format!("{name} is yet to come")));
        }
    }
    let jti = claims["jti"].as_str().filter(|jti| !jti.is_empty());
    let jti = jti.ok_or_else(|| refused("jti is missing"))?;
    let (seen, mut store) = (format!("{id} {jti}"), provider.store());
    if store.assertions.get(&seen).is_some() {
        return Err(refused("its jti was used before"));
    }
    store.assertions.insert(seen, ());
    Ok(())
}

/// Header and claims.
pub(crate) fn parts(assertion: &str) -> Option<(Value, Value)> {
    let mut parts = assertion.split('.');
    let mut object = || {
        let value = serde_json::from_slice(&from_base64url(parts.next()?)?).ok();
        value.filter(Value::is_object)
    };
    let both = (object()?, object()?);
    (parts.count() == 1).then_some(both)
}

/// Whether this public key (a JWK) has signed it.
pub(crate) fn is_signed(assertion: &str, alg: &str, key: &Value) -> bool {
    let Some((message, signed)) = assertion.rsplit_once('.') else {
        return false;
    };
    let Some(signed) = from_base64url(signed) else {
        return false;
    };
    let fits = |name: &str, value: &str| key[name].is_null() || key[name] == value;
    if !fits("alg", alg) || !fits("use", "sig") {
        return false;
    }
    let octets = |name: &str| key[name].as_str().and_then(from_base64url);
    let with = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
        let key = UnparsedPublicKey::new(algorithm, key);
        key.verify(message.as_bytes(), &signed).is_ok()
    };
    let of_curve = |algorithm: &'static dyn VerificationAlgorithm| {
        let (Some(x), Some(y)) = (octets("x"), octets("y")) else {
            return false;
        };
        with(algorithm, &[&[4][..], &x, &y].concat())
    };
    let of_rsa = |parameters: &'static signature::RsaParameters| {
        let (Some(n), Some(e)) = (octets("n"), octets("e")) else {
            return false;
        };
        let key = PublicKeyComponents { n, e };
        key.verify(parameters, message.as_bytes(), &signed).is_ok()
    };
    match (alg, key["kty"].as_str(), key["crv"].as_str()) {
        ("ES256", Some("EC"), Some("P-256")) => of_curve(&signature::ECDSA_P256_SHA256_FIXED),
        ("ES384", Some("EC"), Some("P-384")) => of_curve(&signature::ECDSA_P384_SHA384_FIXED),
        ("RS256", Some("RSA"), _) => of_rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        ("PS256", Some("RSA"), _) => of_rsa(&signature::RSA_PSS_2048_8192_SHA256),
        ("EdDSA", Some("OKP"), Some("Ed25519")) => {
            octets("x").is_some_and(|x| with(&signature::ED25519, &x))
        }
        _ => false,
    }
}
