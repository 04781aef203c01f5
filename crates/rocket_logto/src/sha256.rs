//! SHA-256 in one place, for everything that is identified by its hash: cache keys,
//! names of cookies and cached tokens, the style of a page. Imports nothing of the
//! crate.

use aws_lc_rs::digest;

/// The hash of `data` (FIPS 180-4). It cannot fail: if a digest ever had the wrong
/// length, this would panic rather than give everything the same hash.
pub(crate) fn sha256(data: impl AsRef<[u8]>) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, data.as_ref()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of FIPS 180-4.
    #[test]
    fn is_sha_256() {
        let hash = sha256("abc");
        assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(hash[28..], [0xf2, 0x00, 0x15, 0xad]);
    }
}
