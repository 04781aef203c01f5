//! The provider's signing keys: parsed one by one, and chosen by the `kid` in a
//! token's header. A key in the header itself is never used.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::{Engine, alphabet};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Rejection;
use super::jws::claims;
use crate::config::{SigningAlg, issuer};
use crate::oidc::error::{Unreadable, printable};
use crate::oidc::object;

impl SigningAlg {
    pub(crate) fn to_jws(self) -> Algorithm {
        match self {
            SigningAlg::RS256 => Algorithm::RS256,
            SigningAlg::RS384 => Algorithm::RS384,
            SigningAlg::RS512 => Algorithm::RS512,
            SigningAlg::PS256 => Algorithm::PS256,
            SigningAlg::PS384 => Algorithm::PS384,
            SigningAlg::PS512 => Algorithm::PS512,
            SigningAlg::ES256 => Algorithm::ES256,
            SigningAlg::ES384 => Algorithm::ES384,
            SigningAlg::EdDSA => Algorithm::EdDSA,
        }
    }
}

/// The signature algorithms that are accepted, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Algorithms {
    /// The configuration.
    Pinned(Vec<SigningAlg>),
    /// The provider's metadata, which may say otherwise tomorrow.
    Announced(Vec<SigningAlg>),
}

impl Algorithms {
    fn as_slice(&self) -> &[SigningAlg] {
        match self {
            Algorithms::Pinned(algs) | Algorithms::Announced(algs) => algs,
        }
    }
}

pub(crate) struct Key {
    kid: Option<String>,
    /// Whose key it is, as Entra ID says of each, perhaps by a template.
    issuer: Option<String>,
    /// What it may have signed with, by its type and by what it says of itself.
    algs: Vec<SigningAlg>,
    key: DecodingKey,
}

impl Key {
    pub(super) fn verifying(&self) -> &DecodingKey {
        &self.key
    }
}

/// The keys of one JWKS document that can verify, and the algorithms that count.
pub(crate) struct KeySet {
    accepted: Algorithms,
    /// As it is configured.
    issuer: String,
    keys: Vec<Key>,
    unreadable: Vec<String>,
}

