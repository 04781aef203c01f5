//! `SilentSignIn`: users whom the provider knows already are signed in without being asked.

use std::convert::Infallible;
use std::sync::Arc;

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::Responder;
use rocket::{Ignite, Request, Rocket, Sentinel};

use super::sign_in::SignIn;
use crate::logto::{Logto, fairing_is_missing};
use crate::request::cookies::raw_cookies;
use crate::request::{address, is_speculative, is_whole_page};
use crate::session::SessionManager;
use crate::session::context::RequestContext;

/// A sign-in without anything to see, for a page that others may read as well: users whom
/// the provider knows already, from another app or from yesterday, come back to the page
/// signed in, and all others come back to it as they were (`prompt=none`).
///
/// The guard is there only when it is worth a try: a browser opens the page, nobody is
/// signed in, and it was not tried within the last five minutes, nor has anybody signed out
/// in this browser within the last day. Otherwise it forwards. So there is no loop, whatever
/// the provider answers. Crawlers, programs and very old browsers, which do not say that they
/// open a page (`Sec-Fetch-Dest`), get the page at once.
///
/// Return it from the handler. The browser goes to the provider and comes back to the same
/// address. Whatever goes wrong on the way is told to the log only, except for an answer that
/// nobody can vouch for, which is told to the user, too.
///
/// At Logto such a sign-in gives no refresh token, which takes `consent`, and the user must
/// have consented to this app before. A provider counts "consent first" like "nobody is
/// signed in here". A browser that keeps no cookies gets an error page on its way back; so it
/// is not for the home page of a site that has such readers.
///
/// # Network
///
/// None; then as [`SignIn`].
///
/// # Standards
///
/// OpenID Connect Core sections 3.1.2.1 and 3.1.2.6.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{SilentSignIn, User};
///
/// #[get("/")]
/// fn home(user: Option<User>, silent: Option<SilentSignIn>) -> Result<String, SilentSignIn> {
///     match (user, silent) {
///         (Some(user), _) => Ok(format!("Hello, {}!", user.name())),
///         (None, Some(silent)) => Err(silent),
///         (None, None) => Ok("Hello! You can sign in.".to_owned()),
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "return it from a handler"]
pub struct SilentSignIn(Box<SignIn>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SilentSignIn {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        match find(request).await {
            Some(silent) => Outcome::Success(silent),
            None => Outcome::Forward(Status::Unauthorized),
        }
    }
}

async fn find(request: &Request<'_>) -> Option<SilentSignIn> {
    let (logto, sessions) = (Logto::of(request).ok()?, SessionManager::of(request).ok()?);
    // For routes that were built by hand, of which the sentinel does not know.
    sessions.sign_in_silently();
    // The next one at this address may get another answer.
    RequestContext::of(request).set_personal();
    let says_so = request.headers().contains("Sec-Fetch-Dest");
    if !says_so || !is_whole_page(request) || is_speculative(request) {
        return None;
    }
    if sessions.questions(&raw_cookies(request)).is_quiet() {
        return None;
    }
    // With a store or a provider that is down the page is better than an error.
    let nobody = sessions.resolve(request).await.ok()?.is_none();
    let is_ready = logto.oidc().provider().metadata_if_loaded().is_some();
    let here = logto.config().base_path.of_request(&address(request));
    (nobody && is_ready).then(|| SilentSignIn(Box::new(SignIn::silent(here))))
}

impl<'r> Responder<'r, 'static> for SilentSignIn {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        self.0.respond_to(request)
    }
}

impl Sentinel for SilentSignIn {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        if let Some(sessions) = rocket.state::<Arc<SessionManager>>() {
            // For every instance that only signs users out.
            sessions.sign_in_silently();
        }
        fairing_is_missing(rocket, "SilentSignIn")
    }
}
