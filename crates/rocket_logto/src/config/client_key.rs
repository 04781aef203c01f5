//! The private key with which the app proves who it is (`private_key_jwt`): read from
//! PEM or from a JWK, at launch and never again. No error shows anything of it.

use std::fmt;
use std::sync::Once;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::SigningAlg;
use crate::sha256::sha256;

/// What a key of each type can sign with, what nearly every provider knows first.
const RSA: &[SigningAlg] = &[
    SigningAlg::RS256,
    SigningAlg::PS256,
    SigningAlg::RS384,
    SigningAlg::PS384,
    SigningAlg::RS512,
    SigningAlg::PS512,
];
const CURVES: [(&str, SigningAlg, &EcdsaSigningAlgorithm); 2] = [
    ("P-256", SigningAlg::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING),
    ("P-384", SigningAlg::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING),
];

/// A private key, and what the provider knows it by.
pub(crate) struct ClientKey {
    pair: Pair,
    /// One at least.
    algs: Vec<SigningAlg>,
    kid: String,
    /// Of the certificate that came with it (RFC 7515 section 4.1.8): Entra ID finds the
    /// key by that, and not by `kid`.
    certificate: Option<String>,
    warned: Once,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(SigningAlg, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key as it stands in a file, with what the file says of it.
struct Found {
    pair: Pair,
    kid: Option<String>,
    alg: Option<String>,
    certificate: Option<String>,
}

impl ClientKey {
    /// The key in `text`: one private key in PEM, or one JWK. `kid` chooses among those of
    /// a JWK set, and names the key whatever it calls itself; `alg` pins the algorithm.
    ///
    /// # Errors
    ///
    /// What is wrong with the file or the key, to follow its name.
    pub(super) fn read(
        text: &str,
        kid: Option<&str>,
        alg: Option<SigningAlg>,
    ) -> Result<ClientKey, String> {
        let text = text.trim_start_matches('\u{feff}').trim();
        let found = match text {
            text if text.starts_with('{') => jwk(text, kid)?,
            text if text.contains(BEGIN) => pem(text)?,
            _ => {
                return Err(
                    "is neither PEM (\"-----BEGIN PRIVATE KEY-----\") nor a JWK ({ \"kty\": … })"
                        .into(),
                );
            }
        };
        let mut algs = found.pair.algs();
        if let Some(name) = &found.alg {
            algs.retain(|alg| SigningAlg::named(name) == Some(*alg));
            if algs.is_empty() {
                return Err(format!(
                    "is a key whose \"alg\" is {name:?}, with which a key of its type ({}) cannot \
                     sign here",
                    found.pair.type_name()
                ));
            }
        }
        if let Some(alg) = alg {
            if !algs.contains(&alg) {
                return Err(format!(
                    "is a key ({}) that cannot sign with {alg:?}, only with {}",
                    found.pair.type_name(),
                    names(&algs)
                ));
            }
            algs = vec![alg];
        }
        let kid = kid.map(str::to_owned).or(found.kid);
        Ok(ClientKey {
            kid: kid.unwrap_or_else(|| found.pair.thumbprint()),
            pair: found.pair,
            algs,
            certificate: found.certificate,
            warned: Once::new(),
        })
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// `x5t#S256` of the header.
    pub(crate) fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The algorithm to sign with, at a provider that announces these, if any.
    pub(crate) fn alg(&self, announced: &[String]) -> SigningAlg {
        let is_announced = |alg: &&SigningAlg| {
            let mut names = announced.iter();
            names.any(|name| SigningAlg::named(name) == Some(**alg))
        };
        match self.algs.iter().find(is_announced) {
            Some(alg) => *alg,
            None => {
                // The provider may take it all the same; if not, it says so itself.
                if !announced.is_empty() {
                    self.warned.call_once(|| {
                        log::warn!(
                            "logto: the key of logto.app_key_file signs with {}, and the provider \
                             announces others (token_endpoint_auth_signing_alg_values_supported): \
                             {:.200}",
                            names(&self.algs),
                            format!("{announced:?}")
                        );
                    });
                }
                self.algs[0]
            }
        }
    }

    /// A signature as JWS has it (RFC 7518 section 3). `alg` is one that
    /// [`alg`](ClientKey::alg) has given.
    pub(crate) fn sign(&self, alg: SigningAlg, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(_, pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match alg {
                    SigningAlg::RS256 => &signature::RSA_PKCS1_SHA256,
                    SigningAlg::RS384 => &signature::RSA_PKCS1_SHA384,
                    SigningAlg::RS512 => &signature::RSA_PKCS1_SHA512,
                    SigningAlg::PS256 => &signature::RSA_PSS_SHA256,
                    SigningAlg::PS384 => &signature::RSA_PSS_SHA384,
                    SigningAlg::PS512 => &signature::RSA_PSS_SHA512,
                    SigningAlg::ES256 | SigningAlg::ES384 | SigningAlg::EdDSA => return None,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signed).ok()?;
                Some(signed)
            }
        }
    }
}

/// Only what the provider knows as well.
impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("kid", &self.kid)
            .field("algs", &self.algs)
            .finish_non_exhaustive()
    }
}

