//! `POST` and `GET /sign-out`, and `SignOut`, with which a handler signs the user
//! out (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use rocket::http::uri::Origin;
use rocket::http::{ContentType, Method, Status};
use rocket::response::{Responder, Response};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Ignite, Request, Rocket, Sentinel};
use url::{Url, form_urlencoded};

use super::{Deferred, answer, defer, form_text, nothing};
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::hooks::SignOutCause;
use crate::logto::{Logto, fairing_is_missing};
use crate::request::cookies::raw_cookies;
use crate::request::{
    Sender, address, is_form, is_navigation, is_speculative, is_whole_page, query,
};
use crate::response::messages::keys;
use crate::response::page::{PageAction, PageKind};
use crate::response::writer::{self, say};
use crate::response::{error, json, no_store, redirect};
use crate::session::SessionManager;
use crate::session::context::RequestContext;
use crate::session::questions::SIGNED_OUT;

/// The field of the form that asks before signing out.
const CONFIRMATION: &str = "confirmation";
/// In bytes: more than that form.
const MAX_FORM: usize = 4 * 1024;
/// The parameter with which the provider comes back.
const STATE: &str = "state";

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
/// then. A failed revocation is logged and does not stop the sign-out. When the provider
/// cannot be reached at all, the answer is a page (or JSON) that says so.
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
        if is_speculative(request) {
            return answer(nothing());
        }
        let done = handle(request, data).await;
        answer(done.unwrap_or_else(|error| error::answer(&error, request)))
    }
}

async fn handle(request: &Request<'_>, data: Data<'_>) -> Result<Response<'static>, Error> {
    if came_back(request) {
        return welcome_back(request);
    }
    let sender = Sender::of(request, Logto::of(request)?.base_url());
    let is_meant = match (request.method(), sender) {
        (Method::Post, Sender::Other) => {
            let reason = "sign_out_from_another_site";
            return Err(Error::new(ErrorKind::CrossSite, reason));
        }
        (Method::Post, Sender::Ourselves | Sender::User) => true,
        (Method::Post, Sender::Unknown) => is_confirmed(request, data).await?,
        // A link in a page of ours. The address bar and a program for mail look alike, and
        // a mail may come from anybody.
        (Method::Get, Sender::Ourselves) => is_whole_page(request) && is_told(request),
        _ => false,
    };
    match is_meant {
        true => finish(request, None).await,
        false => confirm(request).await,
    }
}

/// Whether the browser itself says that it goes to a page (Fetch Metadata Request Headers,
/// section 2).
fn is_told(request: &Request<'_>) -> bool {
    let names = ["Sec-Fetch-Mode", "Sec-Fetch-Dest"];
    names.iter().all(|name| request.headers().contains(*name))
}

/// Whether the form is the one below, made for this very session. For a browser that says
/// nothing of where a form is from.
async fn is_confirmed(request: &Request<'_>, data: Data<'_>) -> Result<bool, Error> {
    if request.content_type() != Some(&ContentType::Form) {
        return Ok(false);
    }
    let form = form_text(data, MAX_FORM).await.unwrap_or_default();
    let mut fields = form_urlencoded::parse(form.as_bytes());
    let Some((_, sealed)) = fields.find(|(name, _)| name == CONFIRMATION) else {
        return Ok(false);
    };
    let (sessions, cookies) = (SessionManager::of(request)?, raw_cookies(request));
    let session = sessions.resolve(request).await?;
    let confirms = |session: Arc<_>| sessions.questions(&cookies).confirms(&session, &sealed);
    Ok(session.is_some_and(confirms))
}

/// Asks first, so that no link, image or other site can sign a user out.
async fn confirm(request: &Request<'_>) -> Result<Response<'static>, Error> {
    let (logto, sessions) = (Logto::of(request)?, SessionManager::of(request)?);
    let session = sessions.resolve(request).await?;
    let is_page = is_navigation(request) || is_form(request);
    // Nobody is signed in: nothing to confirm.
    if session.is_none() && (request.method() == Method::Post || !is_page) {
        return finish(request, None).await;
    }
    if !is_page {
        let body = serde_json::json!({
            "error": "Confirmation needed",
            "hint": "you are still signed in: a request to sign out says where it is from, by \
                     Origin or Sec-Fetch-Site",
        });
        let mut response = json(Status::Forbidden, &body);
        no_store(&mut response);
        return Ok(response);
    }
    let cookies = raw_cookies(request);
    let questions = sessions.questions(&cookies);
    let sealed = session.map(|session| questions.confirmation_of(&session));
    let sealed = sealed.transpose().map_err(|error| {
        let reason = error.to_string();
        Error::new(ErrorKind::StoreUnavailable, reason)
    })?;
    let mut page = writer::page(request, PageKind::SignOutQuestion, Status::Ok);
    page.actions = vec![
        PageAction::button(
            say(request, keys::SIGN_OUT),
            "post",
            &logto.config().linked.sign_out,
            (CONFIRMATION, sealed.as_deref().unwrap_or_default()),
        ),
        PageAction::link(
            say(request, keys::STAY_SIGNED_IN),
            logto.landing(None).as_str(),
        ),
    ];
    let mut page = writer::answer(request, page, &logto.provider_origins());
    // With `no-referrer` a browser sends `Origin: null` from here.
    page.set_raw_header("Referrer-Policy", "same-origin");
    Ok(page)
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
        Some(session) => {
            sessions.end(context, session).await?;
            sessions.tell_signed_out(session, SignOutCause::User, None);
        }
        None => sessions.drop_cookies(context),
    }
    if sessions.signs_in_silently()
        && let Ok(line) = sessions.questions(&[]).be_quiet(SIGNED_OUT)
    {
        context.set_cookie(line);
    }
    if let Some(path) = local {
        return Ok(redirect(logto.landing(Some(&path)).as_str().to_owned()));
    }
    if let Some(session) = session {
        let mut is_unreachable = false;
        if let Some(refresh_token) = &session.refresh_token
            && let Err(error) = logto.oidc().revoke(refresh_token).await
        {
            log::warn!("logto: the refresh token could not be revoked: {error}");
            is_unreachable = error.is_unreachable();
        }
        match logto.oidc().end_session_url(&session.id_token).await {
            // The browser would show a page of its own, which says nothing of this app.
            Ok(Some(_)) if is_unreachable => return Ok(only_here(request)),
            Ok(Some(url)) => return leave(request, url),
            Ok(None) => {}
            Err(error) => {
                log::warn!("logto: nobody is signed out at the provider: {error}");
                return Ok(only_here(request));
            }
        }
    }
    Ok(redirect(logto.config().post_sign_out.clone()))
}

