//! Whether the caller of an API has the key that its token is bound to (RFC 9449 section 7).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rocket::{Ignite, Request, Rocket};

use crate::error::bearer::{BearerError, BearerErrorKind, Scheme};
use crate::request::{address, sent_method};
use crate::service::LogtoService;
use crate::session::SessionManager;
use crate::tokens::proofs::{Call, replayed};

/// The verdict on the one proof of a request. Guards of one request share it, and so do the
/// routes that Rocket tries one after the other: the proof is used once.
struct Checked(Result<(), BearerError>);

/// Checks how a good token came. Bound to a key it needs a proof, and no other token may come
/// by the scheme that says it is.
pub(super) async fn proven(
    request: &Request<'_>,
    logto: &LogtoService,
    (scheme, token): (Scheme, &str),
    key: Option<Arc<str>>,
) -> Result<(), BearerError> {
    let invalid = |why, reason| BearerError::invalid_token(why, reason).by(Scheme::Dpop);
    match (scheme, key) {
        (Scheme::Dpop, Some(key)) => {
            let check = async { Checked(checked(request, logto, token, &key).await) };
            request.local_cache_async(check).await.0.clone()
        }
        // Section 7.2: else a stolen one would be good after all.
        (Scheme::Bearer, Some(_)) => {
            let why = "the token is bound to a key: send it by the scheme DPoP, with a proof";
            Err(invalid(why, "cnf"))
        }
        (_, None) => Err(not_bound()),
    }
}

/// Why a token without a key is refused where it takes one.
pub(super) fn not_bound() -> BearerError {
    BearerError::invalid_token("the token is not bound to a key", "no_cnf").by(Scheme::Dpop)
}

async fn checked(
    request: &Request<'_>,
    logto: &LogtoService,
    token: &str,
    thumbprint: &str,
) -> Result<(), BearerError> {
    let address = address(request);
    let call = Call {
        method: sent_method(request).as_str(),
        path: address.split('?').next().unwrap_or_default(),
        token,
        thumbprint,
    };
    let proofs = logto.proofs();
    let headers = request.headers().get("DPoP");
    let id = proofs.check(&call, headers, logto.now())?;
    // Section 11.1: the other instances have not seen it either.
    let Some(sessions) = request.rocket().state::<Arc<SessionManager>>() else {
        return Ok(());
    };
    let id = URL_SAFE_NO_PAD.encode(id);
    match sessions.is_first_use(&id, proofs.lifetime()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(replayed()),
        Err(error) => {
            let unavailable = BearerError::new(BearerErrorKind::Unavailable, "session_store");
            Err(unavailable.with_details(format!(": whether a proof was used before: {error}")))
        }
    }
}

/// Whether the launch must abort, because nobody knows what address proofs are for.
pub(super) fn cannot_be_checked<P>(rocket: &Rocket<Ignite>) -> bool {
    let logto = rocket.state::<LogtoService>();
    if logto.is_none_or(|logto| logto.proofs().can_be_checked()) {
        return false;
    }
    log::error!(
        "logto: `{}` requires DPoP, and the proofs of callers are for an address: write the one \
         that they have into logto.base_url",
        std::any::type_name::<P>()
    );
    true
}
