//! `GET /sign-in` and `GET /sign-up`, and `SignIn`, with which a handler
//! starts a sign-in itself.

use std::time::Duration;

use rocket::http::Method;
use rocket::response::{Responder, Response};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Ignite, Request, Rocket, Sentinel};
use url::form_urlencoded::Serializer;

use super::base_host::{SECOND, Which, handler_at_base_url, has_mark, sent_to_base_url};
use super::{Deferred, answer, defer, ignore, nothing, question, sign_in_failed};
use crate::config::ResponseMode;
use crate::config::parameters::{
    DirectSignIn, FirstScreen, Identifier, Prompt, SignInParameter, is_reserved,
};
use crate::error::{Error, ErrorKind};
use crate::logto::{Logto, fairing_is_missing};
use crate::measure;
use crate::oidc::attempt::Attempt;
use crate::oidc::authentication::RequestedAuthentication;
use crate::oidc::authorize::AuthorizeOptions;
use crate::oidc::challenge::StepUpChallenge;
use crate::oidc::failure::not_started;
use crate::request::cookies::raw_cookies;
use crate::request::{MAX_PARAMETER, is_for_a_document, is_navigation, is_speculative, query};
use crate::response::error::{self, page};
use crate::response::redirect;
use crate::return_to::ReturnTo;
use crate::session::context::RequestContext;
use crate::session::cookie::CookieError;
use crate::session::questions::TRIED;
use crate::session::transaction::{Beginning, Transaction};
use crate::session::{ActiveSession, SessionManager, SessionRef};

/// A sign-in to start.
#[derive(Clone, Debug, Default)]
pub(crate) struct StartSignIn {
    pub options: AuthorizeOptions,
    pub return_to: Option<ReturnTo>,
    /// Nobody has asked for it: whatever comes of it, the browser goes back to its page.
    pub is_silent: bool,
}

/// Starts a sign-in, as the response of a handler.
///
/// Sends the browser to the provider (303) with `state`, `nonce` and PKCE, and
/// remembers where it goes afterwards. Unlike the `/sign-in` route it does so for
/// a signed-in user, too, who can then authenticate again or switch accounts. The
/// old session stays until the new sign-in has succeeded.
///
/// # Network
///
/// One call where the provider takes pushed requests (`use_par`). Otherwise none
/// once the provider's metadata is loaded.
///
/// # Errors
///
/// Instead of the redirect it answers with a page, or with JSON for a program:
///
/// - 503 with `Retry-After` while the provider's metadata is not available;
/// - 500 when the provider does not accept the pushed request because of how the app
///   is set up ([`ErrorKind::Misconfigured`]);
/// - 400, 502, 503 or 504 when it does not accept it for another reason;
/// - 500 when what it asks for does not fit a cookie
///   ([`ErrorKind::SignInTooLarge`]).
///
/// # Standards
///
/// OpenID Connect Core section 3.1.2.1, RFC 7636, RFC 9126.
///
/// # Examples
///
/// ```rust
/// use rocket::{get, uri};
/// use rocket_logto::{FirstScreen, Identifier, SignIn};
///
/// #[get("/welcome")]
/// fn welcome() -> &'static str { "Welcome!" }
///
/// #[get("/join")]
/// fn join() -> SignIn {
///     SignIn::new()
///         .first_screen(FirstScreen::IdentifierRegister)
///         .identifier(Identifier::Email)
///         .return_to(uri!(welcome))
///         .param("utm_source", "newsletter")
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "return it from a handler"]
pub struct SignIn(pub(super) StartSignIn);

impl SignIn {
    /// A sign-in as configured, ending at `/`.
    pub fn new() -> SignIn {
        SignIn::default()
    }

    /// The screen Logto shows first.
    pub fn first_screen(mut self, screen: FirstScreen) -> Self {
        self.0.options.first_screen = Some(screen);
        self
    }

    /// Adds an identifier that Logto offers to sign in with. Sent only with a
    /// first screen that uses it (`Identifier…` and `ResetPassword`).
    pub fn identifier(mut self, identifier: Identifier) -> Self {
        if !self.0.options.identifiers.contains(&identifier) {
            self.0.options.identifiers.push(identifier);
        }
        self
    }

