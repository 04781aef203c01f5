//! What takes the place of the network in tests without one: the feature `testing`, in
//! debug builds. `oidc::http` asks it, `testing` hands it to the app.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use openidconnect::http::{Request, Response};

use crate::clock::Seconds;

/// Answers what would be sent to the provider.
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    fn answer(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>>;
}

/// Managed by the app whose calls it answers.
#[derive(Clone, Debug)]
pub(crate) struct InPlaceOfNetwork {
    pub transport: Arc<dyn Transport>,
    /// By how much the app's clock was put forward.
    ahead: Arc<AtomicI64>,
}

impl InPlaceOfNetwork {
    pub(crate) fn new(transport: Arc<dyn Transport>) -> InPlaceOfNetwork {
        InPlaceOfNetwork {
            transport,
            ahead: Arc::default(),
        }
    }

    pub(crate) fn ahead(&self) -> Seconds {
        self.ahead.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, by: Seconds) {
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }
}
