//! What can go wrong for a guard or a route, as data: the kind, the reason, a
//! reference, and what the provider said. `response` turns it into a response.
//! Nothing here knows about requests.

pub(crate) mod bearer;
pub(crate) mod told;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rocket::http::Status;

use self::told::{Advice, Missing, Told};

/// How long a program should wait before it tries again, in seconds, unless
/// the provider has said.
const RETRY_AFTER: u64 = 5;

/// Why a guard or a route of this crate did not succeed.
///
/// It is a [`Responder`](rocket::response::Responder), so `?` in a handler gives
/// the standard answer: 303 to the sign-in for a page that needs a user, 401 JSON
/// for a program, and 403, 500, 502, 503 or 504 with a page or JSON for the rest.
/// One line in the log has the [`reason`](Error::reason) and the
/// [`reference`](Error::reference), unless the user only has to sign in.
///
/// # Network
///
/// None.
///
/// # Standards
///
/// RFC 9110 section 15, RFC 9470 section 3.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Error, User};
///
/// #[get("/account")]
/// fn account(user: Result<User, Error>) -> Result<String, Error> {
///     let user = user?; // the same answer as `user: User` would give
///     Ok(format!("Hello {}", user.name()))
/// }
/// ```
#[derive(Clone, thiserror::Error)]
#[error("{:?}: {}", .0.kind, .0.reason)]
pub struct Error(Box<Details>);

#[derive(Clone)]
struct Details {
    kind: ErrorKind,
    reason: String,
    reference: String,
    hint: Option<Hint>,
    /// What was sent and answered, for the log.
    facts: Option<String>,
    provider_message: Option<String>,
    /// What the user is told besides.
    told: Option<Told>,
    /// In the middle of what it has happened.
    event: Option<Event>,
    /// Instead of that of the kind.
    status: Option<Status>,
    retry_after: u64,
    /// Parameters of the sign-in that is needed.
    sign_in: Vec<(&'static str, String)>,
    logged: Logged,
}

/// What an error has put an end to, where its kind does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    SignIn,
    Refresh,
}

impl Event {
    /// As it is in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Event::SignIn => "sign_in",
            Event::Refresh => "refresh",
        }
    }
}

/// What can be done about it, and for whom that is.
#[derive(Clone, Debug)]
enum Hint {
    /// For the page and for the log.
    Everyone(Advice),
    /// For the operator, in the log only.
    Operator(String),
}

