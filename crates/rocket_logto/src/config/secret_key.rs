//! Rocket's `secret_key`, and those before it: what everything that instances have to agree
//! on is derived from.

use cookie::Key;
use figment::Figment;
use rocket::config::SecretKey;
use zeroize::Zeroizing;

/// The keys as bytes. `Debug` shows nothing of them; memory is wiped on drop.
pub(crate) struct SecretBytes {
    current: Zeroizing<Vec<u8>>,
    previous: Vec<Zeroizing<Vec<u8>>>,
    is_configured: bool,
}

impl SecretBytes {
    /// That of `figment`, or else a random one, for as long as this process runs. `None`
    /// where there is no randomness.
    pub(crate) fn of(figment: &Figment, previous: &[SecretKey]) -> Option<SecretBytes> {
        let configured = configured(figment);
        let is_configured = configured.is_some();
        let current = match configured {
            Some(key) => master(&key)?,
            None => Key::try_generate()?,
        };
        let bytes = |key: &Key| Zeroizing::new(key.master().to_vec());
        let previous = previous.iter().map(|key| Some(bytes(&master(key)?)));
        Some(SecretBytes {
            current: bytes(&current),
            previous: previous.collect::<Option<_>>()?,
            is_configured,
        })
    }

    /// Today's first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        let all = std::iter::once(&self.current).chain(&self.previous);
        all.map(|bytes| bytes.as_slice())
    }

    /// Whether another instance, and this one after a restart, has the same.
    pub(crate) fn is_configured(&self) -> bool {
        self.is_configured
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretBytes([redacted])")
    }
}

/// The key of the configuration. Where there is none, Rocket generates one only later, in
/// the debug profile, and refuses to launch in others.
pub(crate) fn configured(figment: &Figment) -> Option<SecretKey> {
    let key = figment.extract_inner::<SecretKey>("secret_key").ok();
    key.filter(SecretKey::is_provided)
}

/// The 64 bytes of a key. Rocket exposes them only by serializing the key.
pub(crate) fn master(key: &SecretKey) -> Option<Key> {
    let config = rocket::Config {
        secret_key: key.clone(),
        ..rocket::Config::default()
    };
    let bytes: Vec<u8> = Figment::from(config).extract_inner("secret_key").ok()?;
    Key::try_from(&bytes[..]).ok()
}
