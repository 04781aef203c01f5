//! Hooks: how a test makes the development provider misbehave.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rocket::tokio::sync::watch;
use rocket::tokio::time::sleep;
use serde_json::{Map, Value};

use super::keys::{KeyRing, SigningAlg, random_token};
use super::provider::lock;
use super::wire::{Endpoint, Received, Reply};

type JwtEdit = Arc<dyn Fn(&mut Map<String, Value>, &mut Map<String, Value>) + Send + Sync>;
type ReplyEdit = Arc<dyn Fn(&Received, &mut Reply) + Send + Sync>;
type ParamsEdit = Arc<dyn Fn(&mut Vec<(String, String)>) + Send + Sync>;
type RawToken = Arc<dyn Fn(&str, &str) -> String + Send + Sync>;

/// How a token is signed. Each variant also sets the header's `alg` and `kid`
/// to match; an edit of the header comes after that and wins.
#[derive(Clone, Default)]
pub enum Signing {
    /// Rightly, with the current key.
    #[default]
    Key,
    /// `alg` `none` and an empty signature (RFC 8725, section 2.1).
    None,
    /// `alg` `HS256` with this secret, say the text of a public key.
    Hmac(Vec<u8>),
    /// With another algorithm. Its key is published from the moment the hook is set.
    Alg(SigningAlg),
    /// With a key, and its `kid`, that is not in the key set.
    UnpublishedKey,
    /// With the current key, then one bit is turned.
    Corrupt,
    /// Not by the provider: gets header and claims as JSON text, gives the
    /// whole token. [`Hooks::sign`] helps.
    Raw(RawToken),
}

impl Signing {
    /// [`Signing::Raw`] from a closure.
    pub fn raw(make: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Signing {
        Signing::Raw(Arc::new(make))
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signing::Key => "Key",
            Signing::None => "None",
            Signing::Hmac(_) => "Hmac",
            Signing::Alg(alg) => alg.name(),
            Signing::UnpublishedKey => "UnpublishedKey",
            Signing::Corrupt => "Corrupt",
            Signing::Raw(_) => "Raw",
        })
    }
}

#[derive(Default)]
struct State {
    id_token: Option<JwtEdit>,
    access_token: Option<JwtEdit>,
    signing: Signing,
    userinfo: Option<(Signing, JwtEdit)>,
    replies: HashMap<Endpoint, ReplyEdit>,
    delays: HashMap<Endpoint, Duration>,
    gates: HashMap<Endpoint, watch::Receiver<()>>,
    authorization_response: Option<ParamsEdit>,
    rotate_refresh_tokens: Option<bool>,
    sid: bool,
    token_lifetime: Option<Duration>,
    sign_in_as: Option<String>,
    token_prefix: String,
    clock: Duration,
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
    default_alg: SigningAlg,
    keys: Mutex<KeyRing>,
    state: Mutex<State>,
}

