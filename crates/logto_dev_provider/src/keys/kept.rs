//! Keys as they are kept in a file.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::encoding::Pkcs8V1Der;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::key::Pair;
use super::{KeyRing, SigningAlg, SigningKey};

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptKeys {
    /// What the settings asked for when they were made.
    asked_for: String,
    /// The key that signs is the last one.
    keys: Vec<KeptKey>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptKey {
    alg: String,
    kid: String,
    /// PKCS #8, in Base64.
    private_key: String,
}

impl KeyRing {
    /// The keys that are kept, without those that a hook has published. `asked_for` is
    /// the algorithm of the settings.
    pub(crate) fn to_kept(&self, asked_for: SigningAlg) -> KeptKeys {
        let own = self.keys.iter().filter(|key| !key.is_beside);
        let keys = own.filter_map(|key| {
            Some(KeptKey {
                alg: key.alg().name().to_owned(),
                kid: key.kid(),
                private_key: STANDARD.encode(key.pkcs8()?),
            })
        });
        KeptKeys {
            asked_for: asked_for.name().to_owned(),
            keys: keys.collect(),
        }
    }

    /// The same keys again. Where the settings ask for another algorithm than before,
    /// a new key of it signs, as after a rotation.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub(crate) fn from_kept(kept: &KeptKeys, asked_for: SigningAlg) -> Result<KeyRing, String> {
        let keys: Result<Vec<SigningKey>, String> = kept.keys.iter().map(key).collect();
        let keys = keys?;
        let Some(last) = keys.last() else {
            return Err("`keys` is empty".to_owned());
        };
        let mut ring = KeyRing {
            active: last.alg(),
            keys,
        };
        if kept.asked_for != asked_for.name() && ring.active != asked_for {
            ring.rotate(asked_for);
        }
        Ok(ring)
    }
}

fn key(kept: &KeptKey) -> Result<SigningKey, String> {
    let alg: SigningAlg = kept.alg.parse().map_err(|error| format!("{error}"))?;
    let bytes = STANDARD.decode(&kept.private_key);
    let pair = bytes.ok().and_then(|bytes| pair(alg, &bytes));
    let pair = pair.ok_or_else(|| format!("the private key of {:?} is none", kept.kid))?;
    Ok(SigningKey::from_pair(alg, kept.kid.clone(), pair))
}

fn pair(alg: SigningAlg, pkcs8: &[u8]) -> Option<Pair> {
    let ec = |algorithm: &'static EcdsaSigningAlgorithm| {
        EcdsaKeyPair::from_pkcs8(algorithm, pkcs8)
            .ok()
            .map(Pair::Ec)
    };
    match alg {
        SigningAlg::Es384 => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        SigningAlg::Es256 => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        SigningAlg::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).ok().map(Pair::Rsa),
    }
}

impl SigningKey {
    fn pkcs8(&self) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().ok().map(|key| key.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let key = AsDer::<Pkcs8V1Der>::as_der(pair).ok();
                key.map(|key| key.as_ref().to_vec())
            }
        }
    }
}
