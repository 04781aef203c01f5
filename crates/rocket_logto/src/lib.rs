//! Sign-in for apps on [Rocket](https://rocket.rs) 0.5 with [Logto](https://logto.io), or with any other OpenID
//! Connect provider.
//!
//! ```rust,no_run
//! use rocket::{get, launch, routes};
//! use rocket_logto::{Logto, User};
//!
//! /// For everybody.
//! #[get("/")]
//! fn home(user: Option<User>) -> String {
//!     match user {
//!         Some(user) => format!("Hello, {}", user.name()),
//!         None => "Hello. Sign in at /sign-in".into(),
//!     }
//! }
//!
//! /// For signed-in users. A browser without a session is sent to sign in, and
//! /// comes back here.
//! #[get("/protected")]
//! fn protected(user: User) -> String {
//!     format!("Only you see this, {}", user.sub())
//! }
//!
//! #[launch]
//! fn rocket() -> _ {
//!     rocket::build()
//!         .attach(Logto::fairing())
//!         .mount("/", routes![home, protected])
//! }
//! ```
//!
//! With the feature `dev-provider`, this app runs as it is: `cargo run`, and open `http://localhost:8000/protected`. In the
//! debug profile, with neither `endpoint` nor `issuer` configured, the fairing starts a small provider that behaves like
//! Logto on `http://localhost:3001`, or at the next free port. **It signs anybody in as anybody**, says so, and refuses to run in other profiles.
//! `dev_provider = false` turns it off; `[debug.logto.dev_provider]` says which users, machines, organizations and API
//! resources it has. People can sign up there, and its own address is a control page: suspend users, change their roles,
//! rotate keys, and see what your app does. `dev_provider.state_file = "dev-provider.json"` keeps that across restarts.
//!
//! # Guards
//!
//! | guard | gives | network |
//! |---|---|---|
//! | [`User`] | the signed-in user and the verified claims of their ID token | none (one refresh when the claims are older than `claims_max_age`) |
//! | [`StepUp<P>`](StepUp) | the same, for a user who has authenticated recently or in a stronger way | as `User` |
//! | [`Allowed<R>`](Allowed), [`AllowedIn<Id, R>`](AllowedIn) | the same, for a user with a role, also in an organization, or with another claim | as `User` |
//! | [`SessionData<T>`](SessionData) | what your own hook has put into the session | as `User` |
//! | [`Language`] | the language that the library's pages would have, for yours | none |
//! | [`SameOrigin`] | certainty that no other site has sent the form | none |
//! | [`UserInfo`] | the user's claims, fresh from the provider | one call |
//! | [`AccessToken<R>`](AccessToken) | a token for an API resource | none while cached |
//! | [`OrgToken<Id>`](OrgToken) | a token for an organization, or for an API resource within one | none while cached |
//! | [`Bearer<P>`](Bearer) | the caller of this app's own API, by a verified access token | none while keys are known |
//! | [`MachineToken<P>`](MachineToken) | a token for the app itself, to call other APIs | none while cached |
//! | [`Webhook<E>`](Webhook), a data guard | what Logto tells by itself, verified | none |
//!
//! With sessions in Redis or in a [`SharedStore`], all but the last three make one round trip to it for each request.
//!
//! Each also works as `Option<Guard>` and as `Result<Guard, Error>` (for [`Bearer`], `Result<Bearer<P>, BearerError>`), and
//! aborts the launch when it could never succeed. `Option<Guard>` is `None` for any reason, including that Redis or the
//! provider is down. To tell "not signed in" from "cannot tell right now", take `Result<User, Error>`.
//!
//! # What a guard answers when it fails
//!
//! | outcome | a browser that opens a page | a program (`Accept` JSON, `Sec-Fetch-Mode` not `navigate`, or not GET) |
//! |---|---|---|
//! | no one is signed in, or the session has ended | 303 to `/sign-in?return_to=…` | 401 `{"error":"Not authenticated"}` |
//! | signed in, but not as [`StepUp`] demands | 303 to `/sign-in?return_to=…&max_age=…` | 401 `{"error":"insufficient_user_authentication", …}` with `max_age`, `acr_values` |
//! | signed in, but not what [`Allowed`] asks for | 403 page that says what it takes | 403 JSON with `needs` |
//! | the provider refuses, or does not let the user use this app | 403 page | 403 JSON with the provider's `code` |
//! | the claims do not fit the type `C` | 403 page | 403 JSON |
//! | the route does not say which organization | 500 page, and a log line | 500 JSON |
//! | the provider does not give the app itself what it asks for ([`MachineToken`]) | 500 page, and a log line | 500 JSON |
//! | the provider is unreachable / sends an unusable response / is too slow / is not ready yet | 502 / 502 / 504 / 503 page | the same as JSON |
//! | the session store cannot be reached | 503 page | 503 JSON |
//! | your own data in the session is missing ([`SessionData`]), or a hook of yours fails | 403 / 500 page | the same as JSON |
//!
//! A form that a browser sends gets pages as well, but 401 instead of 303, because a sign-in would not send it again.
//! [`Bearer`] answers programs only, as RFC 6750 says: [`BearerError`].
//!
//! The pages are in the browser's language, English or Thai, and can be your own: [`guide::pages`].
//!
//! The fairing answers, not a catcher, so your own catchers and your own 401 responses stay as they are. To decide
//! yourself, take `Result<User, Error>`: [`Error`] is a responder, and `?` gives the same answers.
//!
//! # Configuration
//!
//! For Logto, register a *Traditional web* application with the redirect URI `http://localhost:8000/callback` and the post
//! sign-out redirect URI `http://localhost:8000/`, and add this to `Rocket.toml`:
//!
//! ```toml
//! [default.logto]
//! endpoint = "https://your-tenant.logto.app"
//! app_id = "…"
//!
//! [release.logto]
//! base_url = "https://app.example.com"
//! ```
//!
//! Set the secret in the environment: `LOGTO_APP_SECRET=…`. [`LogtoConfig`] documents every key, and `issuer` for
//! providers that are not Logto. Outside the debug profile, `base_url` and Rocket's `secret_key` are required.
//!
//! # Guides
//!
//! | guide | about |
//! |---|---|
//! | [`guide::sessions`] | users and their claims, routes, signing in and out from a handler, step-up, when a session ends, where it is kept |
//! | [`guide::step_up`] | a more recent sign-in, or a stronger one, for pages and for APIs |
//! | [`guide::hooks`] | your own code at a sign-in, when claims change and when a session ends; data of your own in the session |
//! | [`guide::webhooks`] | what Logto tells by itself, and when: suspended users, other roles; hooks of your own for it |
//! | [`guide::pages`] | the pages of the library: your name and icon, your language, pages of your own |
//! | [`guide::tokens`] | access tokens for APIs, for organizations and for the app itself; token exchange |
//! | [`guide::account`] | Logto's account pages, the user's sessions there, its Management API, magic links, access that is taken back |
//! | [`guide::apis`] | protecting an API with [`Bearer`], services that are only an API ([`Logto::api()`]), opaque tokens |
//! | [`guide::production`] | checklist, nginx, several instances, Redis, changing the key, memory |
//! | [`guide::operation`] | metrics, alerts, and the lines in the log |
//! | [`guide::providers`] | providers other than Logto: what to set, what works, what does not |
//! | [`guide::testing`] | signing in in your app's tests |
//! | [`guide::from_python`] | from Logto's Python SDK to this crate, call by call |
//! | [`guide::troubleshooting`] | symptom, log line, what to do |
//!
//! # Features
//!
//! None is on unless you name it.
//!
//! - `dev-provider`: the development provider.
//! - `metrics`: counts and times for any recorder of the [`metrics`](https://docs.rs/metrics) crate, see
//!   [`guide::operation`].
//! - `redis`: sessions in Redis ([`RedisStore`]), shared by several instances.
//! - `testing`: checks a session store of your own ([`testing`]).
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authentication;
mod claims;
mod clock;
mod config;
mod error;
mod fairing;
mod guards;
#[cfg(any(doc, doctest))]
pub mod guide;
mod hooks;
#[cfg(any(test, feature = "_internals"))]
#[doc(hidden)]
pub mod internals;
mod logto;
mod management;
mod measure;
mod oidc;
mod request;
mod resource_metadata;
mod response;
mod return_to;
mod routes;
mod service;
mod session;
mod sha256;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
#[cfg(all(feature = "testing", debug_assertions))]
mod transport;
mod webhook;

