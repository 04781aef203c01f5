//! What is counted and timed: every metric, its labels, and the one call for each place.
//! Without the feature `metrics` each call is nothing.
//!
//! The value of a label is a variant of an enum here, never a text that came from elsewhere.

#[cfg(feature = "metrics")]
mod handles;
#[cfg(all(test, feature = "metrics"))]
mod tests;

#[cfg(all(feature = "_internals", feature = "metrics"))]
pub use self::handles::{Kind, Metric, listed};
use crate::error::ErrorKind;
use crate::error::bearer::BearerErrorKind;

/// The closed list of what a label may say.
#[cfg(feature = "metrics")]
trait Label: Copy + 'static {
    const ALL: &'static [Self];
    fn value(self) -> &'static str;
    fn index(self) -> usize;
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$about:meta])* $variant:ident = $value:literal,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$about])* $variant,)*
        }

        impl $name {
            /// As the label has it. Without metrics, only the log has some of them.
            #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $value,)*
                }
            }
        }

        #[cfg(feature = "metrics")]
        impl Label for $name {
            const ALL: &'static [$name] = &[$($name::$variant),*];

            fn value(self) -> &'static str {
                self.name()
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    )*};
}

labels! {
    /// How a sign-in has ended.
    SignIn {
        Ok = "ok",
        /// By the user, or by the provider without a fault of anybody's.
        Cancelled = "cancelled",
        /// By the provider.
        Refused = "refused",
        /// The authorization response is not to be accepted: an unknown `state`, say.
        Rejected = "rejected",
        Unverified = "unverified",
        NoCookies = "no_cookies",
        /// By the app's own `on_sign_in`.
        NotAdmitted = "not_admitted",
        HookFailed = "hook_failed",
        Misconfigured = "misconfigured",
        TooLarge = "too_large",
        ProviderUnreachable = "provider_unreachable",
        ProviderTimeout = "provider_timeout",
        ProviderBadAnswer = "provider_bad_answer",
        ProviderFailed = "provider_failed",
        ProviderNotReady = "provider_not_ready",
        StoreUnavailable = "store_unavailable",
        Other = "other",
    }

    /// How a refresh has ended.
    Refresh {
        Ok = "ok",
        /// And the session with it.
        SessionEnded = "session_ended",
        Denied = "denied",
        HookFailed = "hook_failed",
        Misconfigured = "misconfigured",
        ProviderUnreachable = "provider_unreachable",
        ProviderTimeout = "provider_timeout",
        ProviderBadAnswer = "provider_bad_answer",
        ProviderFailed = "provider_failed",
        ProviderNotReady = "provider_not_ready",
        StoreUnavailable = "store_unavailable",
        Other = "other",
    }

    /// What of the provider is called.
    Endpoint {
        Metadata = "metadata",
        Keys = "keys",
        Token = "token",
        UserInfo = "userinfo",
        Revocation = "revocation",
        Introspection = "introspection",
        PushedAuthorization = "pushed_authorization_request",
        /// Its Account API or its Management API.
        LogtoApi = "logto_api",
    }

    /// What came of a call to the provider.
    Answer {
        Ok = "ok",
        /// An answer of 4xx: the provider has been reached and says no.
        Refused = "refused",
        RateLimited = "rate_limited",
        ServerError = "server_error",
        /// Too large, broken off, or a redirect.
        Unusable = "unusable",
        Unreachable = "unreachable",
        Timeout = "timeout",
        /// It was not made: `max_concurrent_op_calls` others were running.
        Busy = "busy",
        /// Nobody waits for it any more.
        #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
        Abandoned = "abandoned",
    }

    /// Where tokens are looked for before the provider is asked.
    Cache {
        Session = "session",
        Machine = "machine",
        Bearer = "bearer",
        Introspection = "introspection",
    }

    /// What a cache had.
    Found {
        Hit = "hit",
        Miss = "miss",
    }

    /// What came of looking for the session of a request.
    Lookup {
        Live = "live",
        /// The request brought none.
        None = "none",
        /// What it brought cannot be read, is of another app, or is not in the store.
        Unusable = "unusable",
        /// By `session.idle` or `session.absolute`.
        Expired = "expired",
        /// It had been ended, and this is a copy.
        Revoked = "revoked",
        StoreUnavailable = "store_unavailable",
    }

    /// Why a session has ended; `hooks::SignOutCause`.
    Ended {
        User = "user",
        Provider = "provider",
        Refused = "refused",
        Hook = "hook",
        Replaced = "replaced",
        Revoked = "revoked",
        TooMany = "too_many",
    }

    /// What `Bearer` has said to a caller.
    Caller {
        Accepted = "accepted",
        Missing = "missing",
        InvalidRequest = "invalid_request",
        InvalidToken = "invalid_token",
        InsufficientScope = "insufficient_scope",
        InsufficientAuthentication = "insufficient_authentication",
        InvalidDpopProof = "invalid_dpop_proof",
        UseDpopNonce = "use_dpop_nonce",
        Unavailable = "unavailable",
        Misconfigured = "misconfigured",
    }

    /// What came of a request to a proxy.
    Proxied {
        /// The upstream has answered, whatever it says.
        Passed = "passed",
        /// It was not sent on: another origin, no header, an odd address, too large.
        Refused = "refused",
        /// There is no session, or no token for it.
        NoToken = "no_token",
        /// The upstream wants a stronger authentication.
        StepUp = "step_up",
        TokenRefused = "token_refused",
        InsufficientScope = "insufficient_scope",
        Unreachable = "unreachable",
        Timeout = "timeout",
        Unusable = "unusable",
        /// After its head: counted besides `passed`.
        BrokenOff = "broken_off",
    }

    /// What came of a webhook.
    Webhook {
        /// Taken, and answered well.
        Accepted = "accepted",
        /// Taken, and what follows from it was not done: Logto sends it again.
        Failed = "failed",
        Repeated = "repeated",
        Unsigned = "unsigned",
        BadSignature = "bad_signature",
        TooLarge = "too_large",
        Unreadable = "unreadable",
        TooOld = "too_old",
        FromTheFuture = "from_the_future",
        /// Whether it was taken before cannot be told.
        Unavailable = "unavailable",
    }

    /// What came of a token whose key is not known.
    Refetch {
        Fetched = "fetched",
        Failed = "failed",
        /// Too many such tokens lately.
        Limited = "limited",
    }

    /// What came of a logout token.
    LogoutToken {
        Accepted = "accepted",
        Rejected = "rejected",
        /// Not its fault: the store or the provider did not answer.
        Failed = "failed",
    }
}

