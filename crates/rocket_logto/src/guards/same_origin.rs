//! `SameOrigin`: no other site has made the browser send this request.

use rocket::{Ignite, Request, Rocket, Sentinel};

use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::logto::{Logto, fairing_is_missing};
use crate::request::is_harmless;
use crate::response::cross_site::not_from_here;

/// A page of this app has sent the request, or the user themselves: for handlers of forms
/// and of `fetch()` calls that change something.
///
/// The session's cookie is `SameSite=Lax`, so other *sites* cannot send it with a form. But
/// for a browser all subdomains of a domain are one site, as are all ports of `localhost`:
/// against those it takes this guard. The browser says where a request comes from, in
/// `Sec-Fetch-Site` or else in `Origin`, which has to be that of `base_url`. There is no
/// token to put into forms.
///
/// `GET`, `HEAD`, `OPTIONS` and `TRACE` pass: they must not change anything. A request that
/// says nothing of where it comes from does not pass; no browser sends one. A program that
/// is to use such a route sends `Sec-Fetch-Site: same-origin`.
///
/// [`LogtoFairing::same_origin_only`](crate::LogtoFairing::same_origin_only) does the same
/// for a whole app.
///
/// # Network
///
/// None.
///
/// # Errors
///
/// [`ErrorKind::CrossSite`] (403).
///
/// # Standards
///
/// Fetch Metadata Request Headers section 2.3, RFC 6454 section 7.
///
/// # Examples
///
/// ```rust
/// use rocket::post;
/// use rocket_logto::{SameOrigin, User};
///
/// #[post("/account/close")]
/// fn close(_own: SameOrigin, user: User) -> String {
///     format!("Closed the account of {}", user.name())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SameOrigin(());

from_request!(SameOrigin: Error, []);

async fn find(request: &Request<'_>) -> Result<SameOrigin, Error> {
    match is_harmless(request, Logto::of(request)?.base_url()) {
        true => Ok(SameOrigin(())),
        false => Err(not_from_here(request)),
    }
}

impl Sentinel for SameOrigin {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        fairing_is_missing(rocket, "SameOrigin")
    }
}