impl KeySet {
    /// Reads a JWKS document (RFC 7517 section 5). Keys of other kinds, for
    /// encryption, or that nobody here understands are skipped, never fatal.
    pub(crate) fn parse(document: &[u8], accepted: Algorithms) -> Result<KeySet, Unreadable> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = object(document)?;
        let (mut keys, mut unreadable) = (Vec::new(), Vec::new());
        for jwk in document.keys {
            let Value::Object(jwk) = jwk else {
                unreadable.push("not a JSON object".to_owned());
                continue;
            };
            match read(&jwk) {
                Ok(key) => keys.extend(key),
                Err(reason) => {
                    let kid = printable(text(&jwk, "kid").unwrap_or("(none)"));
                    unreadable.push(format!("kid {kid}: {reason}"));
                }
            }
        }
        Ok(KeySet {
            accepted,
            issuer: String::new(),
            keys,
            unreadable,
        })
    }

    /// The same, published by this issuer.
    pub(crate) fn of_issuer(self, issuer: &str) -> KeySet {
        KeySet {
            issuer: issuer.to_owned(),
            ..self
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether `key` may sign in the name of the issuer that `token` names. Where one
    /// provider publishes the keys of many issuers, each says whose it is, and one
    /// tenant's key must not vouch for another tenant's user.
    pub(super) fn is_for_issuer_of(&self, key: &Key, token: &str) -> bool {
        #[derive(Deserialize)]
        struct Named {
            iss: String,
            tid: Option<String>,
        }
        let Some(of_key) = &key.issuer else {
            return true;
        };
        if !issuer::is_template(&self.issuer) {
            return true;
        }
        let Some(Named { iss, tid }) = claims(token) else {
            return false;
        };
        // A userinfo response need not name the tenant.
        let tenant = tid
            .as_deref()
            .or_else(|| issuer::tenant_of(&self.issuer, &iss));
        match tenant {
            Some(tenant) if issuer::is_template(of_key) => {
                issuer::of_tenant(of_key, tenant).as_deref() == Some(&iss)
            }
            _ => *of_key == iss,
        }
    }

    /// What a change of the provider's key type leaves in force: an algorithm that was
    /// announced `before` counts as long as a key that was used with it then is still
    /// published. Else tokens issued just before the change would be refused.
    pub(crate) fn keep_announced(&mut self, before: &KeySet) {
        let (Algorithms::Announced(now), Algorithms::Announced(then)) =
            (&self.accepted, &before.accepted)
        else {
            return;
        };
        let stays = |alg: &SigningAlg| {
            let named = before.keys.iter().filter(|key| key.algs.contains(alg));
            let mut named = named.filter_map(|key| key.kid.as_deref());
            named.any(|kid| self.candidates(Some(kid), *alg).next().is_some())
        };
        let gone = then.iter().filter(|alg| !now.contains(alg));
        let kept: Vec<_> = gone.filter(|alg| stays(alg)).copied().collect();
        if let Algorithms::Announced(now) = &mut self.accepted {
            now.extend(kept);
        }
    }

    /// The algorithm of this name, if a token may be signed with it. Names are
    /// compared exactly; there is none for no signature, and none for an HMAC.
    pub(super) fn accepted(&self, name: &str) -> Result<SigningAlg, Rejection> {
        let alg = SigningAlg::named(name).ok_or(Rejection::Algorithm)?;
        match &self.accepted {
            accepted if accepted.as_slice().contains(&alg) => Ok(alg),
            Algorithms::Announced(_) => Err(Rejection::UnannouncedAlgorithm),
            Algorithms::Pinned(_) => Err(Rejection::Algorithm),
        }
    }

    pub(crate) fn algorithms(&self) -> &[SigningAlg] {
        self.accepted.as_slice()
    }

    /// The keys a token with this `kid` and this accepted `alg` may have been signed
    /// with; all of them when it names none (OpenID Connect Core section 10.1).
    pub(crate) fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        alg: SigningAlg,
    ) -> impl Iterator<Item = &'a Key> {
        self.keys
            .iter()
            .filter(move |key| key.algs.contains(&alg))
            .filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
    }

    /// How many keys there are for the accepted algorithms.
    pub(crate) fn len(&self) -> usize {
        let accepted = |alg: &SigningAlg| self.algorithms().contains(alg);
        let usable = |key: &&Key| key.algs.iter().any(accepted);
        self.keys.iter().filter(usable).count()
    }

    /// The names of those keys.
    pub(super) fn kids(&self) -> impl Iterator<Item = &str> {
        let accepted = |alg: &SigningAlg| self.algorithms().contains(alg);
        let usable = move |key: &&Key| key.algs.iter().any(accepted);
        let usable = self.keys.iter().filter(usable);
        usable.map(|key| key.kid.as_deref().unwrap_or("(none)"))
    }

    /// Keys that should have been readable: which, and why not.
    pub(crate) fn unreadable(&self) -> &[String] {
        &self.unreadable
    }
}

/// A member that is text. What is null, empty or of another type counts as absent.
fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = jwk.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

/// One key; `None` when it is of another type, or for something else.
fn read(jwk: &Map<String, Value>) -> Result<Option<Key>, String> {
    use SigningAlg::*;
    let algs: &[SigningAlg] = match (text(jwk, "kty"), text(jwk, "crv")) {
        (Some("RSA"), _) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        (Some("EC"), Some("P-256")) => &[ES256],
        (Some("EC"), Some("P-384")) => &[ES384],
        (Some("OKP"), Some("Ed25519")) => &[EdDSA],
        _ => return Ok(None),
    };
    if !is_to_verify(jwk) {
        return Ok(None);
    }
    let named = |alg: &SigningAlg| {
        text(jwk, "alg").is_none_or(|name| SigningAlg::named(name) == Some(*alg))
    };
    let algs: Vec<_> = algs.iter().copied().filter(named).collect();
    if algs.is_empty() {
        return Ok(None);
    }
    let kid = text(jwk, "kid").map(str::to_owned);
    Ok(Some(Key {
        key: public_key(jwk, algs[0])?,
        issuer: text(jwk, "issuer").map(str::to_owned),
        kid,
        algs,
    }))
}

/// Whether the signature of `token` is that of the key in `jwk`, a key that came with it: it
/// proves that the sender has the key, and not who that is. `None` for a key that does not
/// fit `alg`.
pub(in crate::oidc) fn is_signed_by(
    token: &str,
    jwk: &Map<String, Value>,
    alg: SigningAlg,
) -> Option<bool> {
    let key = read(jwk).ok()??;
    let key = key
        .algs
        .contains(&alg)
        .then(|| public_key(jwk, alg))?
        .ok()?;
    let (message, signature) = token.rsplit_once('.')?;
    let verdict = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, alg.to_jws());
    Some(verdict.unwrap_or(false))
}

