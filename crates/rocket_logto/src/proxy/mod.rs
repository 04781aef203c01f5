//! The proxy for scripts of the app's own pages: it sends their requests on to an API, with
//! the user's access token in the place of the session (OAuth 2.0 for Browser-Based
//! Applications section 6.1, "Backend For Frontend").
//!
//! `admission` looks at who asks, `address` at what for; `headers` and `upload` make the
//! request, `upstream` sends it, `download` streams the answer back, and `failure` says what
//! went wrong.

mod address;
mod admission;
mod download;
mod failure;
mod headers;
mod upload;
mod upstream;

use std::marker::PhantomData;
use std::sync::Arc;

use rocket::http::Method;
use rocket::response::Response;
use rocket::route::{Handler, Outcome, Route};
use rocket::{Data, Request};

use self::address::Mount;
use self::failure::{Failure, Kind, Refusal};
use self::upload::Upload;
use self::upstream::{Answer, Upstream};
use crate::config::{LogtoConfig, ProxyConfig, UPSTREAM, upstream_url};
use crate::error::Error;
use crate::guards::{ProxiedToken, step_up};
use crate::measure::{self, Proxied as Outcomes};
use crate::oidc::challenge::{StepUpChallenge, missing_scope};
use crate::session::ActiveSession;
use crate::tokens::token::TokenFor;

/// All but `CONNECT`, and `TRACE`, which would show the token (RFC 9110 section 9.3.8).
const METHODS: [Method; 7] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
    Method::Options,
];

/// Sends requests of scripts on to an API, with the user's access token: for
/// [`LogtoFairing::proxy`](crate::LogtoFairing::proxy).
///
/// `T` says which token, by the guard that would get it in a handler:
/// [`AccessToken<R>`](crate::AccessToken) or [`OrgToken<Id, R>`](crate::OrgToken). The
/// [guide](crate::guide::single_page_app) has what passes and what does not, and a page that
/// uses it.
///
/// # Standards
///
/// OAuth 2.0 for Browser-Based Applications section 6.1; RFC 9110 section 7.6 (what a proxy
/// leaves out); RFC 6750 section 2.1.
///
/// # Examples
///
/// ```rust,no_run
/// use rocket_logto::{AccessToken, Logto, Proxy, Resource};
///
/// struct Shopping;
/// impl Resource for Shopping {
///     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
/// }
///
/// #[rocket::launch]
/// fn rocket() -> _ {
///     let shop = Proxy::<AccessToken<Shopping>>::to("https://shop.internal");
///     rocket::build().attach(Logto::fairing().proxy("/api/shop", shop))
/// }
/// ```
///
/// A script of the app's own pages then calls it, with one header more than otherwise:
///
/// ```js
/// const answer = await fetch('/api/shop/cart', { headers: { 'X-CSRF': '1' } })
/// ```
#[derive(Clone, Debug)]
#[must_use = "give it to Logto::fairing().proxy(…)"]
pub struct Proxy<T> {
    target: Target,
    token: PhantomData<fn() -> T>,
}

/// What requests are sent on to.
#[derive(Clone, Debug)]
enum Target {
    Address(String),
    Named(String),
}

impl<T: ProxiedToken> Proxy<T> {
    /// To the API at this address, `https://shop.internal` or `https://example.com/shop/v1`:
    /// `GET /api/shop/cart` becomes `GET /shop/v1/cart` there. Over plain http everybody on
    /// the way reads the tokens; the log says so at launch, unless it is on this machine.
    pub fn to(address: impl Into<String>) -> Proxy<T> {
        Proxy {
            target: Target::Address(address.into()),
            token: PhantomData,
        }
    }

    /// To the API that the configuration has by this name, so that each profile can have
    /// another: `proxy.upstreams = { shop = "https://shop.internal" }` in the `logto` table.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::{AccessToken, Logto, Proxy};
    ///
    /// let shop = Proxy::<AccessToken>::to_upstream("shop");
    /// let fairing = Logto::fairing().proxy("/api/shop", shop);
    /// ```
    pub fn to_upstream(name: impl Into<String>) -> Proxy<T> {
        Proxy {
            target: Target::Named(name.into()),
            token: PhantomData,
        }
    }
}

/// A proxy as it was declared, before the configuration is known.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    path: String,
    target: Target,
    wanted: fn(&Request<'_>) -> Result<TokenFor, Error>,
    fault: fn(&LogtoConfig, &str) -> Option<String>,
}

impl Declared {
    pub(crate) fn new<T: ProxiedToken>(path: String, proxy: Proxy<T>) -> Declared {
        Declared {
            path,
            target: proxy.target,
            wanted: T::wanted,
            fault: T::fault,
        }
    }

