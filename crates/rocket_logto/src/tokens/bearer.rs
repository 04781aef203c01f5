//! Callers' tokens seen before, so that a signature is verified, and the provider
//! is asked, only once.

use std::sync::{Arc, Once};
use std::time::Duration;

use crate::claims::AccessTokenClaims;
use crate::clock::{Seconds, has_expired};
use crate::error::bearer::BearerError;
use crate::measure::{self, Cache, Found};
use crate::oidc::error::TokenError;
use crate::oidc::failure::{failed, not_checked, unavailable};
use crate::oidc::service::ServiceClient;
use crate::oidc::verify::Rejection;
use crate::sha256::sha256;

const CAPACITY: u64 = 10_000;
/// How long a verified token may be used after its key is gone from the key set,
/// which is fetched every hour.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long the provider's answer about an opaque token holds, good or bad, and so
/// how long a revoked token may still be accepted.
const ANSWER_LIFETIME: Duration = Duration::from_secs(30);

/// Of the token, which is not kept itself.
type Hash = [u8; 32];
type Verdict = Result<Verified, Rejection>;

/// A good token.
#[derive(Clone)]
pub(crate) struct Verified {
    pub claims: Arc<AccessTokenClaims>,
    /// The key that it is bound to, by its thumbprint: without a proof it is not good yet.
    pub key: Option<Arc<str>>,
}

impl Verified {
    fn new(claims: AccessTokenClaims) -> Verified {
        Verified {
            key: claims.thumbprint().map(Arc::from),
            claims: Arc::new(claims),
        }
    }
}

pub(crate) struct Bearers {
    verified: moka::sync::Cache<Hash, Verified>,
    introspected: moka::future::Cache<Hash, Verdict>,
}

impl Bearers {
    pub(crate) fn new() -> Bearers {
        Bearers {
            verified: moka::sync::Cache::builder()
                .max_capacity(CAPACITY)
                .time_to_live(LIFETIME)
                .build(),
            introspected: moka::future::Cache::builder()
                .max_capacity(CAPACITY)
                .time_to_live(ANSWER_LIFETIME)
                .build(),
        }
    }

    /// The claims of a good token. Touches the network only for keys that are not
    /// known yet, and for an opaque token that was not asked about lately.
    pub(crate) async fn verify(
        &self,
        service: &ServiceClient,
        token: &str,
        now: Seconds,
    ) -> Result<Verified, BearerError> {
        // Only JWTs have three parts.
        let verdict = match token.split('.').count() {
            3 => self.verified(service, token, now).await,
            _ if service.config().introspect_opaque_tokens => {
                Box::pin(self.introspected(service, token, now)).await
            }
            _ => {
                let why = "opaque tokens are not accepted here: ask the provider for a JWT for \
                           this API resource";
                return Err(BearerError::invalid_token(why, "opaque"));
            }
        }?;
        verdict.map_err(|rejection| {
            explain(rejection);
            let reason = rejection.to_string();
            BearerError::invalid_token(format!("the token is not good: {reason}"), &reason)
        })
    }

    /// Forgets what is known of one token.
    pub(crate) async fn forget(&self, token: &str) {
        let hash = sha256(token);
        self.verified.invalidate(&hash);
        self.introspected.invalidate(&hash).await;
    }

    /// Forgets everything.
    pub(crate) fn forget_all(&self) {
        self.verified.invalidate_all();
        self.introspected.invalidate_all();
    }

    async fn verified(
        &self,
        service: &ServiceClient,
        token: &str,
        now: Seconds,
    ) -> Result<Verdict, BearerError> {
        let hash = sha256(token);
        if let Some(verified) = self.verified.get(&hash)
            && !has_expired(verified.claims.exp, now, service.tolerance())
        {
            measure::token_lookup(Cache::Bearer, Found::Hit);
            return Ok(Ok(verified));
        }
        measure::token_lookup(Cache::Bearer, Found::Miss);
        // Boxed, to keep the guard's future small for tokens seen before.
        let verdict = Box::pin(service.verify_access_token(token, now)).await;
        let verdict = verdict.map_err(|error| not_checked(&unavailable(error)))?;
        Ok(verdict.map(|claims| {
            let verified = Verified::new(claims);
            self.verified.insert(hash, verified.clone());
            verified
        }))
    }

    /// Concurrent callers with the same token share one request.
    async fn introspected(
        &self,
        service: &ServiceClient,
        token: &str,
        now: Seconds,
    ) -> Result<Verdict, BearerError> {
        let mut found = Found::Hit;
        let ask = async {
            found = Found::Miss;
            let verdict = service.introspect(token, now).await?;
            Ok::<_, TokenError>(verdict.map(Verified::new))
        };
        let answer = self.introspected.try_get_with(sha256(token), ask).await;
        measure::token_lookup(Cache::Introspection, found);
        match answer.map_err(|error| not_checked(&failed(TokenError::clone(&error))))? {
            Ok(Verified { claims, .. }) if has_expired(claims.exp, now, service.tolerance()) => {
                Ok(Err(Rejection::Expired))
            }
            verdict => Ok(verdict),
        }
    }
}

/// Names the key, once, where the reason may be the provider and not the caller.
fn explain(rejection: Rejection) {
    static WITHOUT_AUDIENCE: Once = Once::new();
    static LIKE_ID_TOKEN: Once = Once::new();
    static BOUND: Once = Once::new();
    let (once, hint) = match rejection {
        Rejection::Missing("aud") => (
            &WITHOUT_AUDIENCE,
            "names no audience. If all access tokens of the provider are so, as AWS Cognito's, \
             name the clients that may call in logto.clients_without_audience",
        ),
        Rejection::IdToken => (
            &LIKE_ID_TOKEN,
            "looks like an ID token (nonce, at_hash). A client that calls an API has to send the \
             access token. Only where the provider's access tokens look so as well, as Dex's, see \
             logto.bearer_takes_id_tokens",
        ),
        Rejection::Bound => (
            &BOUND,
            "is bound to its client (cnf) in a way that is not checked here, as by mutual TLS, so it \
             must not count without: have the provider bind tokens for this API by DPoP, or not at \
             all",
        ),
        _ => return,
    };
    once.call_once(|| log::warn!("logto: a bearer token was refused that {hint}"));
}