    /// Skips Logto's screens and goes straight to a connector.
    pub fn direct_sign_in(mut self, connector: DirectSignIn) -> Self {
        self.0.options.direct_sign_in = Some(connector);
        self
    }

    /// Who the user probably is, for the provider to prefill: an e-mail address or
    /// a phone number (`login_hint`).
    pub fn login_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.options.login_hint = Some(hint.into());
        self
    }

    /// The token of a magic link, together with
    /// [`login_hint`](SignIn::login_hint).
    pub fn one_time_token(mut self, token: impl Into<String>) -> Self {
        self.0.options.one_time_token = Some(token.into());
        self
    }

    /// Languages for the provider's pages, such as `th en`: the preferred one
    /// first, separated by spaces (`ui_locales`).
    pub fn ui_locales(mut self, locales: impl Into<String>) -> Self {
        self.0.options.ui_locales = Some(locales.into());
        self
    }

    /// The id of the organization whose branding Logto shows.
    pub fn organization_id(mut self, id: impl Into<String>) -> Self {
        self.0.options.organization_id = Some(id.into());
        self
    }

    /// What the provider must ask the user, in place of the configured `prompt`.
    /// An empty list leaves the parameter out.
    pub fn prompt(mut self, prompt: impl IntoIterator<Item = Prompt>) -> Self {
        self.0.options.prompt = Some(prompt.into_iter().collect());
        self
    }

    /// The greatest time since the user authenticated, in whole seconds
    /// (`max_age`); after that the provider asks them to authenticate again. Zero
    /// always asks. The result is checked, with `clock_tolerance` added: an ID
    /// token without a recent `auth_time` is refused.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use std::time::Duration;
    /// use rocket::get;
    /// use rocket_logto::SignIn;
    ///
    /// #[get("/sudo")]
    /// fn sudo() -> SignIn {
    ///     SignIn::new().max_age(Duration::from_secs(300)).return_to("/admin")
    /// }
    /// ```
    pub fn max_age(mut self, max_age: Duration) -> Self {
        let seconds = u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX);
        self.0.options.max_age = Some(seconds);
        self
    }

    /// Adds a class of authentication that is good enough (`acr_values`), by a name the
    /// provider knows; add the preferred one first. The result is checked: an ID
    /// token whose `acr` is not among them, nor stronger by `acr_order`, is refused. Logto's
    /// names are in [`logto_acr`](crate::logto_acr).
    pub fn acr_value(mut self, acr: impl Into<String>) -> Self {
        self.0.options.acr_values.push(acr.into());
        self
    }

    /// Adds a method that the user must authenticate with (`amr`, RFC 8176). The result is
    /// checked: an ID token whose `amr` lacks one of them is refused. No parameter asks the
    /// provider for methods: where neither `max_age` nor `acr_values` is asked for, it is
    /// asked to authenticate the user again.
    pub fn amr(mut self, method: impl Into<String>) -> Self {
        self.0.options.amr.push(method.into());
        self
    }

    /// Asks for what an API demands, which has refused the user's token. See
    /// [`StepUpChallenge`], also for [`User::step_up`](crate::User::step_up), which does not go
    /// in circles when the API is never content.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::{SignIn, StepUpChallenge};
    ///
    /// fn again(challenge: &StepUpChallenge) -> SignIn {
    ///     SignIn::new().step_up(challenge).return_to("/cart")
    /// }
    /// ```
    pub fn step_up(mut self, challenge: &StepUpChallenge) -> Self {
        let RequestedAuthentication {
            max_age,
            acr_values,
            ..
        } = challenge.demanded();
        self.0.options.max_age = *max_age;
        self.0.options.acr_values = acr_values.clone();
        self
    }

    /// Where the browser goes afterwards: a path of this app, as `uri!` makes them.
    /// Anything else is replaced by `/`.
    pub fn return_to(mut self, path: impl ToString) -> Self {
        self.0.return_to = ReturnTo::parse(&path.to_string());
        self
    }

    /// Adds a parameter of your own to the authorization request. Parameters of the
    /// protocol (`state`, `redirect_uri`, …) and those with a method here are left
    /// out, and the log says so.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        match is_reserved(&name) {
            true => log::error!("logto: SignIn::param cannot set {name:?}"),
            false => self.0.options.extra.push((name, value.into())),
        }
        self
    }
}