/// What the key says it is for (RFC 7517 sections 4.2 and 4.3).
fn is_to_verify(jwk: &Map<String, Value>) -> bool {
    if text(jwk, "use").is_some_and(|name| !name.eq_ignore_ascii_case("sig")) {
        return false;
    }
    let operations: Vec<_> = match jwk.get("key_ops") {
        Some(Value::Array(operations)) => operations.iter().filter_map(Value::as_str).collect(),
        _ => text(jwk, "key_ops").into_iter().collect(),
    };
    operations.is_empty() || operations.contains(&"verify")
}

/// The numbers of the key (RFC 7518 section 6, RFC 8037 section 2).
fn public_key(jwk: &Map<String, Value>, alg: SigningAlg) -> Result<DecodingKey, String> {
    let refused = |_| "its numbers are no key".to_owned();
    match alg {
        SigningAlg::ES256 | SigningAlg::ES384 => {
            let size = if alg == SigningAlg::ES256 { 32 } else { 48 };
            let encoded =
                |name| Ok::<_, String>(URL_SAFE_NO_PAD.encode(coordinate(jwk, name, size)?));
            DecodingKey::from_ec_components(&encoded("x")?, &encoded("y")?).map_err(refused)
        }
        SigningAlg::EdDSA => {
            let x = URL_SAFE_NO_PAD.encode(octets(jwk, "x")?);
            DecodingKey::from_ed_components(&x).map_err(refused)
        }
        _ => {
            let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
            Ok(DecodingKey::from_rsa_raw_components(&n, &e))
        }
    }
}

/// Without leading zero octets, which RFC 7518 section 6.3.1.1 warns of.
fn number(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    let octets = octets(jwk, name)?;
    match octets.iter().position(|octet| *octet != 0) {
        Some(first) => Ok(octets[first..].to_vec()),
        None => Err(format!("{name} is zero")),
    }
}

/// With as many octets as the curve has (RFC 7518 section 6.2.1.2), however many zero
/// octets were there.
fn coordinate(jwk: &Map<String, Value>, name: &str, size: usize) -> Result<Vec<u8>, String> {
    let octets = octets(jwk, name)?;
    let first = octets.iter().position(|octet| *octet != 0);
    let number = &octets[first.unwrap_or(octets.len())..];
    if octets.is_empty() || number.len() > size {
        return Err(format!("{name} has {} octets, not {size}", octets.len()));
    }
    let mut coordinate = vec![0; size - number.len()];
    coordinate.extend(number);
    Ok(coordinate)
}

