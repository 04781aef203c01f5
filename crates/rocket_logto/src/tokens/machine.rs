//! Tokens for this app itself, kept until shortly before they expire and fetched
//! by one request at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;

use crate::clock::Seconds;
use crate::error::Error;
use crate::measure::{self, Cache, Found};
use crate::oidc::failure::machine_failed;
use crate::oidc::service::ServiceClient;
use crate::tokens::token::{Token, TokenFor};

/// One token per combination of organization, resource and scopes: more than most
/// apps ever need.
const CAPACITY: u64 = 10_000;

pub(crate) struct MachineTokens {
    cache: moka::future::Cache<TokenFor, Kept>,
}

#[derive(Clone)]
struct Kept {
    token: Arc<Token>,
    lasts: Duration,
}

/// Keeps each token for the time in its own `lasts`.
struct Lasting;

impl Expiry<TokenFor, Kept> for Lasting {
    fn expire_after_create(&self, _: &TokenFor, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.lasts)
    }

    /// The same when it replaces one that has expired.
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

    /// The cached token, or else one from the provider. Concurrent callers get the
    /// same token, or the same failure.
    pub(crate) async fn get(
        &self,
        service: &ServiceClient,
        wanted: TokenFor,
        now: Seconds,
    ) -> Result<Arc<Token>, Error> {
        let (params, target) = (wanted.params(), wanted.clone());
        let mut found = Found::Hit;
        let fetch = async {
            found = Found::Miss;
            let tokens = service.client_credentials(&params).await;
            let token = Token::granted(&tokens.map_err(machine_failed)?, now);
            target.check(&token)?;
            let left = token.stale_at().saturating_sub(now);
            Ok::<_, Error>(Kept {
                token: Arc::new(token),
                lasts: Duration::from_secs(u64::try_from(left).unwrap_or(0)),
            })
        };
        let answer = self.cache.try_get_with(wanted, fetch).await;
        measure::token_lookup(Cache::Machine, found);
        match answer {
            Ok(kept) => Ok(kept.token),
            Err(error) => Err(Error::clone(&error)),
        }
    }

    pub(crate) fn clear(&self) {
        self.cache.invalidate_all();
    }
}