impl SignIn {
    /// Without anything for the user to see, and back to `return_to` in any case.
    pub(crate) fn silent(return_to: Option<ReturnTo>) -> SignIn {
        SignIn(StartSignIn {
            options: AuthorizeOptions {
                prompt: Some(vec![Prompt::None]),
                ..AuthorizeOptions::default()
            },
            return_to,
            is_silent: true,
        })
    }
}

impl<'r> Responder<'r, 'static> for SignIn {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let logto = request.rocket().state::<Logto>();
        let route = logto.map_or("/sign-in", |logto| &logto.config().linked.sign_in);
        let mut query = Serializer::new(String::new());
        if let Some(return_to) = &self.0.return_to {
            query.append_pair("return_to", return_to.as_str());
        }
        let location = format!("{route}?{}", query.finish());
        let deferred = Deferred::SignIn(Box::new(self.0));
        Ok(defer(request, location, deferred))
    }
}

impl Sentinel for SignIn {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        fairing_is_missing(rocket, "SignIn")
    }
}

/// The route. Anyone can write its query, so every parameter of it is typed.
#[derive(Clone)]
pub(super) struct SignInRoute {
    pub sign_up: bool,
}

#[rocket::async_trait]
impl Handler for SignInRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        ignore(data);
        if starts_nothing(request) {
            return answer(nothing());
        }
        let done = match question::reply(request).await {
            Some(done) => done,
            None => self.begin(request).await,
        };
        answer(done.unwrap_or_else(|error| page(&error, request)))
    }
}

