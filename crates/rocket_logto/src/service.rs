//! `LogtoService`: what an API and a machine need of the provider, with nobody signed
//! in. Managed by Rocket; made by either fairing.

use std::sync::Arc;

use rocket::Request;

use crate::claims::AccessTokenClaims;
use crate::clock::{Clock, Seconds};
use crate::config::{ClientConfig, ProviderConfig};
use crate::error::bearer::BearerError;
use crate::error::{Error, ErrorKind};
use crate::oidc::failure::exchange_failed;
use crate::oidc::service::ServiceClient;
use crate::tokens::bearer::Bearers;
use crate::tokens::machine::MachineTokens;
use crate::tokens::subject_token::SubjectToken;
use crate::tokens::token::{Token, TokenFor};

/// The side of the fairing that knows no users, as managed state:
/// `&State<LogtoService>` in a handler. There with
/// [`Logto::fairing()`](crate::Logto::fairing) and with
/// [`Logto::api()`](crate::Logto::api).
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
    clock: Clock,
}

impl LogtoService {
    pub(crate) fn new(
        config: ProviderConfig,
        client: Option<ClientConfig>,
        clock: Clock,
    ) -> Result<LogtoService, reqwest::Error> {
        let inner = Inner {
            service: Arc::new(ServiceClient::new(config, client)?),
            bearers: Bearers::new(),
            machine_tokens: MachineTokens::new(),
            clock,
        };
        Ok(LogtoService {
            inner: Arc::new(inner),
        })
    }

    /// Whose tokens are accepted.
    pub fn issuer(&self) -> &str {
        &self.inner.service.config().issuer
    }

    /// An access token for this app itself, as
    /// [`MachineToken`](crate::MachineToken) gives it, outside of a request or
    /// for a handler that decides at run time. Name every scope that is needed:
    /// Logto gives none that was not asked for.
    ///
    /// **Cost:** none while cached (until 60 s before its end), else one call
    /// to the token endpoint, and one only however many ask at once.
    /// **Errors:** [`ErrorKind::Misconfigured`] and the `Provider…` kinds.
    /// **Standard:** RFC 6749 section 4.4, RFC 8707.
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

    /// Forgets the tokens for this app itself, so that the next ones asked for
    /// are new ones: after a role has changed, say.
    pub fn forget_machine_tokens(&self) {
        self.inner.machine_tokens.clear();
    }

    /// Exchanges a token that stands for a user for an access token of that
    /// user. At Logto the application has to be allowed to: "Token exchange" in
    /// its settings. Name every scope that is needed.
    ///
    /// **Cost:** one call to the token endpoint; nothing is cached. **Errors:**
    /// [`ErrorKind::Denied`] when the token is not good or the user may not
    /// have what is asked for, [`ErrorKind::ProviderBadAnswer`] for a token that
    /// is not within the organization asked for, [`ErrorKind::Misconfigured`] and
    /// the other `Provider…` kinds. **Standard:** RFC 8693.
    ///
    /// ```rust,no_run
    /// use rocket::{State, post};
    /// use rocket_logto::{Error, LogtoService, SubjectToken, TokenFor};
    ///
    /// /// Lets a script in, by its owner's personal access token.
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
        let params = subject.params(&wanted);
        let tokens = self.inner.service.exchange_token(&params).await;
        let tokens = tokens.map_err(exchange_failed).inspect_err(Error::log)?;
        let token = Token::granted(&tokens, self.now());
        wanted.check(&token).inspect_err(Error::log)?;
        Ok(token)
    }

    /// Forgets what is known of a caller's token, so that the next request with
    /// it is checked anew: after it was revoked at the provider, say. An opaque
    /// token that is no longer active is out at once; a JWT says itself how
    /// long it lasts. In this process only.
    ///
    /// **Cost:** none.
    pub async fn forget_bearer_token(&self, token: &str) {
        self.inner.bearers.forget(token).await;
    }

    /// Forgets what is known of all callers' tokens, in this process only.
    ///
    /// **Cost:** none.
    pub fn forget_bearer_tokens(&self) {
        self.inner.bearers.forget_all();
    }

    pub(crate) fn client(&self) -> &Arc<ServiceClient> {
        &self.inner.service
    }

    pub(crate) fn now(&self) -> Seconds {
        (self.inner.clock)()
    }

    /// The claims of a bearer token, verified now or before.
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
    /// are sentinels, so only a hand-made router can be without it.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> Result<&'r LogtoService, Error> {
        request.rocket().state::<LogtoService>().ok_or_else(|| {
            Error::new(
                ErrorKind::ProviderNotReady,
                "neither Logto::fairing() nor Logto::api() is attached",
            )
        })
    }
}
