//! `LogtoService`: what an API or a machine needs from the provider, without a
//! signed-in user. Managed by Rocket; made by either fairing.

use std::sync::Arc;
use std::time::Duration;

use rocket::Request;

use crate::claims::AccessTokenClaims;
use crate::clock::{Clock, Seconds};
use crate::config::{ClientConfig, NamedBy, ProviderConfig};
use crate::error::bearer::BearerError;
use crate::error::{Error, ErrorKind};
use crate::oidc::authentication::Measure;
use crate::oidc::failure::exchange_failed;
use crate::oidc::service::ServiceClient;
use crate::resource_metadata::ProtectedResources;
use crate::tokens::bearer::Bearers;
use crate::tokens::machine::MachineTokens;
use crate::tokens::subject_token::SubjectToken;
use crate::tokens::token::{Token, TokenFor};

/// The part of the fairing that works without users: tokens for the app itself,
/// token exchange, and what is known of callers' tokens.
///
/// Managed state, so a handler takes it as `&State<LogtoService>`. Both
/// [`Logto::fairing()`](crate::Logto::fairing) and
/// [`Logto::api()`](crate::Logto::api) provide it. Cloning is cheap and shares the
/// caches, for instance with a background task.
///
/// # Examples
///
/// ```rust
/// use rocket::{State, get};
/// use rocket_logto::{Error, LogtoService, TokenFor};
///
/// #[get("/report")]
/// async fn report(logto: &State<LogtoService>) -> Result<String, Error> {
///     let wanted = TokenFor::resource("https://shopping.your-app.com/api").scope("read");
///     let token = logto.machine_token(wanted).await?;
///     Ok(format!("this app may read: {}", token.has_scope("read")))
/// }
/// ```
#[derive(Clone)]
pub struct LogtoService {
    inner: Arc<Inner>,
}

struct Inner {
    service: Arc<ServiceClient>,
    bearers: Bearers,
    machine_tokens: MachineTokens,
    resources: ProtectedResources,
    clock: Clock,
}

/// A token that allows nothing looks like one that allows too little, much later.
const NO_SCOPE_NAMED: &str = "a token exchange at Logto gives no scope that is not named: name them \
    by TokenFor::scope, or say TokenFor::without_scopes where the API asks for none";

impl LogtoService {
    pub(crate) fn new(
        config: ProviderConfig,
        client: Option<ClientConfig>,
        resources: ProtectedResources,
        clock: Clock,
    ) -> Result<LogtoService, reqwest::Error> {
        let inner = Inner {
            service: Arc::new(ServiceClient::new(config, client, clock)?),
            bearers: Bearers::new(),
            machine_tokens: MachineTokens::new(),
            resources,
            clock,
        };
        Ok(LogtoService {
            inner: Arc::new(inner),
        })
    }

    /// The issuer whose tokens are accepted.
    pub fn issuer(&self) -> &str {
        &self.inner.service.config().issuer
    }

    /// An access token for this app itself, for code outside of a request or a
    /// handler that knows the API only at run time. Otherwise use the guard
    /// [`MachineToken`](crate::MachineToken).
    ///
    /// Name every scope you need: Logto grants only those that are asked for, and
    /// silently leaves out those that the app's roles do not give.
    ///
    /// # Network
    ///
    /// None while the token is cached, which is until 60 seconds before it
    /// expires. Otherwise one call to the token endpoint, shared by all callers
    /// that arrive at the same time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Misconfigured`] when the provider refuses, or gives a token for
    /// another resource, and the `Provider…` kinds.
    ///
    /// # Standards
    ///
    /// RFC 6749 section 4.4, RFC 8707 section 2.2.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::{Error, LogtoService, TokenFor};
    ///
    /// # async fn run(logto: LogtoService) -> Result<(), Error> {
    /// let orders = TokenFor::resource("https://orders.your-app.com/api").within("acme5obvzg01");
    /// let token = logto.machine_token(orders.scope("orders:read")).await?;
    /// # Ok(()) }
    /// ```
    pub async fn machine_token(&self, wanted: TokenFor) -> Result<Token, Error> {
        let token = self.machine_token_shared(wanted).await;
        Ok(Token::clone(&*token.inspect_err(Error::log)?))
    }

    pub(crate) async fn machine_token_shared(&self, wanted: TokenFor) -> Result<Arc<Token>, Error> {
        let Inner {
            machine_tokens,
            service,
            ..
        } = &*self.inner;
        machine_tokens.get(service, wanted, self.now()).await
    }

    /// Forgets the cached tokens for this app itself, so that the next ones are
    /// fetched anew; for instance after a role has changed. In this process only.
    ///
    /// # Network
    ///
    /// None.
    pub fn forget_machine_tokens(&self) {
        self.inner.machine_tokens.clear();
    }

