//! What the development provider is started with, and why it may not start.

use std::fmt;

use rocket::config::LogLevel;

use super::keys::SigningAlg;
use super::seed::Seed;
use super::wire::{Received, Reply};

/// What to start the provider with: [`Settings::new`], and then the fields that
/// are to differ.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The port on `127.0.0.1`; 0 takes any free one.
    pub port: u16,
    /// The one client's id.
    pub client_id: String,
    /// The client's secret; `None` makes it a public client.
    pub client_secret: Option<String>,
    /// Redirect URIs, compared as text.
    pub redirect_uris: Vec<String>,
    /// Where sign-out may lead, compared as text.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens are sent when a user signs out or is suspended.
    pub backchannel_logout_uri: Option<String>,
    /// The path of the issuer: `/oidc`, as at Logto. It may end in `/`, and
    /// then the issuer does.
    pub issuer_path: String,
    /// Where the key set is, below the issuer: `/jwks`.
    pub jwks_path: String,
    /// Whether the authorization response names the issuer, and discovery says
    /// so (RFC 9207). Logto does.
    pub response_iss: bool,
    /// The origin that browsers and clients use when something in front ends
    /// TLS: `https://localhost:8443`. `http://localhost:<port>` unless set.
    pub public_origin: Option<String>,
    /// Users, organizations and resources.
    pub seed: Seed,
    /// The algorithm of all tokens.
    pub signing_alg: SigningAlg,
    /// Whether discovery offers pushed authorization requests (RFC 9126), as
    /// Logto's does. They are taken either way.
    pub offers_par: bool,
    /// Rocket's log level. It is **one for the whole process**: launching the
    /// provider sets it, so give the level of the application's own Rocket. Or
    /// start the provider while that ignites, say in a fairing's `on_ignite`:
    /// Rocket sets its level after that, and `Off` keeps the provider quiet.
    pub log_level: LogLevel,
    /// Whether the log may have colours. One for the whole process too.
    pub cli_colors: bool,
    /// Sees every exchange just before its answer is sent, say to collect the
    /// secrets a test then looks for in logs and pages.
    pub observer: Option<fn(&Received, &Reply)>,
}

impl Settings {
    /// Any free port, a confidential client without URIs, the built-in
    /// [`Seed`], ES384, and errors and warnings in the log.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Settings {
        Settings {
            port: 0,
            client_id: client_id.into(),
            client_secret: Some(client_secret.into()),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            issuer_path: "/oidc".into(),
            jwks_path: "/jwks".into(),
            response_iss: true,
            public_origin: None,
            seed: Seed::default(),
            signing_alg: SigningAlg::default(),
            offers_par: true,
            log_level: LogLevel::Critical,
            cli_colors: true,
            observer: None,
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("port", &self.port)
            .field("client_id", &self.client_id)
            .field("redirect_uris", &self.redirect_uris)
            .field("post_logout_redirect_uris", &self.post_logout_redirect_uris)
            .field("signing_alg", &self.signing_alg)
            .finish_non_exhaustive()
    }
}

/// Why the provider did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Something else listens on the port.
    Bind {
        /// The port.
        port: u16,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `issuer_path` or `jwks_path` is no path.
    Path(String),
    /// The seed contradicts itself; the text says where.
    Seed(String),
    /// No signing key could be made.
    Keys,
    /// Rocket did not launch.
    Rocket(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Bind { port, source } => {
                write!(
                    f,
                    "the development provider cannot listen on 127.0.0.1:{port}: {source}"
                )
            }
            StartError::Path(path) => write!(
                f,
                "the development provider's issuer_path and jwks_path must be paths like \
                 \"/oidc\", not {path:?}"
            ),
            StartError::Seed(what) => write!(f, "the development provider's seed: {what}"),
            StartError::Keys => f.write_str("the development provider cannot make a signing key"),
            StartError::Rocket(what) => {
                write!(f, "the development provider did not start: {what}")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Bind { source, .. } => Some(source),
            _ => None,
        }
    }
}