impl SignInRoute {
    async fn begin(&self, request: &Request<'_>) -> Result<Response<'static>, Error> {
        let start = read(request, query(request), self.sign_up)?;
        let active = match ActiveSession::of(request).await {
            Ok(active) => Some(active),
            Err(error) if error.kind() == ErrorKind::NotSignedIn => None,
            Err(error) => return Err(error),
        };
        if let Some(active) = &active
            && !wants_a_new_one(&start.options)
            && active.satisfies(&start.options.asked())
        {
            // A new sign-in would change nothing.
            return skip(request, start);
        }
        let which = match self.sign_up {
            true => Which::SignUp,
            false => Which::SignIn,
        };
        if let Some(sent) = sent_to_base_url(request, which, query(request)) {
            return Ok(sent);
        }
        if start.options.one_time_token.is_some() && question::is_due(request, active.is_some())? {
            return question::ask(request, self.sign_up);
        }
        Ok(started(request, &start).await)
    }
}

/// Whether the request is none by which a user starts a sign-in: the browser prefetches,
/// or it wants an image, a frame or data. Anyone's page can have those by the hundred.
pub(super) fn starts_nothing(request: &Request<'_>) -> bool {
    is_speculative(request) || !is_for_a_document(request)
}

/// Whether the sign-in is meant for somebody who is signed in, too: a link that has to be
/// verified, a new account, another way in.
fn wants_a_new_one(options: &AuthorizeOptions) -> bool {
    options.prompt.is_some()
        || options.first_screen.is_some()
        || options.direct_sign_in.is_some()
        || options.one_time_token.is_some()
        || options.organization_id.is_some()
}

/// The redirect to the provider, or why there is none.
pub(super) async fn started(request: &Request<'_>, start: &StartSignIn) -> Response<'static> {
    let is_second = has_mark(query(request), SECOND);
    let done = begin(request, start, None, is_second).await;
    done.unwrap_or_else(|error| error::answer(&error, request))
}

/// Continues as after a sign-in.
fn skip(request: &Request<'_>, start: StartSignIn) -> Result<Response<'static>, Error> {
    let logto = Logto::of(request)?;
    let return_to = logto.landing(start.return_to.as_ref().map(ReturnTo::as_str));
    Ok(redirect(return_to.as_str().to_owned()))
}

/// The sign-in of a request with this query.
pub(super) fn read(
    request: &Request<'_>,
    query: &str,
    is_sign_up: bool,
) -> Result<StartSignIn, Error> {
    let mut start = read_query(query);
    if is_sign_up {
        start.options.first_screen = Some(FirstScreen::Register);
    }
    if let Some(asked) = &mut start.options.prompt {
        *asked = Prompt::with_configured(asked, &Logto::of(request)?.config().prompt);
    }
    Ok(start)
}

/// An invalid parameter is left out, with a log line: Logto would ignore all of
/// them because of one, and the user still wants to sign in.
fn read_query(query: &str) -> StartSignIn {
    let mut start = StartSignIn::default();
    let options = &mut start.options;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let text =
            (!value.is_empty() && value.len() <= MAX_PARAMETER).then(|| value.clone().into_owned());
        let valid = match SignInParameter::parse(&name) {
            Some(SignInParameter::FirstScreen) => {
                set(&mut options.first_screen, FirstScreen::parse(&value))
            }
            Some(SignInParameter::Identifier) => {
                let identifiers: Option<Vec<_>> = value.split(' ').map(Identifier::parse).collect();
                identifiers
                    .map(|identifiers| options.identifiers = identifiers)
                    .is_some()
            }
            Some(SignInParameter::DirectSignIn) => {
                set(&mut options.direct_sign_in, DirectSignIn::parse(&value))
            }
            Some(SignInParameter::LoginHint) => set(&mut options.login_hint, text),
            Some(SignInParameter::OneTimeToken) => set(&mut options.one_time_token, text),
            Some(SignInParameter::UiLocales) => set(&mut options.ui_locales, text),
            Some(SignInParameter::OrganizationId) => set(&mut options.organization_id, text),
            Some(SignInParameter::Prompt) => {
                set(&mut options.prompt, Prompt::parse_visible(&value))
            }
            Some(SignInParameter::MaxAge) => set(&mut options.max_age, value.parse().ok()),
            Some(SignInParameter::AcrValues) => {
                options.acr_values = text.iter().flat_map(|text| names(text)).collect();
                !options.acr_values.is_empty()
            }
            Some(SignInParameter::Amr) => {
                options.amr = text.iter().flat_map(|text| names(text)).collect();
                !options.amr.is_empty()
            }
            None if name == "return_to" => set(&mut start.return_to, ReturnTo::parse(&value)),
            None => true,
        };
        if !valid {
            log::warn!("logto: sign-in parameter {name} is not valid and left out");
        }
    }
    start
}

/// Names separated by spaces.
fn names(text: &str) -> impl Iterator<Item = String> {
    text.split_ascii_whitespace().map(str::to_owned)
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    *slot = value;
    slot.is_some()
}

/// Starts the sign-in of a handler: the redirect to the provider.
pub(crate) async fn start(
    request: &Request<'_>,
    start: &StartSignIn,
) -> Result<Response<'static>, Error> {
    if !is_for_a_document(request) {
        return match is_navigation(request) {
            // A frame: the provider's pages are in none.
            true => Ok(nothing()),
            // Nor can a script sign in; but it can say that somebody should.
            false => Err(Error::not_signed_in()),
        };
    }
    match handler_at_base_url(request) {
        Some(sent) => Ok(sent),
        None => begin(request, start, None, false).await,
    }
}

/// Starts a sign-in in place of one that nothing is known of.
pub(super) async fn begin_second(request: &Request<'_>) -> Result<Response<'static>, Error> {
    if request.method() == Method::Post {
        // From another site, so the session's cookie did not come. It comes there.
        let route = &Logto::of(request)?.config().linked.sign_in;
        return Ok(redirect(format!("{route}?{SECOND}=1")));
    }
    begin(request, &StartSignIn::default(), None, true).await
}

/// Starts the sign-in of `before` again, which asks the same of the authentication and
/// ends at the same address. Everything else is as configured: the transaction does not
/// remember what was only a suggestion, such as `login_hint`.
pub(super) async fn begin_again(
    request: &Request<'_>,
    before: &Transaction,
) -> Result<Response<'static>, Error> {
    let asked = before.asked();
    let configured = &Logto::of(request)?.config().prompt;
    let login = || Prompt::with_configured(&[Prompt::Login], configured);
    let start = StartSignIn {
        options: AuthorizeOptions {
            max_age: asked.max_age,
            acr_values: asked.acr_values.clone(),
            amr: asked.amr.clone(),
            prompt: asked.since.map(|_| login()),
            ..AuthorizeOptions::default()
        },
        return_to: ReturnTo::parse(before.return_to()),
        is_silent: false,
    };
    begin(request, &start, Some(before), before.attempt.is_second()).await
}

async fn begin(
    request: &Request<'_>,
    start: &StartSignIn,
    before: Option<&Transaction>,
    is_second: bool,
) -> Result<Response<'static>, Error> {
    let sent = send_to_provider(request, start, before, is_second).await;
    sent.map_err(sign_in_failed)
}

