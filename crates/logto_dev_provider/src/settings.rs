//! What the provider is started with.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use crate::keys::SigningAlg;
use crate::seed::Seed;
use crate::webhooks::Webhook;
#[cfg(feature = "_hooks")]
use crate::wire::{Received, Reply};

/// What to start the provider with: [`Settings::new`], then change the fields
/// that should differ.
///
/// ```
/// use logto_dev_provider::{Settings, SigningAlg};
///
/// let mut settings = Settings::new("my-app", "my-secret");
/// settings.port = 3001;
/// settings.redirect_uris = vec!["http://localhost:8000/callback".into()];
/// settings.signing_alg = SigningAlg::Rs256;
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The port on the loopback interface; 0 takes any free one.
    pub port: u16,
    /// The id of the application. Clients that describe themselves have ids of their own.
    pub client_id: String,
    /// The application's secret; `None`, and no [`client_jwks`](Settings::client_jwks), makes
    /// it a public client, which must use PKCE.
    pub client_secret: Option<String>,
    /// The application's public keys, as JWKs: with one of them it may authenticate by a JWT
    /// it has signed (`private_key_jwt`, RFC 7523), in place of the secret.
    pub client_jwks: Vec<Value>,
    /// Registered redirect URIs, compared as text.
    pub redirect_uris: Vec<String>,
    /// Whether any `http` or `https` redirect URI on the loopback interface is
    /// accepted besides the registered ones.
    pub any_loopback_redirect_uri: bool,
    /// Registered URIs for the redirect after sign-out, compared as text.
    pub post_logout_redirect_uris: Vec<String>,
    /// Whether any `http` or `https` URI on the loopback interface is accepted
    /// after sign-out besides the registered ones.
    pub any_loopback_post_logout_redirect_uri: bool,
    /// Where logout tokens are sent when a user signs out.
    pub backchannel_logout_uri: Option<String>,
    /// Where webhooks are sent, as Logto does when users sign in or up, are suspended,
    /// deleted or changed, or come to an organization or leave it. Giving somebody a role
    /// is no event at Logto, and none here.
    pub webhook: Option<Webhook>,
    /// Whether ID tokens and logout tokens carry `sid`, so that a sign-out in
    /// one browser leaves the others alone. Logto includes it for applications
    /// that ask for it in their back-channel logout settings.
    pub sid: bool,
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
    /// Users, machines, organizations and API resources.
    pub seed: Seed,
    /// A file that keeps, across restarts, who has signed up, what was changed of users
    /// (suspensions, deletions, roles, memberships), the signing keys, and who is signed in,
    /// with their tokens: the newest 500. It is made when the provider starts, with the mode
    /// 0600, and replaced at each change. A second provider with the same file reads it when
    /// it starts, and keeps nothing: so does a test beside the app. Nothing is written unless
    /// this is set, and nothing [in memory](crate::DevProvider::in_memory).
    pub state_file: Option<PathBuf>,
    /// The algorithm that signs all tokens, until another is
    /// [rotated](crate::DevProvider::rotate_keys) in.
    pub signing_alg: SigningAlg,
    /// Whether discovery offers pushed authorization requests (RFC 9126), as
    /// Logto does. The endpoint takes them either way.
    pub offers_par: bool,
    /// Whether tokens are bound to the key of a client that sends a proof of it (DPoP, RFC
    /// 9449), and discovery says so. Logto has none of it.
    pub offers_dpop: bool,
    /// Whether the client may exchange tokens (RFC 8693). At Logto that is off until somebody
    /// switches on *Allow token exchange* in the application's settings.
    pub allow_token_exchange: bool,
    /// Whether clients may register themselves at `{issuer}/register` (RFC 7591), as those do
    /// that have no document at their client id. Discovery says so. The newest 100 are known.
    pub dynamic_registration: bool,
    /// Sees every exchange just before its answer is sent, for example to
    /// collect the secrets a test then looks for in logs and pages.
    #[cfg(feature = "_hooks")]
    #[doc(hidden)]
    pub observer: Option<fn(&Received, &Reply)>,
}

impl Settings {
    /// Any free port, a confidential client without registered URIs, the
    /// built-in [`Seed`] and ES384.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Settings {
        Settings {
            port: 0,
            client_id: client_id.into(),
            client_secret: Some(client_secret.into()),
            client_jwks: Vec::new(),
            redirect_uris: Vec::new(),
            any_loopback_redirect_uri: false,
            post_logout_redirect_uris: Vec::new(),
            any_loopback_post_logout_redirect_uri: false,
            backchannel_logout_uri: None,
            webhook: None,
            sid: false,
            issuer_path: "/oidc".into(),
            jwks_path: "/jwks".into(),
            response_iss: true,
            public_origin: None,
            seed: Seed::default(),
            state_file: None,
            signing_alg: SigningAlg::default(),
            offers_par: true,
            offers_dpop: false,
            allow_token_exchange: true,
            dynamic_registration: false,
            #[cfg(feature = "_hooks")]
            observer: None,
        }
    }
}

impl Settings {
    /// Whether the client has nothing to prove itself with.
    pub(crate) fn is_public(&self) -> bool {
        self.client_secret.is_none() && self.client_jwks.is_empty()
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