/// The answer when the session has ended here, and the provider could not be told.
fn only_here(request: &Request<'_>) -> Response<'static> {
    if !is_navigation(request) && !is_form(request) {
        let body = serde_json::json!({ "signed_out": true, "provider": "unreachable" });
        let mut response = json(Status::Ok, &body);
        no_store(&mut response);
        return response;
    }
    let mut page = writer::page(request, PageKind::SignedOut, Status::Ok);
    page.paragraphs.push(say(request, keys::SHARED_DEVICE));
    page.actions = vec![PageAction::link(
        say(request, keys::HOME),
        writer::home(request).as_str(),
    )];
    writer::answer(request, page, &[])
}

/// Goes to the provider. It comes back with the `state` that it was sent (RP-Initiated
/// Logout 1.0, section 3), which is of no use to anybody afterwards: so that it can be
/// taken out of the address, the browser remembers it.
fn leave(request: &Request<'_>, url: Url) -> Result<Response<'static>, Error> {
    let state = url.query_pairs().find(|(name, _)| name == STATE);
    if let Some((_, state)) = state {
        let (sessions, cookies) = (SessionManager::of(request)?, raw_cookies(request));
        // The configuration may have one that does not fit a cookie.
        if let Ok(line) = sessions.questions(&cookies).leave(&state) {
            RequestContext::of(request).set_cookie(line);
        }
    }
    Ok(redirect(url.into()))
}

/// A browser that comes back from signing out at the provider. Kept with the request.
#[derive(Default)]
struct CameBack(bool);

/// Takes a request over that comes back from signing out, whose page is the app's own, so
/// that the address becomes a clean one. The request hook calls this for each request that
/// has a query.
pub(crate) fn take_over(request: &mut Request<'_>, config: &LogtoConfig) {
    if !query(request).contains("state=") || request.method() != Method::Get {
        return;
    }
    let state = form_urlencoded::parse(query(request).as_bytes())
        .find(|(name, _)| name == STATE)
        .map(|(_, state)| state.into_owned());
    let (Some(state), Some(sessions)) = (state, request.rocket().state::<Arc<SessionManager>>())
    else {
        return;
    };
    if !sessions.questions(&raw_cookies(request)).has_left(&state) {
        return;
    }
    let here = config.base_path.of_request(&address(request));
    let is_there = here.is_some_and(|here| without_state(here.as_str()) == config.post_sign_out);
    if let (true, Ok(own)) = (
        is_there,
        Origin::parse_owned(config.mounted.sign_out.clone()),
    ) {
        request.local_cache(|| CameBack(true));
        request.set_uri(own);
    }
}

/// An address without the parameter that the provider has added.
fn without_state(address: &str) -> String {
    let Some((path, query)) = address.split_once('?') else {
        return address.to_owned();
    };
    let kept = query.split('&').filter(|pair| !pair.starts_with("state="));
    match kept.collect::<Vec<_>>().join("&") {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

fn came_back(request: &Request<'_>) -> bool {
    request.local_cache(CameBack::default).0
}

fn welcome_back(request: &Request<'_>) -> Result<Response<'static>, Error> {
    let (logto, sessions) = (Logto::of(request)?, SessionManager::of(request)?);
    let line = sessions.questions(&[]).is_back();
    RequestContext::of(request).set_cookie(line);
    Ok(redirect(logto.config().post_sign_out.clone()))
}

#[cfg(test)]
mod tests {
    use super::without_state;

    #[test]
    fn only_the_state_goes() {
        for (address, clean) in [
            ("/?state=a", "/"),
            ("/bye?x=1&state=a", "/bye?x=1"),
            ("/bye?state=a&x=1", "/bye?x=1"),
            ("/?estate=a", "/?estate=a"),
            ("/", "/"),
        ] {
            assert_eq!(without_state(address), clean);
        }
    }
}