    /// Exchanges a token that stands for a user for an access token of that
    /// user.
    ///
    /// At Logto, switch on *Allow token exchange* in the application's settings, and name every
    /// scope you need: it gives none that is not named, so a request without any is refused
    /// here, unless it says [`without_scopes`](TokenFor::without_scopes). There is no refresh
    /// token: exchange anew when the token has expired, an impersonation token for each.
    /// Who acts for the user, if that was said, is in the claim `act` (RFC 8693 section 4.1):
    /// `token.claims()?.extra["act"]["sub"]`.
    ///
    /// # Network
    ///
    /// One call to the token endpoint. Nothing is cached.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Denied`]: the subject token is not good, or the user may not
    ///   have what is asked for.
    /// - [`ErrorKind::Misconfigured`]: this application may not exchange tokens, the new token
    ///   is for another resource, or no scope was named at Logto.
    /// - [`ErrorKind::ProviderBadAnswer`]: among others, the new token is not
    ///   within the organization that was asked for.
    /// - The other `Provider…` kinds.
    ///
    /// # Standards
    ///
    /// RFC 8693 section 2.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket::{State, post};
    /// use rocket_logto::{Error, LogtoService, SubjectToken, TokenFor};
    ///
    /// /// For a script that sends its owner's personal access token.
    /// #[post("/cart", data = "<token>")]
    /// async fn cart(token: String, logto: &State<LogtoService>) -> Result<String, Error> {
    ///     let shopping = TokenFor::resource("https://shopping.your-app.com/api").scope("read");
    ///     let token = SubjectToken::personal_access_token(token);
    ///     let token = logto.exchange_token(token, shopping).await?;
    ///     Ok(token.claims().map(|claims| claims.sub.clone()).unwrap_or_default())
    /// }
    /// ```
    pub async fn exchange_token(
        &self,
        subject: SubjectToken,
        wanted: TokenFor,
    ) -> Result<Token, Error> {
        let is_logto = self.inner.service.config().named_by == NamedBy::Endpoint;
        if is_logto && wanted.leaves_scopes_open() {
            let error = Error::misconfigured("no_scope_named", NO_SCOPE_NAMED);
            error.log();
            return Err(error);
        }
        let params = subject.params(&wanted);
        let tokens = self.inner.service.exchange_token(&params).await;
        let tokens = tokens.map_err(exchange_failed).inspect_err(Error::log)?;
        let token = Token::granted(&tokens, self.now());
        wanted.check(&token).inspect_err(Error::log)?;
        Ok(token)
    }

    /// Forgets the verdict on a caller's token, so that the next request with it
    /// is checked again; for instance after it was revoked at the provider.
    ///
    /// An opaque token that is no longer active is then refused at once. A JWT
    /// passes again until it expires. In this process only.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::{State, post};
    /// use rocket_logto::LogtoService;
    ///
    /// #[post("/revoked", data = "<token>")]
    /// async fn revoked(token: String, logto: &State<LogtoService>) {
    ///     logto.forget_bearer_token(&token).await;
    /// }
    /// ```
    pub async fn forget_bearer_token(&self, token: &str) {
        self.inner.bearers.forget(token).await;
    }

    /// Forgets the verdicts on all callers' tokens, in this process only.
    ///
    /// # Network
    ///
    /// None.
    pub fn forget_bearer_tokens(&self) {
        self.inner.bearers.forget_all();
    }

    /// What callers are told about this app.
    pub(crate) fn resources(&self) -> &ProtectedResources {
        &self.inner.resources
    }

    pub(crate) fn client(&self) -> &Arc<ServiceClient> {
        &self.inner.service
    }

    /// For clocks that differ.
    pub(crate) fn tolerance(&self) -> Duration {
        self.inner.service.config().clock_tolerance
    }

    /// By what a caller's authentication is measured now.
    pub(crate) fn measure(&self) -> Measure<'_> {
        self.inner.service.measure(self.now())
    }

    pub(crate) fn now(&self) -> Seconds {
        (self.inner.clock)() + self.inner.service.config().ahead()
    }

    /// The claims of a bearer token, verified now or earlier.
    pub(crate) async fn verify_bearer(
        &self,
        token: &str,
    ) -> Result<Arc<AccessTokenClaims>, BearerError> {
        let Inner {
            bearers, service, ..
        } = &*self.inner;
        bearers.verify(service, token, self.now()).await
    }

    /// The state of the fairing, for code that runs inside a request. Guards
    /// are sentinels, so it is missing only where routes were built by hand.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Result<&'r LogtoService, Error> {
        request.rocket().state::<LogtoService>().ok_or_else(|| {
            Error::new(
                ErrorKind::ProviderNotReady,
                "neither Logto::fairing() nor Logto::api() is attached",
            )
        })
    }
}