/// The kinds of [`Error`]. More may be added.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Error, ErrorKind, User};
///
/// /// Shows the signed-out page while the session store is down.
/// #[get("/")]
/// fn home(user: Result<User, Error>) -> Result<String, Error> {
///     match user {
///         Ok(user) => Ok(format!("Hello {}", user.name())),
///         Err(error) => match error.kind() {
///             ErrorKind::NotSignedIn => Ok("Hello".into()),
///             ErrorKind::StoreUnavailable => Ok("Hello. Signing in is paused".into()),
///             _ => Err(error),
///         },
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No one is signed in: there is no session, or it has expired.
    NotSignedIn,
    /// The provider no longer accepts the session's tokens; the session has ended.
    SessionEnded,
    /// The user has not authenticated recently enough, or not in the way that
    /// [`StepUp`](crate::StepUp) demands.
    InsufficientAuthentication,
    /// The provider refuses the token that was asked for: the user is not a member
    /// of the organization, the resource is unknown, or a scope was not granted.
    Denied,
    /// The provider does not let this user use this app: access was taken back, or never
    /// given. The session stays, so that the user is in again as soon as they have access.
    NoAccess,
    /// This app and the provider are not set up for each other: wrong credentials, a
    /// redirect URI that is not registered, a scope that is not known, metadata of
    /// another issuer, no key to verify with, a token for something else. It is not over
    /// by itself; the log says what to change.
    Misconfigured,
    /// The request does not say which organization it is about.
    NoOrganization,
    /// The user's claims do not fit the type the handler asks for.
    MissingClaims,
    /// Another site sent a request that would change something.
    CrossSite,
    /// The authorization response must not be accepted.
    SignInRejected,
    /// What the provider sent for a sign-in did not pass a check: the ID token, or the
    /// issuer in the authorization response.
    SignInUnverified,
    /// The browser sent no cookie that can be read with the authorization response.
    NoCookies,
    /// The user or the provider ended the sign-in; nothing is wrong.
    SignInCancelled,
    /// The provider refused the sign-in, with an error code that says no more.
    SignInRefused,
    /// The provider could not authenticate the user in the way that was asked for
    /// (`unmet_authentication_requirements`), for instance because they have no second factor;
    /// or an API is not content with what it could do ([`User::step_up`](crate::User::step_up)).
    /// Who was signed in stays so.
    UnmetAuthentication,
    /// The provider cannot be reached, or the connection broke.
    ProviderUnreachable,
    /// The provider's response cannot be used.
    ProviderBadAnswer,
    /// The provider says that it had a problem of its own.
    ProviderFailed,
    /// The provider did not respond in time.
    ProviderTimeout,
    /// The provider's metadata could not be loaded yet, or the provider asks to
    /// slow down.
    ProviderNotReady,
    /// The sign-in cannot be started: what it asks for, such as long `acr_values`,
    /// does not fit the cookie that remembers it.
    SignInTooLarge,
    /// The session store cannot be reached.
    StoreUnavailable,
    /// The app's own hook does not let the user in
    /// ([`Admission::refuse`](crate::Admission::refuse)).
    NotAdmitted,
    /// The user is not what [`Allowed`](crate::Allowed) or
    /// [`AllowedIn`](crate::AllowedIn) asks for.
    NotAllowed,
    /// A hook of the app failed, panicked, or took longer than `hook_timeout`.
    HookFailed,
    /// The app's own data in the session is missing, or does not fit the type that the
    /// handler asks for.
    SessionData,
}

impl ErrorKind {
    /// The status of the response to a program.
    fn status(self) -> Status {
        match self {
            ErrorKind::NotSignedIn
            | ErrorKind::SessionEnded
            | ErrorKind::InsufficientAuthentication => Status::Unauthorized,
            ErrorKind::Denied
            | ErrorKind::NoAccess
            | ErrorKind::MissingClaims
            | ErrorKind::CrossSite
            | ErrorKind::NotAdmitted
            | ErrorKind::NotAllowed
            | ErrorKind::SessionData
            | ErrorKind::UnmetAuthentication => Status::Forbidden,
            ErrorKind::Misconfigured
            | ErrorKind::NoOrganization
            | ErrorKind::HookFailed
            | ErrorKind::SignInTooLarge => Status::InternalServerError,
            ErrorKind::SignInRejected
            | ErrorKind::SignInUnverified
            | ErrorKind::NoCookies
            | ErrorKind::SignInRefused => Status::BadRequest,
            ErrorKind::SignInCancelled => Status::Ok,
            ErrorKind::ProviderUnreachable
            | ErrorKind::ProviderBadAnswer
            | ErrorKind::ProviderFailed => Status::BadGateway,
            ErrorKind::ProviderTimeout => Status::GatewayTimeout,
            ErrorKind::ProviderNotReady | ErrorKind::StoreUnavailable => Status::ServiceUnavailable,
        }
    }

    /// Nothing is wrong: the user only has to sign in.
    fn is_expected(self) -> bool {
        matches!(
            self,
            ErrorKind::NotSignedIn | ErrorKind::InsufficientAuthentication
        )
    }
}