impl Hooks {
    pub(super) fn new(keys: KeyRing) -> Hooks {
        Hooks {
            default_alg: keys.active,
            keys: Mutex::new(keys),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn keys(&self) -> MutexGuard<'_, KeyRing> {
        lock(&self.keys)
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

    /// Whether ID tokens carry `sid`. Logto does this only for applications
    /// that ask for it for back-channel logout.
    pub fn sid(&self, include: bool) {
        self.state().sid = include;
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

    /// Opaque access tokens and refresh tokens begin with this from now on.
    /// They may hold any printable character (RFC 6749, appendix A.12 and A.17).
    pub fn token_prefix(&self, prefix: &str) {
        self.state().token_prefix = prefix.to_owned();
    }

    /// Puts the provider's clock forward by this much more. Tokens are issued
    /// by that clock too.
    pub fn advance_clock(&self, by: Duration) {
        self.state().clock += by;
    }

    /// Signs with a new key from now on. The one before stays published, older
    /// ones are forgotten.
    pub fn rotate_keys(&self) {
        self.keys().rotate();
    }

    /// Publishes the current keys only.
    pub fn drop_previous_keys(&self) {
        self.keys().drop_previous();
    }

    /// Signs with another algorithm from now on, and says so in discovery.
    pub fn signing_alg(&self, alg: SigningAlg) {
        let mut keys = self.keys();
        keys.ensure(alg);
        keys.active = alg;
    }

    /// Publishes these JWKs before the provider's own.
    pub fn publish(&self, jwks: Vec<Value>) {
        self.keys().extra = jwks;
    }

    /// Publishes a key of another algorithm beside the current one.
    pub fn publish_alg(&self, alg: SigningAlg) {
        self.keys().ensure(alg);
    }

    /// Leaves `kid` out of the key set and of token headers.
    pub fn hide_kid(&self, hide: bool) {
        self.keys().hide_kid = hide;
    }

    /// `kid` of the key that signs now.
    pub fn kid(&self) -> String {
        self.keys().kid()
    }

    /// The published public key of `alg` as a JWK.
    pub fn public_key_jwk(&self, alg: SigningAlg) -> Value {
        self.keys().public_jwk(alg)
    }

    /// The published public key of `alg` as DER (`SubjectPublicKeyInfo`).
    pub fn public_key_der(&self, alg: SigningAlg) -> Vec<u8> {
        self.keys().public_der(alg)
    }

    /// The published public key of `alg` as PEM text.
    pub fn public_key_pem(&self, alg: SigningAlg) -> String {
        self.keys().public_pem(alg)
    }

    /// The current key's signature of any bytes, for tokens made by hand.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.keys().sign(message)
    }

    /// A token of any kind (`at+jwt`, `logout+jwt`, …), signed or missigned.
    /// `edit` gets the header (`alg`, `typ`, `kid`) and the claims given.
    pub fn forge(
        &self,
        signing: &Signing,
        typ: &str,
        mut claims: Map<String, Value>,
        edit: impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>),
    ) -> String {
        let mut header = self.keys().header(signing, typ);
        edit(&mut header, &mut claims);
        self.encode(signing, &header, &claims)
    }

    /// Back to good behaviour. Keys made since stay as they are.
    pub fn reset(&self) {
        *self.state() = State::default();
        let mut keys = self.keys();
        keys.active = self.default_alg;
        keys.hide_kid = false;
        keys.extra.clear();
    }

    /// What a request that arrives at this moment has to wait for.
    pub(super) fn wait(&self, endpoint: Endpoint) -> impl Future<Output = ()> + use<> {
        let state = self.state();
        let gate = state.gates.get(&endpoint).cloned();
        let delay = state.delays.get(&endpoint).copied();
        async move {
            if let Some(mut gate) = gate {
                // Nothing is ever sent: this ends, with an error, when the gate is dropped.
                let _ = gate.changed().await;
            }
            if let Some(delay) = delay {
                sleep(delay).await;
            }
        }
    }

    pub(super) fn edit_reply(&self, request: &Received, reply: &mut Reply) {
        let edit = self.state().replies.get(&request.endpoint).cloned();
        if let Some(edit) = edit {
            edit(request, reply);
        }
    }

    pub(super) fn edit_authorization_response(&self, params: &mut Vec<(String, String)>) {
        let edit = self.state().authorization_response.clone();
        if let Some(edit) = edit {
            edit(params);
        }
    }

    pub(super) fn rotates_refresh_tokens(&self) -> Option<bool> {
        self.state().rotate_refresh_tokens
    }

    pub(super) fn includes_sid(&self) -> bool {
        self.state().sid
    }

    pub(super) fn lifetime(&self) -> u64 {
        self.state()
            .token_lifetime
            .map_or(3600, |lifetime| lifetime.as_secs())
    }

    pub(super) fn signs_in_as(&self) -> Option<String> {
        self.state().sign_in_as.clone()
    }

    pub(super) fn opaque_token(&self) -> String {
        format!("{}{}", self.state().token_prefix, random_token())
    }

    pub(super) fn clock(&self) -> Duration {
        self.state().clock
    }

    pub(super) fn sign_id_token(
        &self,
        access_token: &str,
        mut claims: Map<String, Value>,
    ) -> String {
        let (edit, signing) = {
            let state = self.state();
            (state.id_token.clone(), state.signing.clone())
        };
        let at_hash = self.keys().alg_of(&signing).at_hash(access_token);
        claims.insert("at_hash".into(), at_hash.into());
        self.forge(&signing, "JWT", claims, |header, claims| {
            if let Some(edit) = edit {
                edit(header, claims);
            }
        })
    }

    /// How userinfo is signed, when it is.
    pub(super) fn userinfo_signing(&self) -> Option<(Signing, JwtEdit)> {
        self.state().userinfo.clone()
    }

    pub(super) fn sign_access_token(&self, claims: Map<String, Value>) -> String {
        let edit = self.state().access_token.clone();
        self.forge(&Signing::Key, "at+jwt", claims, |header, claims| {
            if let Some(edit) = edit {
                edit(header, claims);
            }
        })
    }

    fn encode(
        &self,
        signing: &Signing,
        header: &Map<String, Value>,
        claims: &Map<String, Value>,
    ) -> String {
        if let Signing::Raw(make) = signing {
            // Without the lock: the closure may want to sign something itself.
            let header = Value::from(header.clone()).to_string();
            return make(&header, &Value::from(claims.clone()).to_string());
        }
        self.keys().encode(signing, header, claims)
    }
}