/// Base64url as it should be, and as others write it: with padding, with the alphabet
/// of base64, in lines.
fn octets(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    const TOLERANT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let encoded = text(jwk, name).ok_or_else(|| format!("{name} is missing, or no text"))?;
    let encoded = encoded.chars().filter(|c| !c.is_ascii_whitespace());
    let encoded = encoded.map(|c| match c {
        '+' => '-',
        '/' => '_',
        other => other,
    });
    let decoded = TOLERANT.decode(encoded.collect::<String>());
    decoded.map_err(|_| format!("{name} is not base64url"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LOGTO: &str = include_str!("../../../fixtures/logto/02-jwks.json");

    #[test]
    fn reads_the_recorded_key_set() {
        let exchange: serde_json::Value = serde_json::from_str(LOGTO).unwrap();
        let document = exchange["response"]["body"].to_string();
        let keys = KeySet::parse(
            document.as_bytes(),
            Algorithms::Pinned(vec![SigningAlg::ES384]),
        )
        .unwrap();
        assert_eq!(keys.len(), 1);
        let kid = "i7df42-0DCWqDKh2Q9E2YCBl9EMtzayt_l766fpqB9I";
        assert_eq!(keys.candidates(Some(kid), SigningAlg::ES384).count(), 1);
        assert_eq!(keys.candidates(Some("other"), SigningAlg::ES384).count(), 0);
        assert_eq!(keys.candidates(None, SigningAlg::ES384).count(), 1);
        // The same key is of no use for another algorithm.
        assert_eq!(
            KeySet::parse(
                document.as_bytes(),
                Algorithms::Pinned(vec![SigningAlg::RS256])
            )
            .unwrap()
            .len(),
            0
        );
    }

    /// RFC 7518 sections 3.1 and 6: each algorithm has its type of key and its
    /// curve, whatever else is published.
    #[test]
    fn each_algorithm_takes_the_keys_that_are_for_it() {
        let p256 = json!({ "kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" });
        let exchange: serde_json::Value = serde_json::from_str(LOGTO).unwrap();
        let mut p384 = exchange["response"]["body"]["keys"][0].clone();
        let p384 = p384.as_object_mut().unwrap();
        p384.retain(|name, _| !["use", "alg"].contains(&name.as_str()));
        let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
        let types = [p256, json!(p384), ed25519, rsa];
        use SigningAlg::*;
        for (alg, of) in [
            (ES256, 0),
            (ES384, 1),
            (EdDSA, 2),
            (RS256, 3),
            (RS384, 3),
            (RS512, 3),
            (PS256, 3),
            (PS384, 3),
            (PS512, 3),
        ] {
            let count = |keys: &[serde_json::Value]| {
                let document = json!({ "keys": keys }).to_string();
                KeySet::parse(document.as_bytes(), Algorithms::Pinned(vec![alg]))
                    .unwrap()
                    .len()
            };
            for (index, key) in types.iter().enumerate() {
                let case = format!("{alg:?} {key}");
                assert_eq!(
                    count(std::slice::from_ref(key)),
                    usize::from(index == of),
                    "{case}"
                );
            }
            let named = |member: &str, value: &str| {
                let mut key = types[of].clone();
                key[member] = value.into();
                count(&[key])
            };
            assert_eq!(named("use", "sig"), 1, "{alg:?}");
            assert_eq!(named("use", "enc"), 0, "{alg:?}");
            assert_eq!(named("alg", &format!("{alg:?}")), 1);
            let other = if alg == RS256 { "PS256" } else { "RS256" };
            assert_eq!(named("alg", other), 0, "{alg:?}");
        }
    }

    /// RFC 7517 section 4: what a key is not for, and what nobody needs.
    #[test]
    fn members_nobody_needs_do_not_spoil_a_key() {
        let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "k" });
        let count = |name: &str, value: &Value| {
            let mut key = rsa.clone();
            key[name] = value.clone();
            let document = json!({ "keys": [key] }).to_string();
            let rs256 = Algorithms::Pinned(vec![SigningAlg::RS256]);
            let keys = KeySet::parse(document.as_bytes(), rs256).unwrap();
            (keys.len(), keys.unreadable().len())
        };
        let nothing = [json!(null), json!(""), json!(7), json!({}), json!([])];
        for name in [
            "use", "key_ops", "alg", "kid", "crv", "x5c", "x5t", "x5t#S256", "x5u",
        ] {
            for value in &nothing {
                assert_eq!(count(name, value), (1, 0), "{name} {value}");
            }
        }
        for (name, value, usable) in [
            ("x5c", json!("text"), 1),
            ("use", json!("SIG"), 1),
            ("use", json!("ENC"), 0),
            ("use", json!("tls"), 0),
            ("key_ops", json!(["sign", "verify"]), 1),
            ("key_ops", json!([7, "verify"]), 1),
            ("key_ops", json!("verify"), 1),
            ("key_ops", json!("encrypt"), 0),
            ("key_ops", json!(["encrypt", "wrapKey"]), 0),
            ("key_ops", json!(["sign"]), 0),
            ("alg", json!("rs256"), 0),
        ] {
            assert_eq!(count(name, &value), (usable, 0), "{name} {value}");
        }
        for (name, value) in [
            ("n", json!(null)),
            ("n", json!("!")),
            ("e", json!("AA")),
            ("n", json!(7)),
        ] {
            assert_eq!(count(name, &value), (0, 1), "{name} {value}");
        }
    }

    #[test]
    fn a_coordinate_has_as_many_octets_as_its_curve() {
        let read = |octets: &[u8]| {
            let x = URL_SAFE_NO_PAD.encode(octets);
            let key = json!({ "x": x });
            coordinate(key.as_object().unwrap(), "x", 4)
        };
        let whole = Ok(vec![0, 1, 2, 3]);
        for octets in [&[1, 2, 3][..], &[0, 1, 2, 3], &[0, 0, 0, 1, 2, 3]] {
            assert_eq!(read(octets), whole, "{octets:?}");
        }
        assert!(read(&[1, 2, 3, 4, 5]).is_err());
        assert!(read(&[]).is_err());
    }

    #[test]
    fn skips_what_it_does_not_know() {
        let document = serde_json::json!({ "keys": [
            { "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "k1" },
            { "kty": "OKP", "crv": "X25519", "x": "AA", "use": "enc" },
            { "kty": "oct", "k": "c2VjcmV0" },
            { "kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc", "alg": "RSA-OAEP" },
            { "kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "sig", "alg": "PS256" },
            { "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "good" },
            { "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" },
            "nonsense", 7, null
        ]});
        let keys = KeySet::parse(
            document.to_string().as_bytes(),
            Algorithms::Pinned(vec![SigningAlg::RS256]),
        )
        .unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys.candidates(Some("good"), SigningAlg::RS256).count(), 1);
    }
}
