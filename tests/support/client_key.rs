//! Private keys of clients, made by openssl, in the formats people have them in, and
//! what a provider checks of the assertions that are signed with them (RFC 7523).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logto_dev_provider::Received;
use rocket::serde::json::{Value, json};

use super::leaks;
use super::signer::{base64url, claims_of, header_of};

pub const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "RS256", "PS256", "EdDSA"];
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// In a directory of its own, which is removed with the value.
pub struct ClientKey {
    directory: PathBuf,
    alg: &'static str,
    /// The private key with all its members, nothing said about its use.
    private: Value,
}

impl ClientKey {
    /// A key that signs with `alg`.
    pub fn make(alg: &'static str) -> ClientKey {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("client-key-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory");
        let how: &[&str] = match alg {
            "ES256" => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "ES384" => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            "EdDSA" => &["-algorithm", "ED25519"],
            _ => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        };
        let mut key = ClientKey {
            directory,
            alg,
            private: Value::Null,
        };
        key.openssl(&[&["genpkey", "-out", "pkcs8.pem"], how].concat());
        key.private = key.private_members();
        key.keep();
        key
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A file beside the key.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a UTF-8 path").to_owned()
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a text file")
    }

    pub fn openssl(&self, arguments: &[&str]) {
        let mut openssl = Command::new("openssl");
        let made = openssl
            .current_dir(&self.directory)
            .args(arguments)
            .output();
        let made = made.expect("openssl can be started");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl {arguments:?}: {said}");
    }

    /// PKCS #8 in PEM, what openssl writes today.
    pub fn pkcs8(&self) -> String {
        self.path("pkcs8.pem").to_str().expect("UTF-8").to_owned()
    }

    /// SEC1 or PKCS #1 in PEM, what it wrote before. Ed25519 has none.
    pub fn traditional(&self) -> String {
        self.openssl(&[
            "pkey",
            "-in",
            "pkcs8.pem",
            "-traditional",
            "-out",
            "old.pem",
        ]);
        self.path("old.pem").to_str().expect("UTF-8").to_owned()
    }

    /// The private JWK with more members.
    pub fn jwk(&self, members: Value) -> Value {
        let mut jwk = self.private.clone();
        for (name, value) in members.as_object().into_iter().flatten() {
            jwk[name] = value.clone();
        }
        jwk
    }

    pub fn jwk_file(&self, members: Value) -> String {
        self.file("key.jwk", self.jwk(members).to_string())
    }

    /// What is registered at the provider.
    pub fn public_jwk(&self) -> Value {
        let private = ["d", "p", "q", "dp", "dq", "qi"];
        let mut jwk = self.private.clone();
        let members = jwk.as_object_mut().expect("an object");
        members.retain(|name, _| !private.contains(&name.as_str()));
        members.insert("kid".into(), self.thumbprint().into());
        jwk
    }

    /// RFC 7638.
    pub fn thumbprint(&self) -> String {
        let named = ["crv", "e", "kty", "n", "x", "y"];
        let members = named.iter().filter_map(|name| {
            let value = self.private.get(*name)?;
            Some(format!("\"{name}\":{value}"))
        });
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        base64url(hash.as_ref())
    }

    fn private_members(&self) -> Value {
        self.openssl(&[
            "pkcs8",
            "-topk8",
            "-nocrypt",
            "-in",
            "pkcs8.pem",
            "-outform",
            "DER",
            "-out",
            "pkcs8.der",
        ]);
        let der = fs::read(self.path("pkcs8.der")).expect("a key");
        let ec = |crv: &str, algorithm| {
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, &der).expect("a key");
            let d: EcPrivateKeyBin = pair.private_key().as_be_bytes().expect("a number");
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": crv, "d": base64url(d.as_ref()), "x": base64url(x),
                "y": base64url(y) })
        };
        match self.alg {
            "ES256" => ec("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            "EdDSA" => {
                let pair = Ed25519KeyPair::from_pkcs8(&der).expect("a key");
                let seed = pair.seed().expect("a seed");
                let d = seed.as_be_bytes().expect("a seed");
                json!({ "kty": "OKP", "crv": "Ed25519", "d": base64url(d.as_ref()),
                    "x": base64url(pair.public_key().as_ref()) })
            }
            _ => {
                let old = [
                    "pkey",
                    "-in",
                    "pkcs8.pem",
                    "-traditional",
                    "-outform",
                    "DER",
                ];
                self.openssl(&[&old[..], &["-out", "old.der"]].concat());
                let der = fs::read(self.path("old.der")).expect("a key");
                let numbers = integers(&der);
                let mut jwk = json!({ "kty": "RSA" });
                // After the version, in the order of RFC 8017 appendix A.1.2.
                let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
                for (name, number) in names.iter().zip(&numbers[1..]) {
                    jwk[*name] = base64url(number).into();
                }
                jwk
            }
        }
    }

    /// No log and no page may hold any of it.
    fn keep(&self) {
        for line in self
            .text("pkcs8.pem")
            .lines()
            .filter(|line| !line.contains("---"))
        {
            leaks::keep("client_key", line);
        }
        for name in ["d", "p", "q", "dp", "dq", "qi"] {
            leaks::keep(
                "client_key",
                self.private[name].as_str().unwrap_or_default(),
            );
        }
    }

    /// Header and claims of an assertion, whose signature must be this key's by `alg`.
    #[track_caller]
    pub fn verified(&self, assertion: &str, alg: &str) -> (Value, Value) {
        let header = Value::from(header_of(assertion));
        assert_eq!(header["alg"], alg, "{header}");
        let (message, signed) = assertion.rsplit_once('.').expect("a JWT");
        let signed = URL_SAFE_NO_PAD.decode(signed).expect("base64url");
        let octets = |name: &str| {
            let text = self.private[name].as_str().expect("a member");
            URL_SAFE_NO_PAD.decode(text).expect("base64url")
        };
        let with = |algorithm: &'static dyn VerificationAlgorithm, key: Vec<u8>| {
            let key = UnparsedPublicKey::new(algorithm, key);
            key.verify(message.as_bytes(), &signed).is_ok()
        };
        let point = || [vec![4], octets("x"), octets("y")].concat();
        let rsa = |parameters: &'static signature::RsaParameters| {
            let (n, e) = (octets("n"), octets("e"));
            let key = PublicKeyComponents { n, e };
            key.verify(parameters, message.as_bytes(), &signed).is_ok()
        };
        let is_signed = match alg {
            "ES256" => with(&signature::ECDSA_P256_SHA256_FIXED, point()),
            "ES384" => with(&signature::ECDSA_P384_SHA384_FIXED, point()),
            "EdDSA" => with(&signature::ED25519, octets("x")),
            "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            other => panic!("{other}?"),
        };
        assert!(is_signed, "{alg} {header}");
        (header, Value::from(claims_of(assertion)))
    }
}

