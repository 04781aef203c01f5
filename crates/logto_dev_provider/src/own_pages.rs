//! Requests to the provider's own pages: from whom they may be. The pages change
//! things, and nobody has to prove who they are.

use url::Url;

use crate::provider::{Provider, is_loopback};
use crate::wire::{Endpoint, Received};

/// Why a request to one of the pages is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// It names another host: a site whose name leads to this machine (DNS rebinding).
    Host,
    /// A page of another site has sent the form.
    Site,
}

impl Provider {
    /// Whether a request to one of the pages may be answered.
    pub(crate) fn check_page(&self, request: &Received) -> Result<(), Foreign> {
        if request.endpoint != Endpoint::Page {
            return Ok(());
        }
        if !self.is_own_host(request) {
            return Err(Foreign::Host);
        }
        match request.method == "POST" && !self.is_same_origin(request) {
            true => Err(Foreign::Site),
            false => Ok(()),
        }
    }

    /// Every browser names the host.
    fn is_own_host(&self, request: &Received) -> bool {
        let Some(host) = request.header("host") else {
            return true;
        };
        let named = format!("http://{host}/");
        let host_of = |url: &str| Url::parse(url).ok()?.host_str().map(str::to_owned);
        let public = self.settings.public_origin.as_deref().and_then(host_of);
        is_loopback(&named) || public.is_some() && host_of(&named) == public
    }

    /// Whether a form came from our own pages, as far as the browser tells.
    pub(crate) fn is_same_origin(&self, request: &Received) -> bool {
        match (request.header("sec-fetch-site"), request.header("origin")) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            // Opened as http://127.0.0.1, say. Whose name that is was looked at before.
            (None, Some(origin)) => {
                let host = request.header("host").unwrap_or_default();
                origin == self.endpoint() || origin.strip_prefix("http://") == Some(host)
            }
            (None, None) => true,
        }
    }
}