// Only with the feature there is something between the sessions and their store.
#[cfg(feature = "metrics")]
labels! {
    /// What a store is asked.
    StoreCall {
        Read = "read",
        Write = "write",
        Delete = "delete",
        Lock = "lock",
    }

    /// What it says.
    StoreAnswer {
        Ok = "ok",
        Unavailable = "unavailable",
        /// Nobody waits for it any more.
        Abandoned = "abandoned",
    }
}

macro_rules! counted {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $of:ty),*) => $family:ident;)*) => {$(
        $(#[$doc])*
        #[cfg(feature = "metrics")]
        pub(crate) fn $name($($arg: $of),*) {
            handles::all().$family.one($($arg),*);
        }

        $(#[$doc])*
        #[cfg(not(feature = "metrics"))]
        pub(crate) fn $name($(_: $of),*) {}
    )*};
}

counted! {
    /// A browser was sent to the provider.
    sign_in_begun() => sign_ins_begun;
    /// A sign-in is over.
    sign_in(outcome: SignIn) => sign_ins;
    /// A refresh is over.
    refresh(outcome: Refresh) => refreshes;
    /// A token was looked for.
    token_lookup(cache: Cache, result: Found) => token_lookups;
    /// The session of a request was looked for.
    session_lookup(result: Lookup) => session_lookups;
    /// A session has ended.
    session_ended(cause: Ended) => sessions_ended;
    /// A caller of the app's API was let in or not.
    caller(outcome: Caller) => callers;
    /// A request to a proxy is answered, or its answer has broken off.
    proxied(outcome: Proxied) => proxied;
    /// A token with an unknown key made the keys be fetched, or did not.
    key_refetch(outcome: Refetch) => key_refetches;
    /// A logout token has come.
    logout_token(outcome: LogoutToken) => logout_tokens;
    /// A webhook has come.
    webhook(outcome: Webhook) => webhooks;
}

/// Tells the recorder what there is, so that each series is there before its first event.
pub(crate) fn lift_off() {
    #[cfg(feature = "metrics")]
    handles::all();
}

/// A call to the provider that runs.
#[must_use = "say what came of it"]
pub(crate) struct ProviderCall {
    #[cfg(feature = "metrics")]
    running: handles::Running<Endpoint, Answer>,
}

impl ProviderCall {
    pub(crate) fn begin(_endpoint: Endpoint) -> ProviderCall {
        ProviderCall {
            #[cfg(feature = "metrics")]
            running: handles::provider_call(_endpoint),
        }
    }

    pub(crate) fn end(self, _answer: Answer) {
        #[cfg(feature = "metrics")]
        self.running.end(_answer);
    }
}

/// A call to the session store that runs.
#[cfg(feature = "metrics")]
pub(crate) struct StoreRequest(handles::Running<StoreCall, StoreAnswer>);

#[cfg(feature = "metrics")]
impl StoreRequest {
    pub(crate) fn begin(call: StoreCall) -> StoreRequest {
        StoreRequest(handles::store_call(call))
    }

    pub(crate) fn end(self, answer: StoreAnswer) {
        self.0.end(answer);
    }
}

impl From<ErrorKind> for SignIn {
    fn from(kind: ErrorKind) -> SignIn {
        match kind {
            ErrorKind::SignInCancelled => SignIn::Cancelled,
            ErrorKind::SignInRefused
            | ErrorKind::Denied
            | ErrorKind::NoAccess
            | ErrorKind::UnmetAuthentication => SignIn::Refused,
            ErrorKind::SignInRejected | ErrorKind::CrossSite => SignIn::Rejected,
            ErrorKind::SignInUnverified => SignIn::Unverified,
            ErrorKind::NoCookies => SignIn::NoCookies,
            ErrorKind::NotAdmitted => SignIn::NotAdmitted,
            ErrorKind::HookFailed => SignIn::HookFailed,
            ErrorKind::Misconfigured => SignIn::Misconfigured,
            ErrorKind::SignInTooLarge => SignIn::TooLarge,
            ErrorKind::ProviderUnreachable => SignIn::ProviderUnreachable,
            ErrorKind::ProviderTimeout => SignIn::ProviderTimeout,
            ErrorKind::ProviderBadAnswer => SignIn::ProviderBadAnswer,
            ErrorKind::ProviderFailed => SignIn::ProviderFailed,
            ErrorKind::ProviderNotReady => SignIn::ProviderNotReady,
            ErrorKind::StoreUnavailable => SignIn::StoreUnavailable,
            ErrorKind::NotSignedIn
            | ErrorKind::SessionEnded
            | ErrorKind::InsufficientAuthentication
            | ErrorKind::NoOrganization
            | ErrorKind::MissingClaims
            | ErrorKind::NotAllowed
            | ErrorKind::SessionData => SignIn::Other,
        }
    }
}

impl From<&BearerErrorKind> for Caller {
    fn from(kind: &BearerErrorKind) -> Caller {
        match kind {
            BearerErrorKind::Missing => Caller::Missing,
            BearerErrorKind::InvalidRequest(_) => Caller::InvalidRequest,
            BearerErrorKind::InvalidToken(_) => Caller::InvalidToken,
            BearerErrorKind::InvalidProof(_) => Caller::InvalidDpopProof,
            BearerErrorKind::NonceRequired { .. } => Caller::UseDpopNonce,
            BearerErrorKind::InsufficientScope { .. } => Caller::InsufficientScope,
            BearerErrorKind::InsufficientAuthentication { .. } => {
                Caller::InsufficientAuthentication
            }
            BearerErrorKind::Unavailable => Caller::Unavailable,
            BearerErrorKind::Misconfigured => Caller::Misconfigured,
        }
    }
}

impl From<ErrorKind> for Refresh {
    fn from(kind: ErrorKind) -> Refresh {
        match kind {
            ErrorKind::SessionEnded => Refresh::SessionEnded,
            ErrorKind::Denied | ErrorKind::NoAccess => Refresh::Denied,
            ErrorKind::HookFailed => Refresh::HookFailed,
            ErrorKind::Misconfigured => Refresh::Misconfigured,
            ErrorKind::ProviderUnreachable => Refresh::ProviderUnreachable,
            ErrorKind::ProviderTimeout => Refresh::ProviderTimeout,
            ErrorKind::ProviderBadAnswer => Refresh::ProviderBadAnswer,
            ErrorKind::ProviderFailed => Refresh::ProviderFailed,
            ErrorKind::ProviderNotReady => Refresh::ProviderNotReady,
            ErrorKind::StoreUnavailable => Refresh::StoreUnavailable,
            _ => Refresh::Other,
        }
    }
}