async fn send_to_provider(
    request: &Request<'_>,
    start: &StartSignIn,
    before: Option<&Transaction>,
    is_second: bool,
) -> Result<Response<'static>, Error> {
    let logto = Logto::of(request)?;
    let sessions = SessionManager::of(request)?;
    let attempt = Attempt::new(is_second).map_err(|_| {
        let reason = "no_randomness_for_a_sign_in";
        Error::new(ErrorKind::ProviderNotReady, reason)
    })?;
    let authorization = logto.oidc();
    let authorization = authorization.authorize(&start.options, attempt, sessions.now());
    let authorization = authorization.await.map_err(not_started)?;
    let home = logto.landing(None);
    let return_to = logto.landing(start.return_to.as_ref().map(ReturnTo::as_str));
    let replaces = match before {
        Some(before) => before.replaces().cloned(),
        None => replaced(request, logto).await,
    };
    let cookies = raw_cookies(request);
    let transactions = sessions.transactions(&cookies);
    let add = |return_to| {
        let beginning = Beginning {
            return_to,
            replaces: replaces.as_ref(),
            begun_again: before.is_some(),
            is_silent: start.is_silent,
        };
        transactions.add(&authorization, &beginning)
    };
    // Where the address is too long for a cookie, sign in without it.
    let lines = add(&return_to).or_else(|_| add(&home)).map_err(no_cookie)?;
    let context = RequestContext::of(request);
    if start.is_silent {
        // Now, and not when it has failed: this way it cannot go in circles, whoever
        // answers, or if nobody does.
        let quiet = sessions.questions(&cookies).be_quiet(TRIED);
        context.set_cookie(quiet.map_err(no_cookie)?);
    }
    let lines = lines.into_iter().chain(sessions.leftovers(&cookies));
    lines.for_each(|line| context.set_cookie(line));
    measure::sign_in_begun();
    Ok(redirect(authorization.url.into()))
}

fn no_cookie(error: CookieError) -> Error {
    match error {
        CookieError::TooLarge(size) => Error::new(
            ErrorKind::SignInTooLarge,
            format!("transaction_of_{size}_bytes"),
        ),
        CookieError::Seal(error) => Error::new(ErrorKind::StoreUnavailable, error.to_string()),
    }
}

/// The session that the new one will replace, where it has to be remembered now:
/// a cross-site POST (`form_post`) comes without the session's `Lax` cookie.
async fn replaced(request: &Request<'_>, logto: &Logto) -> Option<SessionRef> {
    if logto.config().response_mode != ResponseMode::FormPost {
        return None;
    }
    // A failing store is not reported here: the callback needs it anyway.
    let session = SessionManager::of(request).ok()?.resolve(request).await;
    let session = session.ok().flatten();
    session.map(|session| session.reference())
}