impl Pair {
    fn algs(&self) -> Vec<SigningAlg> {
        match self {
            Pair::Rsa(_) => RSA.to_vec(),
            Pair::Ec(alg, _) => vec![*alg],
            Pair::Ed25519(_) => vec![SigningAlg::EdDSA],
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Pair::Rsa(_) => "RSA",
            Pair::Ec(SigningAlg::ES256, _) => "EC P-256",
            Pair::Ec(..) => "EC P-384",
            Pair::Ed25519(_) => "Ed25519",
        }
    }

    /// RFC 7638 section 3: the hash of the members that make the public key, in the order
    /// of their names.
    fn thumbprint(&self) -> String {
        let members = match self {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let n = key.modulus().big_endian_without_leading_zero();
                let e = key.exponent().big_endian_without_leading_zero();
                json!({ "e": base64url(e), "kty": "RSA", "n": base64url(n) })
            }
            Pair::Ec(alg, pair) => {
                // Uncompressed: 0x04, then both coordinates.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = CURVES.iter().find(|(_, known, _)| known == alg);
                let crv = curve.map_or("", |(name, ..)| name);
                json!({ "crv": crv, "kty": "EC", "x": base64url(x), "y": base64url(y) })
            }
            Pair::Ed25519(pair) => {
                let x = base64url(pair.public_key().as_ref());
                json!({ "crv": "Ed25519", "kty": "OKP", "x": x })
            }
        };
        base64url(&sha256(members.to_string()))
    }
}

fn names(algs: &[SigningAlg]) -> String {
    let names: Vec<_> = algs.iter().map(|alg| format!("{alg:?}")).collect();
    names.join(", ")
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const NO_SUCH_KEY: &str = "is no private key that can sign here: an RSA key of 2048 to 8192 bits, an \
                           EC key on P-256 or P-384, or an Ed25519 key";

const BEGIN: &str = "-----BEGIN ";

/// One block of PEM (RFC 7468).
struct Block<'a> {
    label: &'a str,
    /// `None` when it cannot be read.
    der: Option<Zeroizing<Vec<u8>>>,
    is_encrypted: bool,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let sections = text.split(BEGIN).skip(1);
    let read = |section| {
        let (label, rest) = str::split_once(section, "-----")?;
        let (body, _) = rest.split_once("-----END ")?;
        // OpenSSL's old form has headers, and encrypts without another label.
        let lines = body.lines().filter(|line| !line.contains(':'));
        let base64: Zeroizing<String> = Zeroizing::new(
            lines
                .flat_map(|line| line.chars())
                .filter(|c| !c.is_whitespace())
                .collect(),
        );
        Some(Block {
            label,
            der: STANDARD.decode(&*base64).ok().map(Zeroizing::new),
            is_encrypted: label.starts_with("ENCRYPTED") || body.contains("ENCRYPTED"),
        })
    };
    sections.filter_map(read).collect()
}

/// PKCS #8, SEC1 (RFC 5915) or PKCS #1 (RFC 8017). Parameters of a curve and certificates
/// may stand beside the key.
fn pem(text: &str) -> Result<Found, String> {
    let all = blocks(text);
    let mut keys = all
        .iter()
        .filter(|block| block.label.ends_with("PRIVATE KEY"));
    let Some(key) = keys.next() else {
        let labels: Vec<_> = all.iter().map(|block| block.label).collect();
        return Err(
            match labels.iter().any(|label| label.ends_with("PUBLIC KEY")) {
                true => "holds a public key: the private one is needed to sign".into(),
                false => format!("holds no private key, only {labels:?}"),
            },
        );
    };
    if keys.next().is_some() {
        return Err("holds several private keys: leave one".into());
    }
    if key.is_encrypted {
        return Err(
            "holds a key that is encrypted: take the passphrase off (openssl pkey -in key.pem \
             -out plain.pem) and let nobody else read the file"
                .into(),
        );
    }
    if key.label == "OPENSSH PRIVATE KEY" {
        return Err(
            "holds a key in the format of OpenSSH: write it as PKCS #8 (ssh-keygen -p -m PKCS8)"
                .into(),
        );
    }
    let der = key
        .der
        .as_ref()
        .ok_or("holds a private key that is cut off or damaged")?;
    let certificate = all.iter().find(|block| block.label == "CERTIFICATE");
    let certificate = certificate.and_then(|block| block.der.as_ref());
    Ok(Found {
        pair: of_der(der).ok_or(NO_SUCH_KEY)?,
        kid: None,
        alg: None,
        certificate: certificate.map(|der| base64url(&sha256(&**der))),
    })
}

