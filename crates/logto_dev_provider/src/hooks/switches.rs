//! What a test can set to make the provider misbehave.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;

use super::signing::Signing;
use crate::keys::{KeyRing, SigningAlg, SigningKey};
use crate::provider::lock;
use crate::wire::{Endpoint, Received, Reply};

type JwtEdit = Arc<dyn Fn(&mut Map<String, Value>, &mut Map<String, Value>) + Send + Sync>;
type ReplyEdit = Arc<dyn Fn(&Received, &mut Reply) + Send + Sync>;
type ParamsEdit = Arc<dyn Fn(&mut Vec<(String, String)>) + Send + Sync>;

#[derive(Default)]
pub(super) struct State {
    pub(super) id_token: Option<JwtEdit>,
    pub(super) access_token: Option<JwtEdit>,
    pub(super) signing: Signing,
    pub(super) userinfo: Option<(Signing, JwtEdit)>,
    pub(super) replies: HashMap<Endpoint, ReplyEdit>,
    pub(super) delays: HashMap<Endpoint, Duration>,
    pub(super) gates: HashMap<Endpoint, watch::Receiver<()>>,
    pub(super) authorization_response: Option<ParamsEdit>,
    pub(super) rotate_refresh_tokens: Option<bool>,
    pub(super) token_lifetime: Option<Duration>,
    pub(super) sign_in_as: Option<String>,
    pub(super) token_prefix: String,
    pub(super) dpop_nonce: Option<String>,
    pub(super) ignores_acr_values: bool,
    pub(super) hide_kid: bool,
    pub(super) logout_tokens_without_exp: bool,
    /// Put before the provider's own keys.
    pub(super) published: Vec<Value>,
}

/// Requests that wait at the provider, see [`Hooks::hold`]. Dropping it lets
/// them go on.
#[derive(Debug)]
#[must_use = "nothing is held once it is dropped"]
pub struct Held {
    _gate: watch::Sender<()>,
}

/// Switches that make the provider misbehave. All of them can be set while it
/// runs and hold until they are set again or [`reset`](Hooks::reset).
///
/// ```no_run
/// # use logto_dev_provider::{DevProvider, Settings, Signing};
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = DevProvider::start(Settings::new("app", "secret")).await?;
/// provider.hooks().id_token(|_header, claims| {
///     claims.insert("aud".into(), "somebody else".into());
/// });
/// provider.hooks().sign_id_tokens(Signing::None);
/// # Ok(()) }
/// ```
pub struct Hooks {
    pub(super) default_alg: SigningAlg,
    pub(super) observer: Option<fn(&Received, &Reply)>,
    pub(super) keys: Arc<Mutex<KeyRing>>,
    pub(super) unpublished: Mutex<Option<SigningKey>>,
    pub(super) requests: Mutex<VecDeque<Received>>,
    pub(super) state: Mutex<State>,
}