pub use authentication::{Authentication, logto_acr};
pub use claims::{
    AccessTokenClaims, Address, Audience, Claim, IdTokenClaims, Identity, OrganizationData,
    SsoIdentity, StandardClaims, Timestamp, UserInfoClaims,
};
pub use config::parameters::{DirectSignIn, FirstScreen, Identifier, Prompt};
pub use config::{
    AppSecret, ClientAuthMethod, LogtoConfig, ORGANIZATIONS_RESOURCE, ORGANIZATIONS_SCOPE,
    RedisServers, ResponseMode, RoutePaths, SessionConfig, SigningAlg, StoreConfig,
};
pub use error::bearer::{BearerError, BearerErrorKind};
pub use error::{Error, ErrorKind};
pub use fairing::LogtoFairing;
pub use fairing::service::LogtoServiceFairing;
pub use guards::{
    AccessToken, AccountApi, Allowed, AllowedIn, Bearer, BearerAudience, ConstOrg, DefaultResource,
    ExpectedAudience, HeaderOrg, IdentityProof, Language, MachineToken, NoCustomClaims, NoResource,
    OrgId, OrgToken, Organization, OrganizationId, ParameterName, PathOrg, Permission, QueryOrg,
    Requirement, Resource, SameOrigin, SessionData, StepUp, StepUpPolicy, User, UserInfo, Within,
};
pub use hooks::{
    Admission, HookResult, RefreshEvent, RefreshHook, Renewal, SessionDataError, SignInEvent,
    SignInHook, SignOutCause, SignOutEvent, SignOutHook, WebhookHook, WebhookReceived,
};
pub use logto::Logto;
pub use logto::account::{AccountLink, AccountPage};
pub use management::{
    ManagedOrganization, ManagedUser, Management, OneTimeToken, OneTimeTokenRequest,
    OrganizationRole, UserKey,
};
pub use oidc::challenge::StepUpChallenge;
pub use oidc::logto_api::session::{LogtoSession, Revoke};
pub use response::page::{Page, PageAction, PageField, PageForm, PageKind};
pub use routes::sign_in::SignIn;
pub use routes::sign_out::SignOut;
pub use routes::silent_sign_in::SilentSignIn;
pub use service::LogtoService;
#[cfg(feature = "redis")]
pub use session::store::redis::RedisStore;
pub use session::store::{
    LockStore, MemoryStore, Record, SessionIndex, SessionStore, SharedStore, StoreError, TokenStore,
};
pub use session::{SessionInfo, Sessions, Subject};
pub use tokens::subject_token::SubjectToken;
pub use tokens::token::{Token, TokenFor};
pub use webhook::{
    Webhook, WebhookError, WebhookErrorKind, WebhookEvent, WebhookInteraction, WebhookMembership,
    WebhookUser,
};

/// The README's examples compile, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
