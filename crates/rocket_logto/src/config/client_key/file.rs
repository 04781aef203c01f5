//! The files a private key comes in: PEM and JWK. No error shows anything of the key.

use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{CURVES, Pair, base64url};
use crate::config::SigningAlg;
use crate::sha256::sha256;

/// A key as it stands in a file, with what the file says of it.
pub(super) struct Found {
    pub(super) pair: Pair,
    pub(super) kid: Option<String>,
    pub(super) alg: Option<String>,
    pub(super) certificate: Option<String>,
}

impl Found {
    /// The key in `text`: one private key in PEM, one JWK, or of a JWK set the one that
    /// `kid` names.
    ///
    /// # Errors
    ///
    /// What is wrong with the file or the key, to follow its name.
    pub(super) fn read(text: &str, kid: Option<&str>) -> Result<Found, String> {
        let text = text.trim_start_matches('\u{feff}').trim();
        match text {
            text if text.starts_with('{') => jwk(text, kid),
            text if text.contains(BEGIN) => pem(text),
            _ => Err(
                "is neither PEM (\"-----BEGIN PRIVATE KEY-----\") nor a JWK ({ \"kty\": … })"
                    .into(),
            ),
        }
    }
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
