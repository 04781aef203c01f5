//! Sign-in with [Logto](https://logto.io), and with any other OpenID Connect
//! provider, for apps on [Rocket](https://rocket.rs) 0.5.
//!
//! Attach one fairing, name a guard in a handler's arguments, and configure it
//! in `Rocket.toml`:
//!
//! | guard | gives | network |
//! |---|---|---|
//! | [`User`] | the signed-in user and their verified ID-token claims | none (one refresh when the claims are older than `claims_max_age`) |
//! | [`StepUp<L>`](StepUp) | the same for a user who has authenticated recently, or in a stronger way | as `User` |
//! | [`UserInfo`] | the user's claims, fresh from the provider | one call |
//! | [`AccessToken<R>`](AccessToken) | a token for an API resource | none while cached |
//! | [`OrgToken<Id>`](OrgToken) | a token for an organization, or for an API resource within one | none while cached |
//! | [`Bearer<P>`](Bearer) | the caller of this app's own API, by a verified access token | none while keys are known |
//! | [`MachineToken<P>`](MachineToken) | a token for the app itself, to call other APIs | none while cached |
//!
//! With sessions in Redis or in a [`SessionStore`], all but the last two make a
//! round trip to it, one for each request.
//!
//! Each works as `Option<Guard>` and as `Result<Guard, Error>` (of [`Bearer`]
//! `Result<Bearer<P>, BearerError>`), too, and aborts
//! the launch when it could never succeed. `Option<Guard>` is `None` for whatever
//! reason, also while Redis or the provider is down: where it matters whether
//! nobody is signed in or nobody can tell, take `Result<User, Error>`.
//!
//! # From nothing to a protected page
//!
//! The package is not published yet: clone its repository beside your app.
//! Without the default features, which build the demo app, and with the
//! development provider:
//!
//! ```toml
//! [dependencies]
//! rocket = { version = "0.5.2", features = ["json"] }
//! rocket_logto = { path = "../rocket_logto", default-features = false, features = ["dev-provider"] }
//! ```
//!
//! ```rust,no_run
//! use rocket::{get, launch, routes};
//! use rocket_logto::{Logto, User};
//!
//! #[get("/")]
//! fn home(user: Option<User>) -> String {
//!     match user {
//!         Some(user) => format!("Hello {}", user.name()),
//!         None => "Hello. Sign in at /sign-in".into(),
//!     }
//! }
//!
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
//! `cargo run`, and open `http://localhost:8000/protected`. In the debug
//! profile, with no provider configured, the fairing starts a [development
//! provider](#the-development-provider) beside the app: pick one of its users,
//! and you are back on the page you wanted. Two links make it complete: `GET
//! /sign-in` (also `/sign-up`) and a form that posts to `/sign-out`.
//!
//! For Logto, register a "traditional web" application with the redirect URI
//! `http://localhost:8000/callback` and the post sign-out URI
//! `http://localhost:8000/`, and write into `Rocket.toml`:
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
//! and the secret into the environment: `LOGTO_APP_SECRET=…`. [`LogtoConfig`]
//! has every key, and `issuer` for providers that are not Logto.
//!
//! # Who you are: `User` and `UserInfo`
//!
//! [`User`] costs one cookie (with a session store, one round trip). Its claims are those of the ID token, verified at
//! sign-in: signature, issuer, audience, lifetime, nonce. [`UserInfo`] asks the
//! provider each time and knows more (`custom_data`, `identities`, …).
//!
//! A claim can be absent, null or a value, and providers mean different things
//! by the three: [`Claim`] keeps them apart.
//!
//! ```rust
//! use rocket::get;
//! use rocket_logto::{Claim, UserInfo};
//!
//! #[get("/email")]
//! fn email(info: UserInfo) -> String {
//!     match &info.claims().email {
//!         Claim::Value(email) => format!("We write to {email}"),
//!         Claim::Null => "You have given no e-mail address".into(),
//!         Claim::Absent => "We did not ask: add \"email\" to scopes".into(),
//!     }
//! }
//! ```
//!
//! A type of your own instead of all claims: `User<MyClaims>`. Key your data by
//! [`User::sub`], never by e-mail address or name.
//!
//! # Tokens for APIs and organizations
//!
//! Name an API resource once, list it under `resources`, and ask for its token
//! by type. [`AccessToken`] is fetched when first needed, cached, and refreshed
//! by one request at a time:
//!
//! ```rust
//! use rocket::get;
//! use rocket_logto::{AccessToken, OrgToken, PathOrg, Resource};
//!
//! struct Shopping;
//! impl Resource for Shopping {
//!     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
//! }
//!
//! #[get("/shopping")]
//! fn shopping(token: AccessToken<Shopping>) -> String {
//!     format!("May write: {}", token.has_scope("write"))
//! }
//!
//! // With the scope `urn:logto:scope:organizations`:
//! #[get("/organizations/<org_id>")]
//! fn organization(org_id: &str, token: OrgToken<PathOrg>) -> String {
//!     format!("{org_id}: {}", token.scopes().collect::<Vec<_>>().join(" "))
//! }
//! ```
//!
//! For what is known at run time only there are [`User::access_token`],
//! [`User::organization_token`], [`User::token`] and [`User::refresh`].
//!
//! # Protecting an API
//!
//! [`Bearer<P>`](Bearer) is the other side: it lets in whoever brings a good
//! access token, session or not. [`Permission`] says for what API and with what
//! scopes. A service that is an API only attaches [`Logto::api()`] in the place of
//! [`Logto::fairing()`], and needs the provider's address and nothing else:
//!
//! ```rust,no_run
//! use rocket::{get, launch, routes};
//! use rocket_logto::{Bearer, Logto, Permission, Resource};
//!
//! struct Shopping;
//! impl Resource for Shopping {
//!     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
//! }
//!
//! struct ReadCart;
//! impl Permission for ReadCart {
//!     type Audience = Shopping; // or Organization<PathOrg>, or Within<Shopping, PathOrg>
//!     const SCOPES: &'static [&'static str] = &["read"];
//! }
//!
//! #[get("/cart")]
//! fn cart(caller: Bearer<ReadCart>) -> String {
//!     format!("The cart of {}", caller.sub())
//! }
//!
//! #[launch]
//! fn rocket() -> _ {
//!     rocket::build().attach(Logto::api()).mount("/", routes![cart])
//! }
//! ```
//!
//! # Calling an API as the app itself
//!
//! [`MachineToken<P>`](MachineToken) is a token with which the app may do `P` in
//! nobody's name (client credentials); [`LogtoService::machine_token`] gives the same
//! outside of requests. At Logto it takes a second application, of the type
//! *Machine-to-machine*: `machine.app_id` and `machine.app_secret`.
//! [`LogtoService::exchange_token`] makes access tokens of personal access tokens, and
//! of Logto's tokens for acting as a user.
//!
//! # What a guard answers when it fails
//!
//! | outcome | page navigation | program (`Accept` JSON, `Sec-Fetch-Mode` not `navigate`, or not GET) |
//! |---|---|---|
//! | nobody is signed in, or the session has ended | 303 to `/sign-in?return_to=…` | 401 `{"error":"Not authenticated"}` |
//! | signed in, but not as [`StepUp`] demands | 303 to `/sign-in?return_to=…&max_age=…` | 401 `{"error":"insufficient_user_authentication", …}` with `max_age`, `acr_values` |
//! | the provider says no | 403 page | 403 JSON with the provider's `code` |
//! | the claims do not fit the type `C` | 403 page | 403 JSON |
//! | the route does not say which organization | 500 page, and a log line | 500 JSON |
//! | the provider does not give the app itself what it asks for ([`MachineToken`]) | 500 page, and a log line | 500 JSON |
//! | the provider is unreachable / answers nonsense / is too slow / is not known yet | 502 / 502 / 504 / 503 page | the same as JSON |
//! | the session store cannot be reached | 503 page | 503 JSON |
//!
//! [`Bearer`] answers programs only, in the words of RFC 6750: [`BearerError`].
//!
//! The answer is made by the fairing, not by a catcher, so a 401 of your own
//! stays yours. `Result<User, Error>` puts it into your hands: [`Error`] is a
//! responder, and `?` gives the same answers.
//!
//! # Signing in and out from a handler
//!
//! [`SignIn`] and [`SignOut`] are responders:
//!
//! ```rust
//! use rocket::{get, uri};
//! use rocket_logto::{FirstScreen, SignIn};
//!
//! #[get("/welcome")]
//! fn welcome() -> &'static str { "Welcome!" }
//!
//! #[get("/join")]
//! fn join() -> SignIn {
//!     SignIn::new().first_screen(FirstScreen::Register).return_to(uri!(welcome))
//! }
//! ```
//!
//! # Security headers are yours
//!
//! The fairing marks every answer that depends on the user `Cache-Control:
//! no-store`. A `Content-Security-Policy` for your own pages is for you to
//! write; if it has `form-action`, it must name [`Logto::provider_origins`],
//! or browsers stop the redirect after a sign-out form.
//!
//! # The development provider
//!
//! With the feature `dev-provider`, in the debug profile, and with neither
//! `endpoint` nor `issuer` configured, the fairing starts a small Logto-shaped
//! provider on `http://localhost:3001`. **It signs anybody in as anybody**, says
//! so, and refuses to run in other profiles. Its users, machines, organizations
//! and API resources come from `[debug.logto.dev_provider]`. `dev_provider = false`
//! turns it off.
//!
//! # What to know before production
//!
//! - `base_url` and Rocket's `secret_key` are required outside debug. Redirect
//!   URIs and cookie attributes come from `base_url`, never from a request's
//!   headers, so a proxy in front needs no special trust.
//! - Put a reverse proxy in front: Rocket sets no time limit for reading a
//!   request's head.
//! - The session is up to three encrypted cookies of 4 kB. One that does not fit
//!   is kept in the memory of the process, with a warning in the log, and ends
//!   with it.
//! - Several instances share sessions in Redis: `session.store = { redis =
//!   "redis://…" }`, with the feature `redis`; or in a [`SessionStore`] of your
//!   own. Without, instances do not tell each other of sign-outs and
//!   refreshes, and a restart forgets which copies of cookies it has refused.
//! - Register `<base_url>/backchannel-logout` at the provider, so that who signs
//!   out there is signed out here. `/healthz` and `/readyz` are for load
//!   balancers.
//! - Old keys in `session.previous_secret_keys` still open cookies, so that
//!   `secret_key` can be changed without signing anybody out.
//!
//! # Features
//!
//! - `app` (default): the demo app of the repository, with templates and
//!   Rocket's `tls`. Turn it off in your own app: `default-features = false`.
//! - `dev-provider` (default, by `app`): the development provider.
//! - `redis`: sessions in Redis.
//! - `internals`: for this repository's own fuzz targets and benches. What it
//!   shows is no interface and changes in any release.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod claims;
mod clock;
mod config;
mod error;
mod fairing;
#[cfg(any(doc, doctest))]
pub mod guide;
mod guards;
#[cfg(any(test, feature = "_internals"))]
#[doc(hidden)]
pub mod internals;
mod logto;
mod oidc;
mod request;
mod response;
mod return_to;
mod routes;
mod service;
mod session;
mod sha256;
mod tokens;