impl Drop for ClientKey {
    fn drop(&mut self) {
        // What is left lies under target/.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The numbers of a DER sequence of integers, without leading zeros.
fn integers(der: &[u8]) -> Vec<Vec<u8>> {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (size, start) = match der[1] {
            short if short < 0x80 => (usize::from(short), 2),
            long => {
                let octets = usize::from(long & 0x7f);
                let size = der[2..2 + octets]
                    .iter()
                    .fold(0, |size, octet| size << 8 | usize::from(*octet));
                (size, 2 + octets)
            }
        };
        (&der[start..start + size], &der[start + size..])
    }
    let (mut rest, _) = element(der);
    let mut numbers = Vec::new();
    while !rest.is_empty() {
        let (number, after) = element(rest);
        let first = number.iter().position(|octet| *octet != 0);
        numbers.push(number[first.unwrap_or(number.len())..].to_vec());
        rest = after;
    }
    numbers
}

/// A request that a client made with an assertion, as any provider received it.
pub struct Proven {
    pub path: String,
    pub authorization: Option<String>,
    pub form: Vec<(String, String)>,
}

impl From<&Received> for Proven {
    fn from(received: &Received) -> Proven {
        Proven {
            path: received.path.clone(),
            authorization: received.header("authorization").map(str::to_owned),
            form: received.form.clone(),
        }
    }
}

impl Proven {
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.form.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(
            values.next().is_none(),
            "{name} came twice to {}",
            self.path
        );
        value
    }
}

/// All of them are proven by `key` and by nothing else: RFC 7523 section 3, with
/// `audience`, for `client`, and no assertion twice.
#[track_caller]
pub fn are_proven(requests: &[Proven], key: &ClientKey, alg: &str, client: &str, audience: &str) {
    let mut seen = BTreeSet::new();
    for request in requests {
        let path = &request.path;
        assert_eq!(request.authorization, None, "{path}");
        assert_eq!(request.value("client_secret"), None, "{path}");
        assert_eq!(request.value("client_id"), Some(client), "{path}");
        assert_eq!(request.value("client_assertion_type"), Some(ASSERTION_TYPE));
        let assertion = request.value("client_assertion").expect("an assertion");
        leaks::keep("client_assertion", assertion);
        let (header, claims) = key.verified(assertion, alg);
        assert_eq!(header["kid"], key.thumbprint(), "{path}");
        assert_eq!(header["typ"], "JWT", "{path}");
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!(client), &json!(client))
        );
        assert_eq!(claims["aud"], audience, "{path}");
        assert!(claims["nbf"].is_null(), "{path} {claims}");
        let (iat, exp) = (claims["iat"].as_i64(), claims["exp"].as_i64());
        let (iat, exp) = (iat.expect("iat"), exp.expect("exp"));
        assert!((1..=60).contains(&(exp - iat)), "{path} {claims}");
        let now = rocket::time::OffsetDateTime::now_utc().unix_timestamp();
        assert!((now - 30..=now).contains(&iat), "{path} {claims}");
        let jti = claims["jti"].as_str().expect("a jti").to_owned();
        assert!(jti.len() >= 20, "{path} {jti}");
        assert!(seen.insert(jti), "{path}: an assertion came twice");
    }
}
