//! `POST` and `GET /sign-out`, and `SignOut`, with which a handler signs the user
//! out (OpenID Connect RP-Initiated Logout 1.0).

use rocket::http::{Method, Status};
use rocket::response::{Responder, Response};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Ignite, Request, Rocket, Sentinel};

use super::{Deferred, answer, defer, ignore, nothing};
use crate::error::{Error, ErrorKind};
use crate::logto::{Logto, fairing_is_missing};
use crate::request::is_speculative;
use crate::response::pages::{Action, Page};
use crate::response::{error, html_page, redirect};
use crate::session::SessionManager;
use crate::session::context::RequestContext;

/// Signs the user out, as the response of a handler.
///
/// First ends the session here, so that this holds even if a later step fails;
/// then revokes the refresh token, which outlives the provider's own session; then
/// sends the browser (303) to the provider's `end_session_endpoint`, which sends
/// it on to `post_sign_out`.
///
/// Return it only from a handler for POST that your own pages send, or another
/// site could sign your users out.
///
/// # Network
///
/// One call to the provider (revocation), bounded by `http_timeout`. None with
/// [`SignOut::local`]. With sessions in a store, a round trip or two to it.
///
/// # Errors
///
/// A 503 while the session store cannot be reached: the session has not ended
/// then. A failed revocation is logged and does not stop the sign-out.
///
/// # Standards
///
/// OpenID Connect RP-Initiated Logout 1.0 section 2, RFC 7009 section 2.
///
/// # Examples
///
/// ```rust
/// use rocket::post;
/// use rocket_logto::{SignOut, User};
///
/// #[post("/account/close")]
/// fn close(user: User) -> SignOut {
///     // … close the account of user.sub() …
///     SignOut::new()
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "return it from a handler"]
pub struct SignOut {
    /// A path of the app, checked when it is used.
    local: Option<String>,
}

impl SignOut {
    /// Signs out here and at the provider.
    pub fn new() -> SignOut {
        SignOut::default()
    }

    /// Signs out here only, and sends the browser to `path` of this app.
    ///
    /// The session at the provider stays. The refresh token is forgotten here, but
    /// not revoked there. A `path` that is not one of this app is replaced by `/`.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::{post, uri};
    /// use rocket_logto::SignOut;
    ///
    /// #[rocket::get("/goodbye")]
    /// fn goodbye() -> &'static str { "Goodbye!" }
    ///
    /// #[post("/leave")]
    /// fn leave() -> SignOut {
    ///     SignOut::local(uri!(goodbye))
    /// }
    /// ```
    pub fn local(path: impl ToString) -> SignOut {
        SignOut {
            local: Some(path.to_string()),
        }
    }
}

impl<'r> Responder<'r, 'static> for SignOut {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let logto = request.rocket().state::<Logto>();
        let route = logto.map_or("/sign-out", |logto| &logto.config().linked.sign_out);
        let deferred = Deferred::SignOut(self.local);
        Ok(defer(request, route.to_owned(), deferred))
    }
}

impl Sentinel for SignOut {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        fairing_is_missing(rocket, "SignOut")
    }
}

#[derive(Clone)]
pub(super) struct SignOutRoute;

#[rocket::async_trait]
impl Handler for SignOutRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        if is_speculative(request) {
            return answer(nothing());
        }
        match (request.method(), sender(request)) {
            (Method::Post, Sender::Other) => {
                let error = Error::new(ErrorKind::CrossSite, "sign_out_from_another_site");
                answer(error::page(&error, request))
            }
            (Method::Post, _) => answer(sign_out(request).await),
            (Method::Get, Sender::Us) if is_navigation(request) => answer(sign_out(request).await),
            _ => answer(confirm(request)),
        }
    }
}

async fn sign_out(request: &Request<'_>) -> Response<'static> {
    let done = finish(request, None).await;
    done.unwrap_or_else(|error| error::answer(&error, request))
}

/// Who made the browser send this request.
#[derive(Debug, PartialEq, Eq)]
enum Sender {
    /// A page of this app, or the user at the address bar.
    Us,
    Other,
    /// An old browser, or no browser: it does not say.
    Unknown,
}

fn sender(request: &Request<'_>) -> Sender {
    let headers = request.headers();
    match headers.get_one("Sec-Fetch-Site") {
        Some("same-origin" | "none") => return Sender::Us,
        Some(_) => return Sender::Other,
        None => {}
    }
    let own = Logto::of(request).map(|logto| logto.base_url().origin().ascii_serialization());
    match (headers.get_one("Origin"), own) {
        (Some(origin), Ok(own)) if origin == own => Sender::Us,
        (Some(_), _) => Sender::Other,
        (None, _) => Sender::Unknown,
    }
}

/// Whether the request is for a page, and not for an image in one (Fetch Metadata
/// Request Headers, section 2).
fn is_navigation(request: &Request<'_>) -> bool {
    let is = |name: &str, value: &str| request.headers().get_one(name) == Some(value);
    is("Sec-Fetch-Mode", "navigate") && is("Sec-Fetch-Dest", "document")
}

/// Asks first, so that no link, image or other site can sign a user out.
fn confirm(request: &Request<'_>) -> Response<'static> {
    let (path, origins, home) = match Logto::of(request) {
        Ok(logto) => (
            logto.config().linked.sign_out.as_str(),
            logto.provider_origins(),
            logto.landing(None),
        ),
        Err(error) => return error::page(&error, request),
    };
    let mut page = html_page(
        Status::Ok,
        &Page {
            title: "Sign out?",
            paragraphs: &["You will be signed out of this app."],
            reference: None,
            actions: &[
                Action::Post {
                    action: path,
                    label: "Sign out",
                },
                Action::Link {
                    href: home.as_str(),
                    label: "Stay signed in",
                },
            ],
        },
        &origins,
    );
    // With `no-referrer` a browser sends `Origin: null` from here.
    page.set_raw_header("Referrer-Policy", "same-origin");
    page
}

/// Signs out and says where the browser goes.
pub(crate) async fn finish(
    request: &Request<'_>,
    local: Option<String>,
) -> Result<Response<'static>, Error> {
    let logto = Logto::of(request)?;
    let context = RequestContext::of(request);
    let sessions = SessionManager::of(request)?;
    let session = sessions.resolve(request).await?;
    match &session {
        Some(session) => sessions.end(context, session).await?,
        None => sessions.drop_cookies(context),
    }
    if let Some(path) = local {
        return Ok(redirect(logto.landing(Some(&path)).as_str().to_owned()));
    }
    if let Some(session) = session {
        if let Some(refresh_token) = &session.refresh_token
            && let Err(error) = logto.oidc().revoke(refresh_token).await
        {
            log::warn!("logto: the refresh token could not be revoked: {error}");
        }
        if let Some(url) = logto.oidc().end_session_url(&session.id_token).await {
            return Ok(redirect(url.into()));
        }
    }
    Ok(redirect(logto.config().post_sign_out.clone()))
}
