//! The method of the fairing about proxies, and their routes.

use rocket::Route;

use super::LogtoFairing;
use crate::config::LogtoConfig;
use crate::guards::ProxiedToken;
use crate::oidc::http;
use crate::proxy::{Declared, Proxy};

/// What was declared.
#[derive(Default)]
pub(super) struct Proxies(Vec<Declared>);

impl LogtoFairing {
    /// Sends requests to `path` and all below it on to an API, with the signed-in user's access
    /// token in the place of the session: for scripts of the app's own pages, which then never
    /// see a token. Call it once for each API.
    ///
    /// `path` is as those of the other routes of this crate, below that of `base_url`. It may have
    /// parameters, as for [`PathOrg`](crate::PathOrg): `/api/orgs/<org_id>/orders`. Routes of
    /// yours below it win where they are more specific.
    ///
    /// **Each request must come from the app's own origin and bring the header `X-CSRF: 1`**,
    /// reading ones, too; others get 403 before the session is looked at. Without a session the
    /// answer is 401 JSON with the address of the sign-in. What passes of a request and its
    /// answer, and what the answers of the proxy itself are, is in the
    /// [guide](crate::guide::single_page_app).
    ///
    /// # Network
    ///
    /// One call to the API, while the user's token is cached. Otherwise as
    /// [`AccessToken`](crate::AccessToken); and where the API refuses the token, one more of each.
    ///
    /// # Errors
    ///
    /// The launch stops for another path, an address that is none, a name that is not configured,
    /// and a token that the provider is never asked for.
    ///
    /// # Standards
    ///
    /// OAuth 2.0 for Browser-Based Applications section 6.1.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::{Logto, OrgToken, PathOrg, Proxy, Resource};
    ///
    /// struct Orders;
    /// impl Resource for Orders {
    ///     const INDICATOR: &'static str = "https://orders.your-app.com/api";
    /// }
    ///
    /// #[rocket::launch]
    /// fn rocket() -> _ {
    ///     let orders = Proxy::<OrgToken<PathOrg, Orders>>::to("https://orders.internal/v1");
    ///     rocket::build().attach(Logto::fairing().proxy("/api/orgs/<org_id>/orders", orders))
    /// }
    /// ```
    pub fn proxy<T: ProxiedToken>(
        mut self,
        path: impl Into<String>,
        proxy: Proxy<T>,
    ) -> LogtoFairing {
        self.proxies.0.push(Declared::new(path.into(), proxy));
        self
    }
}

impl Proxies {
    /// All routes; `None` after logging what is wrong.
    pub(super) fn routes(&self, config: &LogtoConfig) -> Option<Vec<Route>> {
        if self.0.is_empty() {
            return Some(Vec::new());
        }
        // Answers pass as they are, compressed or not, whatever features reqwest has elsewhere.
        let client = http::builder(&config.provider).and_then(|builder| {
            let builder = builder.no_gzip().no_brotli().no_zstd().no_deflate();
            builder.build()
        });
        let client = client
            .inspect_err(|error| {
                log::error!("logto: the HTTP client cannot be created, see logto.ca_file: {error}");
            })
            .ok()?;
        let mut routes = Vec::new();
        for declared in &self.0 {
            match declared.routes(config, &client) {
                Ok(more) => routes.extend(more),
                Err(wrong) => {
                    log::error!("logto: {wrong}");
                    return None;
                }
            }
        }
        Some(routes)
    }
}