    /// Its routes, or what is wrong with it.
    pub(crate) fn routes(
        &self,
        config: &LogtoConfig,
        client: &reqwest::Client,
    ) -> Result<Vec<Route>, String> {
        let place = format!(".proxy({:?}, …)", self.path);
        let wrong = |why: &str| format!("{place}: {why}");
        let mount = Mount::new(&self.path, config).map_err(wrong)?;
        if let Some(fault) = (self.fault)(config, &self.path) {
            return Err(format!("{place} needs {fault}"));
        }
        let upstream = self
            .upstream(&config.proxy, client)
            .map_err(|why| wrong(&why))?;
        let route = ProxyRoute(Arc::new(Passage {
            pattern: mount.pattern(),
            mount,
            upstream,
            wanted: self.wanted,
        }));
        let pattern = route.0.pattern.clone();
        let named = |method| {
            let mut route = Route::new(method, &pattern, route.clone());
            route.name = Some("logto proxy".into());
            route
        };
        Ok(METHODS.into_iter().map(named).collect())
    }

    fn upstream(&self, config: &ProxyConfig, client: &reqwest::Client) -> Result<Upstream, String> {
        let (url, source) = match &self.target {
            Target::Address(text) => {
                let url = upstream_url(text);
                let url = url.ok_or_else(|| format!("Proxy::to({text:?}) {UPSTREAM}"))?;
                (url, "Proxy::to".to_owned())
            }
            Target::Named(name) => {
                let mut known = config.upstreams.iter();
                let found = known.find(|(known, _)| known == name);
                let (_, url) = found.ok_or_else(|| {
                    format!(
                        "Proxy::to_upstream({name:?}) is not configured: add proxy.upstreams = {{ \
                         {name} = \"https://…\" }} to the logto table"
                    )
                })?;
                (url.clone(), format!("logto.proxy.upstreams.{name}"))
            }
        };
        Ok(Upstream::new(url, source, config, client.clone()))
    }
}

/// One proxy at work.
struct Passage {
    mount: Mount,
    /// As that of a route.
    pattern: String,
    upstream: Upstream,
    wanted: fn(&Request<'_>) -> Result<TokenFor, Error>,
}

#[derive(Clone)]
struct ProxyRoute(Arc<Passage>);

#[rocket::async_trait]
impl Handler for ProxyRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let passed = Box::pin(self.0.pass(request, data)).await;
        Outcome::Success(passed.unwrap_or_else(|refusal| {
            measure::proxied(refusal.outcome());
            refusal.answer(request)
        }))
    }
}

impl Passage {
    async fn pass<'r>(
        &self,
        request: &'r Request<'_>,
        data: Data<'r>,
    ) -> Result<Response<'r>, Refusal> {
        admission::admit(request)?;
        let target = self.mount.target(request, &self.upstream)?;
        let active = ActiveSession::of(request).await?;
        let wanted = (self.wanted)(request)?;
        let token = active.token(wanted.clone()).await?;
        let upload = Upload::of(request, data).await?;
        let again = upload.again(request.method());
        let fields = headers::of_request(request);

        let answer = self
            .upstream
            .send(request.method(), &target, &fields, &token, upload);
        let mut answer = answer.await?;
        if answer.is_unauthorized() {
            demands_step_up(&answer, &active)?;
            let replaces = answer.asks_for_nonce() || active.replaces(&token).await;
            let Some(upload) = again.filter(|_| replaces) else {
                return Err(self.refused(&answer, replaces).into());
            };
            // Whatever is left of the first answer is of no use.
            drop(answer);
            let token = active.token(wanted).await?;
            let second = self
                .upstream
                .send(request.method(), &target, &fields, &token, upload);
            answer = second.await?;
            if answer.is_unauthorized() {
                demands_step_up(&answer, &active)?;
                return Err(self.refused(&answer, false).into());
            }
        }
        if answer.is_forbidden()
            && let Some(missing) = missing_scope(answer.challenges())
        {
            let why = format!(
                "the token lacks the scope {missing:?}: is it in logto.scopes, and has \
                 the user a role with it?"
            );
            return Err(self.upstream.failure(Kind::Scope(missing), why).into());
        }
        let response = answer.into_response(&target, &self.upstream).await?;
        measure::proxied(Outcomes::Passed);
        Ok(response)
    }

    /// The upstream does not take the token. Where `again`, the next request has another one.
    fn refused(&self, answer: &Answer<'_>, again: bool) -> Failure {
        let said: Vec<_> = answer.challenges().collect();
        let said: String = format!("{said:?}").chars().take(300).collect();
        let why = match again {
            true => format!(
                "answers 401 {said}: the next request brings what it asks for, and this one was not \
                 sent again"
            ),
            false => format!(
                "answers 401 {said} to a token that is new: are its issuer, audience and keys those \
                 that the API expects?"
            ),
        };
        self.upstream.failure(Kind::TokenRefused { again }, why)
    }
}

/// Turns the demand of an API (RFC 9470) into that of a sign-in.
fn demands_step_up(answer: &Answer<'_>, active: &ActiveSession) -> Result<(), Refusal> {
    match StepUpChallenge::parse(answer.challenges()) {
        Some(challenge) => Err(step_up(active, &challenge).into()),
        None => Ok(()),
    }
}
