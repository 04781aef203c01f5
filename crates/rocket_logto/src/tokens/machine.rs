//! Tokens for this app itself, kept until shortly before their end and fetched
//! by one request at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;

use crate::clock::Seconds;
use crate::error::Error;
use crate::oidc::failure::machine_failed;
use crate::oidc::service::ServiceClient;
use crate::tokens::token::{LEEWAY, Token, TokenFor};

/// An organization and a resource each: more than most apps ever name.
const CAPACITY: u64 = 10_000;

pub(crate) struct MachineTokens {
    cache: moka::future::Cache<TokenFor, Kept>,
}

#[derive(Clone)]
struct Kept {
    token: Arc<Token>,
    lasts: Duration,
}

/// Each token for as long as it says.
struct Lasting;

impl Expiry<TokenFor, Kept> for Lasting {
    fn expire_after_create(&self, _: &TokenFor, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.lasts)
    }

    /// In the place of one that has ended, too.
    fn expire_after_update(
        &self,
        _: &TokenFor,
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.lasts)
    }
}

impl MachineTokens {
    pub(crate) fn new() -> MachineTokens {
        let cache = moka::future::Cache::builder()
            .max_capacity(CAPACITY)
            .expire_after(Lasting)
            .build();
        MachineTokens { cache }
    }

    /// The token at hand, else one from the provider. Others who ask in the same
    /// moment get the same one, or the same failure.
    pub(crate) async fn get(
        &self,
        service: &ServiceClient,
        wanted: TokenFor,
        now: Seconds,
    ) -> Result<Arc<Token>, Error> {
        let params = wanted.params();
        let fetch = async {
            let tokens = service.client_credentials(&params).await;
            let token = Token::granted(&tokens.map_err(machine_failed)?, now);
            let left = token.ends_at().saturating_sub(LEEWAY).saturating_sub(now);
            Ok::<_, Error>(Kept {
                token: Arc::new(token),
                lasts: Duration::from_secs(u64::try_from(left).unwrap_or(0)),
            })
        };
        match self.cache.try_get_with(wanted, fetch).await {
            Ok(kept) => Ok(kept.token),
            Err(error) => Err(Error::clone(&error)),
        }
    }

    pub(crate) fn clear(&self) {
        self.cache.invalidate_all();
    }
}