impl Error {
    /// `reason` is for the log and for developers: never a token, a code or a
    /// claim's value.
    pub(crate) fn new(kind: ErrorKind, reason: impl Into<String>) -> Error {
        Error(Box::new(Details {
            kind,
            reason: reason.into(),
            reference: reference(),
            hint: None,
            facts: None,
            provider_message: None,
            told: None,
            event: None,
            status: None,
            retry_after: RETRY_AFTER,
            sign_in: Vec::new(),
            logged: Logged::default(),
        }))
    }

    pub(crate) fn not_signed_in() -> Error {
        Error::new(ErrorKind::NotSignedIn, "no_session")
    }

    pub(crate) fn insufficient_authentication() -> Error {
        Error::new(ErrorKind::InsufficientAuthentication, "step_up")
    }

    /// Sets what the sign-in that is needed must ask for.
    pub(crate) fn asking(
        mut self,
        params: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Error {
        self.0.sign_in = params.into_iter().collect();
        self
    }

    /// The provider refuses, with its `code`; `advice` says what to do about it.
    pub(crate) fn denied(code: &str, advice: Advice) -> Error {
        Error::new(ErrorKind::Denied, code).with_hint(Hint::Everyone(advice))
    }

    /// The provider does not let the user use this app.
    pub(crate) fn no_access(code: &str) -> Error {
        Error::new(ErrorKind::NoAccess, code).with_hint(Hint::Everyone(Advice::NoAccess))
    }

    /// The provider refuses this app itself; `hint` is for the operator, not for
    /// the response.
    pub(crate) fn misconfigured(code: &str, hint: impl Into<String>) -> Error {
        Error::new(ErrorKind::Misconfigured, code).with_hint(Hint::Operator(hint.into()))
    }

    /// Sets what the operator has to know about it.
    pub(crate) fn for_operator(self, hint: impl Into<String>) -> Error {
        self.with_hint(Hint::Operator(hint.into()))
    }

    fn with_hint(mut self, hint: Hint) -> Error {
        self.0.hint = Some(hint);
        self
    }

    /// Sets how long a program should wait before it tries again.
    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Error {
        self.0.retry_after = seconds.clamp(1, 3600);
        self
    }

    /// Sets another status than that of the kind.
    pub(crate) fn with_status(mut self, status: Status) -> Error {
        self.0.status = Some(status);
        self
    }

    /// Keeps what was sent and what was answered, for the log.
    pub(crate) fn with_facts(mut self, facts: String) -> Error {
        self.0.facts = Some(facts).filter(|facts| !facts.is_empty());
        self
    }

    /// Keeps the provider's own message, for the log.
    pub(crate) fn with_provider_message(mut self, message: Option<String>) -> Error {
        self.0.provider_message = message;
        self
    }

    /// Keeps what the app itself tells the user.
    pub(crate) fn telling(mut self, words: String) -> Error {
        self.0.told = (!words.is_empty()).then_some(Told::Words(words));
        self
    }

    /// Keeps what it takes: one of these roles, or only to be a member.
    pub(crate) fn needing(
        mut self,
        roles: &'static [&'static str],
        in_organization: bool,
    ) -> Error {
        self.0.told = Some(Told::Needs {
            roles,
            in_organization,
        });
        self
    }

    /// Keeps which authentication could not be had.
    pub(crate) fn lacking(mut self, missing: Option<Missing>) -> Error {
        self.0.told = missing.map(Told::Missing);
        self
    }

    /// Sets what it has put an end to.
    pub(crate) fn during(mut self, event: Event) -> Error {
        self.0.event = Some(event);
        self
    }

    /// What it has put an end to.
    pub(crate) fn event(&self) -> Option<Event> {
        self.0.event
    }

