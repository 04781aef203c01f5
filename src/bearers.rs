//! Bearer tokens seen before: a signature is paid for once.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;

use crate::bearer_error::BearerError;
use crate::claims::AccessTokenClaims;
use crate::oidc::access_token::is_over;
use crate::oidc::client::OidcClient;
use crate::oidc::verify::Seconds;

const CAPACITY: u64 = 10_000;
/// A token whose key the provider has withdrawn is out after this.
const LIFETIME: Duration = Duration::from_secs(300);

/// Verified claims by the hash of the token: the token itself is not kept.
pub(crate) struct Bearers {
    seen: moka::sync::Cache<[u8; 32], Arc<AccessTokenClaims>>,
}

impl Bearers {
    pub(crate) fn new() -> Bearers {
        let seen = moka::sync::Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(LIFETIME)
            .build();
        Bearers { seen }
    }

    /// The claims of a good token. The network only for keys that are not
    /// known yet.
    pub(crate) async fn verify(
        &self,
        oidc: &OidcClient,
        token: &str,
        now: Seconds,
    ) -> Result<Arc<AccessTokenClaims>, BearerError> {
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        let hash: [u8; 32] = hash.as_ref().try_into().unwrap_or_default();
        if let Some(claims) = self.seen.get(&hash)
            && !is_over(&claims, now, oidc.tolerance())
        {
            return Ok(claims);
        }
        let verdict = oidc
            .verify_access_token(token, now)
            .await
            .map_err(|error| {
                log::warn!("logto: bearer token not checked, {error}");
                BearerError::Unavailable
            })?;
        let claims = verdict.map_err(|reason| {
            log::warn!("logto: bearer token rejected, reason={reason}");
            BearerError::InvalidToken(format!("the token is not good: {reason}"))
        })?;
        let claims = Arc::new(claims);
        self.seen.insert(hash, claims.clone());
        Ok(claims)
    }
}
