//! The proofs of possession that callers of this app's API send (RFC 9449 section 7): what
//! they have to be for, and those that were seen.

use std::time::Duration;

use moka::policy::EvictionPolicy;
use url::{Position, Url};

use crate::clock::{Seconds, seconds};
use crate::config::ProviderConfig;
use crate::error::bearer::{BearerError, BearerErrorKind, Scheme};
use crate::oidc::dpop::{self, Expected, OwnNonces, PROOF_LIFETIME, ProofFault};
use crate::return_to::BasePath;

/// How many are remembered: as many callers a second as one instance verifies, for the time
/// that a proof is good.
const CAPACITY: u64 = 200_000;

/// Where callers find the app.
#[derive(Clone)]
pub(crate) struct OwnAddress {
    pub base_url: Url,
    pub base_path: BasePath,
}

pub(crate) struct Proofs {
    address: Option<OwnAddress>,
    nonces: Option<OwnNonces>,
    is_required: bool,
    tolerance: Seconds,
    /// By key and `jti`, as long as the same proof would be good again.
    seen: moka::sync::Cache<[u8; 32], ()>,
}

/// A request with a token that is bound to a key.
pub(crate) struct Call<'a> {
    pub method: &'a str,
    /// As the app has it.
    pub path: &'a str,
    pub token: &'a str,
    /// Of the key that the token is bound to.
    pub thumbprint: &'a str,
}

impl Proofs {
    pub(crate) fn new(
        config: &ProviderConfig,
        address: Option<OwnAddress>,
        nonces: Option<OwnNonces>,
    ) -> Proofs {
        let tolerance = seconds(config.clock_tolerance);
        let seen = moka::sync::Cache::builder()
            .max_capacity(CAPACITY)
            // A new one always gets its place.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(good_for(tolerance))
            .build();
        Proofs {
            is_required: config.bearer_requires_dpop,
            address,
            nonces,
            tolerance,
            seen,
        }
    }

    /// Whether every caller has to send one.
    pub(crate) fn are_required(&self) -> bool {
        self.is_required
    }

    pub(crate) fn can_be_checked(&self) -> bool {
        self.address.is_some()
    }

    /// How long a proof could be used again.
    pub(crate) fn lifetime(&self) -> Duration {
        good_for(self.tolerance)
    }

    /// Checks the proof of a call, one of `headers`, and that this process has not seen it
    /// before. Gives what tells it from all others.
    pub(crate) fn check<'h>(
        &self,
        call: &Call<'_>,
        mut headers: impl Iterator<Item = &'h str>,
        now: Seconds,
    ) -> Result<[u8; 32], BearerError> {
        let address = self.address.as_ref().ok_or_else(no_address)?;
        let (proof, other) = (headers.next(), headers.next());
        let proof = match (proof, other) {
            (Some(proof), None) => proof,
            (None, _) => return Err(refused(ProofFault::Missing)),
            (Some(_), Some(_)) => return Err(refused(ProofFault::Twice)),
        };
        let origin = &address.base_url[..Position::BeforePath];
        let path = address.base_path.of_callers(call.path);
        let url = dpop::normalized(&format!("{origin}{path}"));
        let expected = Expected {
            method: call.method,
            url: url.as_deref().ok_or_else(|| refused(ProofFault::Address))?,
            token: call.token,
            thumbprint: call.thumbprint,
            now,
            tolerance: self.tolerance,
        };
        let proven = dpop::check(proof, &expected).map_err(refused)?;
        if let Some(nonces) = &self.nonces {
            let nonce = proven.nonce.as_deref();
            if !nonce.is_some_and(|nonce| nonces.has_given(nonce, now)) {
                let nonce = nonces.current(now);
                let kind = BearerErrorKind::NonceRequired { nonce };
                return Err(BearerError::new(kind, "use_dpop_nonce").by(Scheme::Dpop));
            }
        }
        // The last check: what is not good takes no place.
        match self.seen.entry(proven.id).or_insert(()).is_fresh() {
            true => Ok(proven.id),
            false => Err(replayed()),
        }
    }
}

/// From the first moment at which a proof is good to the last, by clocks that differ.
fn good_for(tolerance: Seconds) -> Duration {
    let seconds = PROOF_LIFETIME + 2 * tolerance + 1;
    Duration::from_secs(seconds.unsigned_abs())
}

pub(crate) fn replayed() -> BearerError {
    refused(ProofFault::Replayed)
}

fn refused(fault: ProofFault) -> BearerError {
    let kind = BearerErrorKind::InvalidProof(fault.told());
    BearerError::new(kind, fault.to_string()).by(Scheme::Dpop)
}

/// Without it nobody knows what the proof has to be for.
fn no_address() -> BearerError {
    let error = BearerError::new(BearerErrorKind::Misconfigured, "no_base_url");
    error.with_details(
        ": a token is bound to a key, and its proof is for an address: write the one that callers \
         have into logto.base_url"
            .to_owned(),
    )
}