fn of_der(der: &[u8]) -> Option<Pair> {
    let rsa = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
    if let Ok(pair) = rsa {
        return Some(Pair::Rsa(pair));
    }
    for (_, alg, curve) in CURVES {
        if let Ok(pair) = EcdsaKeyPair::from_private_key_der(curve, der) {
            return Some(Pair::Ec(alg, pair));
        }
    }
    let pair = Ed25519KeyPair::from_pkcs8(der).ok()?;
    Some(Pair::Ed25519(pair))
}

/// A private JWK (RFC 7517), or a set with one that can sign.
fn jwk(text: &str, kid: Option<&str>) -> Result<Found, String> {
    // The text of a JSON error may hold a part of the key.
    let value: Value = serde_json::from_str(text).map_err(|_| "is not JSON as a JWK is")?;
    let one = match value.get("keys").and_then(Value::as_array) {
        None => &value,
        Some(keys) => {
            let usable = keys
                .iter()
                .filter(|key| key.get("d").is_some() && signs(key));
            let usable: Vec<_> = usable.collect();
            let named = |key: &&&Value| kid.is_some() && key["kid"].as_str() == kid;
            let named = usable.iter().find(named).copied();
            match (&usable[..], named) {
                ([], _) => return Err("is a JWK set without a private key that can sign".into()),
                (_, Some(key)) | (&[key], None) => key,
                _ => {
                    return Err(
                        "is a JWK set with several private keys: say which, by its \"kid\", \
                                in app_key_id"
                            .into(),
                    );
                }
            }
        }
    };
    let member = |name: &str| one[name].as_str().filter(|text| !text.is_empty());
    if !signs(one) {
        return Err("is a key that says (\"use\", \"key_ops\") that it is not for signing".into());
    }
    Ok(Found {
        pair: pair_of(one.as_object().unwrap_or(&Map::new()))?,
        kid: member("kid").map(str::to_owned),
        alg: member("alg").map(str::to_owned),
        certificate: member("x5t#S256").map(str::to_owned),
    })
}

/// RFC 7517 sections 4.2 and 4.3.
fn signs(jwk: &Value) -> bool {
    let used = jwk["use"].as_str().is_none_or(|name| name == "sig");
    let operations = jwk["key_ops"].as_array();
    used && operations.is_none_or(|names| names.iter().any(|name| name == "sign"))
}

/// RFC 7518 section 6, RFC 8037 section 2.
fn pair_of(jwk: &Map<String, Value>) -> Result<Pair, String> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let (kty, crv) = (text("kty"), text("crv"));
    if kty == "oct" {
        return Err(
            "is a secret, and no key pair: client_secret_jwt is not supported. Make a key pair, \
             and register the public key at the provider"
                .into(),
        );
    }
    if text("d").is_empty() {
        return Err("holds a public key, without \"d\": the private one is needed to sign".into());
    }
    let octets = |name: &str| -> Result<Zeroizing<Vec<u8>>, String> {
        let encoded = text(name).trim_end_matches('=');
        let octets = URL_SAFE_NO_PAD.decode(encoded).ok();
        let octets = octets.filter(|octets| !octets.is_empty());
        octets
            .map(Zeroizing::new)
            .ok_or_else(|| format!("is a key without a \"{name}\" that can be read"))
    };
    let refused = |_| "is a key whose numbers do not belong together, or are too small".to_owned();
    match (kty, crv) {
        ("EC", crv) => {
            let curve = CURVES.iter().find(|(name, ..)| *name == crv);
            let (_, alg, curve) = curve.ok_or(NO_SUCH_KEY)?;
            let size = if *alg == SigningAlg::ES256 { 32 } else { 48 };
            let (d, x, y) = (octets("d")?, octets("x")?, octets("y")?);
            let mut point = vec![4];
            point.extend(padded(&x, size));
            point.extend(padded(&y, size));
            let d = Zeroizing::new(padded(&d, size));
            let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &point);
            Ok(Pair::Ec(*alg, pair.map_err(refused)?))
        }
        ("OKP", "Ed25519") => {
            let pair = Ed25519KeyPair::from_seed_and_public_key(&octets("d")?, &octets("x")?);
            Ok(Pair::Ed25519(pair.map_err(refused)?))
        }
        ("RSA", _) => {
            let (n, e) = (octets("n")?, octets("e")?);
            let pair = RsaKeyPair::from_components(&KeyPairComponents {
                public_key: PublicKeyComponents {
                    n: without_zeros(&n),
                    e: without_zeros(&e),
                },
                d: &octets("d")?[..],
                p: &octets("p")?[..],
                q: &octets("q")?[..],
                dP: &octets("dp")?[..],
                dQ: &octets("dq")?[..],
                qInv: &octets("qi")?[..],
            });
            Ok(Pair::Rsa(pair.map_err(refused)?))
        }
        _ => Err(NO_SUCH_KEY.into()),
    }
}