    /// What the user is told besides what the kind says.
    pub(crate) fn told(&self) -> Option<&Told> {
        self.0.told.as_ref()
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The machine-readable reason, which is also in the log line.
    ///
    /// Where the provider refused ([`ErrorKind::Denied`], [`ErrorKind::NoAccess`],
    /// [`ErrorKind::Misconfigured`]) it is the provider's code, such as
    /// `oidc.access_denied`, or one of this crate's: `no_refresh_token`,
    /// `no_credentials`, `insufficient_scope`.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// A random id that is in the log line and in the response.
    pub fn reference(&self) -> &str {
        &self.0.reference
    }

    /// The provider's own message (`error_description`), if it sent one. It is for
    /// developers; do not show it on pages.
    pub fn provider_message(&self) -> Option<&str> {
        self.0.provider_message.as_deref()
    }

    /// The status of the response to a program. A navigation to a page that needs
    /// a user gets 303 instead of 401.
    pub fn status(&self) -> Status {
        self.0.status.unwrap_or(self.0.kind.status())
    }

    /// What the reader of the response can do about it.
    pub(crate) fn advice(&self) -> Option<Advice> {
        match self.0.hint {
            Some(Hint::Everyone(advice)) => Some(advice),
            _ => None,
        }
    }

    /// Whether `reason` is the provider's code, which the response repeats.
    pub(crate) fn has_provider_code(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Denied | ErrorKind::NoAccess)
    }

    /// In seconds.
    pub(crate) fn retry_after(&self) -> u64 {
        self.0.retry_after
    }

    /// What the sign-in that is needed must ask for.
    pub(crate) fn sign_in_params(&self) -> &[(&'static str, String)] {
        &self.0.sign_in
    }

    /// Writes the one log line, when the error is answered, dropped, or leaves the crate. Expected
    /// errors are not worth one.
    pub(crate) fn log(&self) {
        if self.0.kind.is_expected() || !self.0.logged.first() {
            return;
        }
        let level = match self.0.kind {
            ErrorKind::Misconfigured | ErrorKind::HookFailed => log::Level::Error,
            // The app, or whoever manages it at the provider, has decided so; nothing is wrong.
            ErrorKind::NotAdmitted | ErrorKind::NotAllowed | ErrorKind::NoAccess => {
                log::Level::Info
            }
            _ => log::Level::Warn,
        };
        let kind = format!("{:?}", self.0.kind);
        log::log!(
            level,
            kind = kind.as_str(),
            reason = self.reason(),
            reference = self.reference(),
            event = self.0.event.map_or("", Event::name);
            "{}",
            self.line()
        );
    }

    /// The log line: all there is to know, and no secret.
    pub(crate) fn line(&self) -> String {
        let Details {
            kind,
            reason,
            reference,
            event,
            ..
        } = &*self.0;
        let event = event.map_or("", Event::name);
        let event = match event {
            "" => String::new(),
            event => format!(" event={event}"),
        };
        let details = self.details();
        format!("logto: {kind:?} reason={reason} reference={reference}{event}{details}")
    }

    /// What the line goes on with.
    pub(crate) fn details(&self) -> String {
        let mut line = String::new();
        match &self.0.hint {
            Some(Hint::Everyone(advice)) => line.push_str(&format!(": {}", advice.english())),
            Some(Hint::Operator(hint)) => line.push_str(&format!(": {hint}")),
            None => {}
        }
        if let Some(facts) = &self.0.facts {
            line.push_str(&format!("; {facts}"));
        }
        if let Some(message) = &self.0.provider_message {
            line.push_str(&format!("; the provider says {message:?}"));
        }
        line
    }
}

/// Short, because Rocket logs it for each guard that fails.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("reason", &self.0.reason)
            .field("reference", &self.0.reference)
            .finish_non_exhaustive()
    }
}

/// Whether an error has been logged; shared by its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logged(Arc<AtomicBool>);

impl Logged {
    /// Whether this is the first call.
    pub(crate) fn first(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

/// Short enough to read out, random enough to find in a log.
pub(crate) fn reference() -> String {
    let mut bytes = [0; 6];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => URL_SAFE_NO_PAD.encode(bytes),
        Err(_) => "unknown".to_owned(),
    }
}