impl Hooks {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn keys(&self) -> MutexGuard<'_, KeyRing> {
        lock(&self.keys)
    }

    pub(super) fn active(&self) -> SigningAlg {
        self.keys().active
    }

    /// Edits header and claims of every ID token before it is signed.
    pub fn id_token(
        &self,
        edit: impl Fn(&mut Map<String, Value>, &mut Map<String, Value>) + Send + Sync + 'static,
    ) {
        self.state().id_token = Some(Arc::new(edit));
    }

    /// Edits header and claims of every JWT access token before it is signed.
    pub fn access_token(
        &self,
        edit: impl Fn(&mut Map<String, Value>, &mut Map<String, Value>) + Send + Sync + 'static,
    ) {
        self.state().access_token = Some(Arc::new(edit));
    }

    /// How ID tokens are signed from now on.
    pub fn sign_id_tokens(&self, signing: Signing) {
        if let Signing::Alg(alg) = signing {
            self.keys().ensure(alg);
        }
        self.state().signing = signing;
    }

    /// Userinfo is a JWT from now on, signed in this way, with header and claims
    /// edited first (OpenID Connect Core 5.3.2). Logto's is always plain JSON.
    pub fn sign_userinfo(
        &self,
        signing: Signing,
        edit: impl Fn(&mut Map<String, Value>, &mut Map<String, Value>) + Send + Sync + 'static,
    ) {
        if let Signing::Alg(alg) = signing {
            self.keys().ensure(alg);
        }
        self.state().userinfo = Some((signing, Arc::new(edit)));
    }

    /// Edits every answer of `endpoint` just before it is sent.
    pub fn respond(
        &self,
        endpoint: Endpoint,
        edit: impl Fn(&Received, &mut Reply) + Send + Sync + 'static,
    ) {
        self.state().replies.insert(endpoint, Arc::new(edit));
    }

    /// Answers of `endpoint` come this much later. The request is recorded on
    /// arrival, then the provider waits, then it does the work.
    pub fn delay(&self, endpoint: Endpoint, delay: Duration) {
        self.state().delays.insert(endpoint, delay);
    }

    /// Requests to `endpoint` are recorded on arrival, then wait until what this
    /// gives is dropped, then the provider does the work. Called again, it holds
    /// what comes from then on; what waits goes on waiting for the first.
    ///
    /// ```no_run
    /// # use logto_dev_provider::{DevProvider, Endpoint};
    /// # async fn run(provider: DevProvider) {
    /// let held = provider.hooks().hold(Endpoint::Token);
    /// // … a request is in `provider.requests_to(Endpoint::Token)` …
    /// // Those that come after it are answered, while it still waits.
    /// provider.hooks().behave(Endpoint::Token);
    /// drop(held);
    /// # }
    /// ```
    pub fn hold(&self, endpoint: Endpoint) -> Held {
        let (gate, opened) = watch::channel(());
        self.state().gates.insert(endpoint, opened);
        Held { _gate: gate }
    }

    /// Takes back [`respond`](Hooks::respond), [`delay`](Hooks::delay) and
    /// [`hold`](Hooks::hold) for the requests to one endpoint that are to come.
    pub fn behave(&self, endpoint: Endpoint) {
        let mut state = self.state();
        state.replies.remove(&endpoint);
        state.delays.remove(&endpoint);
        state.gates.remove(&endpoint);
    }

    /// Edits the parameters of every authorization response, be it a success or an error.
    pub fn authorization_response(
        &self,
        edit: impl Fn(&mut Vec<(String, String)>) + Send + Sync + 'static,
    ) {
        self.state().authorization_response = Some(Arc::new(edit));
    }

    /// Whether every refresh gives a new refresh token. Not set, it is as with
    /// Logto: yes for public clients; for confidential ones only when 70 % of
    /// the token's life has passed.
    pub fn rotate_refresh_tokens(&self, rotate: bool) {
        self.state().rotate_refresh_tokens = Some(rotate);
    }

    /// How long access tokens and ID tokens last; one hour unless set.
    pub fn token_lifetime(&self, lifetime: Duration) {
        self.state().token_lifetime = Some(lifetime);
    }

    /// Signs this user in (by id or username) without showing a page, or, with
    /// `None`, shows the page again.
    pub fn sign_in_as(&self, user: Option<&str>) {
        self.state().sign_in_as = user.map(str::to_owned);
    }

    /// Does as if no `acr_values` came: OpenID Connect Core 3.1.2.1 leaves it to the provider.
    pub fn ignore_acr_values(&self) {
        self.state().ignores_acr_values = true;
    }

    /// Logout tokens have no `exp` from now on, as at Logto before 1.42.
    pub fn logout_tokens_without_exp(&self) {
        self.state().logout_tokens_without_exp = true;
    }

    /// Opaque access tokens and refresh tokens begin with this from now on.
    /// They may hold any printable character (RFC 6749, appendix A.12 and A.17).
    pub fn token_prefix(&self, prefix: &str) {
        self.state().token_prefix = prefix.to_owned();
    }

    /// Signs with a new key from now on. The one before stays published, older
    /// ones are forgotten.
    pub fn rotate_keys(&self) {
        let mut keys = self.keys();
        let alg = keys.active;
        keys.rotate(alg);
    }

    /// Publishes the current keys only.
    pub fn drop_previous_keys(&self) {
        self.keys().drop_previous();
    }

    /// Signs with another algorithm from now on, and says so in discovery.
    pub fn signing_alg(&self, alg: SigningAlg) {
        self.keys().sign_with_only(alg);
    }

    /// Publishes these JWKs before the provider's own.
    pub fn publish(&self, jwks: Vec<Value>) {
        self.state().published = jwks;
    }

    /// Publishes a key of another algorithm beside the current one.
    pub fn publish_alg(&self, alg: SigningAlg) {
        self.keys().ensure(alg);
    }

    /// Proofs of possession must hold this nonce from now on (RFC 9449, sections 8 and 9); others
    /// are told of it.
    pub fn demand_dpop_nonce(&self, nonce: &str) {
        self.state().dpop_nonce = Some(nonce.to_owned());
    }

    /// Leaves `kid` out of the key set and of token headers.
    pub fn hide_kid(&self, hide: bool) {
        self.state().hide_kid = hide;
    }

    /// `kid` of the key that signs now.
    pub fn kid(&self) -> String {
        self.with_key(self.active(), SigningKey::kid)
            .unwrap_or_default()
    }

    /// The published public key of `alg` as a JWK.
    pub fn public_key_jwk(&self, alg: SigningAlg) -> Value {
        self.with_key(alg, SigningKey::jwk).unwrap_or_default()
    }

    /// The published public key of `alg` as DER (`SubjectPublicKeyInfo`).
    pub fn public_key_der(&self, alg: SigningAlg) -> Vec<u8> {
        self.with_key(alg, SigningKey::der).unwrap_or_default()
    }

    /// The published public key of `alg` as PEM text.
    pub fn public_key_pem(&self, alg: SigningAlg) -> String {
        self.with_key(alg, SigningKey::pem).unwrap_or_default()
    }

    /// The current key's signature of any bytes, for tokens made by hand.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let sign = |key: &SigningKey| key.sign(message);
        self.with_key(self.active(), sign).unwrap_or_default()
    }

    /// Back to good behaviour. Keys made since stay as they are.
    pub fn reset(&self) {
        *self.state() = State::default();
        let alg = self.default_alg;
        self.keys().sign_with_only(alg);
    }
}