fn without_zeros(octets: &[u8]) -> &[u8] {
    let first = octets.iter().position(|octet| *octet != 0);
    &octets[first.unwrap_or(octets.len())..]
}

/// With as many octets as the curve has, if it has not more.
fn padded(octets: &[u8], size: usize) -> Vec<u8> {
    let number = without_zeros(octets);
    let mut padded = vec![0; size.saturating_sub(number.len())];
    padded.extend(number);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 appendix A.
    const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn signs_and_is_called_as_in_rfc_8037() {
        let key = ClientKey::read(ED25519, None, None).expect("a key");
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signed = key.sign(key.alg(&[]), message).expect("a signature");
        let rfc = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(base64url(&signed), rfc);
    }

    #[test]
    fn a_name_in_the_configuration_wins_over_that_in_the_file() {
        let named = ED25519.replacen('{', r#"{"kid":"in the file","#, 1);
        let kid = |text: &str, id| ClientKey::read(text, id, None).map(|key| key.kid.clone());
        assert_eq!(kid(&named, None), Ok("in the file".into()));
        assert_eq!(kid(&named, Some("written")), Ok("written".into()));
        assert_eq!(kid(ED25519, Some("written")), Ok("written".into()));
        // Of a set, it chooses.
        let other = named.replace("in the file", "other");
        let public = r#"{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"public"}"#;
        let set = format!(r#"{{"keys":[{public},{named},{other}]}}"#);
        assert_eq!(kid(&set, Some("other")), Ok("other".into()));
        assert!(kid(&set, None).unwrap_err().contains("app_key_id"));
        assert!(
            kid(&set, Some("public"))
                .unwrap_err()
                .contains("app_key_id")
        );
        let set = format!(r#"{{"keys":[{public},{named}]}}"#);
        assert_eq!(kid(&set, None), Ok("in the file".into()));
    }

    #[test]
    fn the_algorithm_is_one_the_provider_announces() {
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
        let key = |algs: &[SigningAlg]| ClientKey {
            pair: Pair::Ed25519(Ed25519KeyPair::generate().expect("a key")),
            algs: algs.to_vec(),
            kid: String::new(),
            certificate: None,
            warned: Once::new(),
        };
        let announced = |names: &[&str]| {
            names
                .iter()
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
        };
        let all = Pair::Rsa(pair).algs();
        for (names, alg) in [
            (&[][..], SigningAlg::RS256),
            (&["ES256", "PS256"], SigningAlg::PS256),
            (&["PS256", "RS256"], SigningAlg::RS256),
            (&["PS512"], SigningAlg::PS512),
            // It may be wrong about that.
            (&["HS256", "ES256"], SigningAlg::RS256),
        ] {
            assert_eq!(key(&all).alg(&announced(names)), alg, "{names:?}");
        }
        let pinned = key(&[SigningAlg::PS256]);
        assert_eq!(pinned.alg(&announced(&["RS256"])), SigningAlg::PS256);
    }

    #[test]
    fn shows_itself_to_nobody() {
        let key = ClientKey::read(ED25519, Some("k"), None).expect("a key");
        assert_eq!(
            format!("{key:?}"),
            "ClientKey { kid: \"k\", algs: [EdDSA], .. }"
        );
    }
}