pub use claims::{
    AccessTokenClaims, Address, Audience, Claim, IdTokenClaims, Identity, OrganizationData,
    SsoIdentity, StandardClaims, Timestamp, UserInfoClaims,
};
pub use config::parameters::{DirectSignIn, FirstScreen, Identifier, Prompt};
pub use config::{
    AppSecret, ClientAuthMethod, LogtoConfig, ResponseMode, RoutePaths, SessionConfig, SigningAlg,
    StoreConfig,
};
pub use error::bearer::{BearerError, BearerErrorKind};
pub use error::{Error, ErrorKind};
pub use fairing::LogtoFairing;
pub use fairing::service::LogtoServiceFairing;
pub use guards::{
    AccessToken, Bearer, BearerAudience, ConstOrg, DefaultResource, ExpectedAudience, HeaderOrg,
    MachineToken, NoCustomClaims, NoResource, OrgId, OrgToken, Organization, OrganizationId,
    ParameterName, PathOrg, Permission, QueryOrg, Resource, StepUp, StepUpPolicy, User, UserInfo,
    Within,
};
pub use logto::Logto;
pub use routes::sign_in::SignIn;
pub use routes::sign_out::SignOut;
pub use service::LogtoService;
#[cfg(feature = "redis")]
pub use session::redis::RedisStore;
pub use session::store::{MemoryStore, Record, SessionStore, StoreError};
pub use tokens::subject_token::SubjectToken;
pub use tokens::token::{Token, TokenFor};

/// The README's examples compile, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
