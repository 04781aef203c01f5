//! `Token`: an access token with what is known about it, and `TokenFor`: what a
//! token is for.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::AccessToken as Secret;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::claims::AccessTokenClaims;
use crate::clock::{Seconds, seconds};
use crate::config::ORGANIZATION;
use crate::error::{Error, ErrorKind};
use crate::oidc::dpop::{KeyName, ProofKey, ProofKeys};
use crate::oidc::provider::Credential;
use crate::oidc::tokens::TokenSet;
use crate::oidc::verify;
use crate::sha256::sha256;

/// A token that expires within this time is not handed out any more: time for a call with it,
/// and for clocks that differ.
const LEEWAY: Seconds = 60;
/// Of a token that lives no longer than a few minutes only this part is left over: otherwise
/// it would be asked for again at each use.
const SHORT_LIVED: Seconds = 4;
/// For a response without `expires_in`, which RFC 6749 section 5.1 allows.
const DEFAULT_LIFETIME: Seconds = 3600;

/// An access token, to make a call with and to see what it allows.
///
/// The claims of a JWT are read, but not verified: it came straight from the
/// provider, and verifying it is up to the API it is for. `Debug` and `Serialize`
/// never show the token itself; `Serialize` gives the claims, or null for an
/// opaque token.
///
/// # Standards
///
/// RFC 6749 section 1.4, RFC 9068 section 2.2.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Error, Token, User};
///
/// #[get("/token")]
/// async fn about(user: User) -> Result<String, Error> {
///     let token: Token = user.access_token("https://shopping.your-app.com/api").await?;
///     let ends = token.expires_at();
///     Ok(format!("may write: {}, until {ends}", token.has_scope("write")))
/// }
/// ```
#[derive(Clone)]
pub struct Token {
    secret: Secret,
    claims: Option<Arc<AccessTokenClaims>>,
    scope: Option<String>,
    ends_at: Seconds,
    /// From when on another one is asked for.
    stale_at: Seconds,
    /// The key that it is bound to.
    key: Option<Arc<ProofKey>>,
}

impl Token {
    /// The token of a response that came at `now`.
    pub(crate) fn granted(tokens: &TokenSet, now: Seconds) -> Token {
        let lifetime = tokens.expires_in.map(seconds);
        let ends_at = now.saturating_add(lifetime.unwrap_or(DEFAULT_LIFETIME));
        let margin = LEEWAY.min(ends_at.saturating_sub(now) / SHORT_LIVED);
        Token {
            stale_at: ends_at.saturating_sub(margin),
            key: tokens.key.clone(),
            ..Token::new(tokens.access_token.clone(), tokens.scope.clone(), ends_at)
        }
    }

    /// A token that was granted before.
    pub(crate) fn new(secret: Secret, scope: Option<String>, ends_at: Seconds) -> Token {
        let claims = verify::claims(secret.secret()).map(Arc::new);
        Token {
            secret,
            claims,
            scope,
            ends_at,
            stale_at: ends_at.saturating_sub(LEEWAY),
            key: None,
        }
    }

    /// The same, bound to the key of this name. `None` where the app no longer has that key:
    /// nobody takes the token then.
    pub(crate) fn bound(self, name: Option<&KeyName>, keys: &ProofKeys) -> Option<Token> {
        let key = match name {
            Some(name) => Some(keys.named(name)?.clone()),
            None => None,
        };
        Some(Token { key, ..self })
    }

    pub(crate) fn key_name(&self) -> Option<KeyName> {
        self.key.as_ref().map(|key| key.name())
    }

    /// The same, as of another instance, which knew how long it lives.
    pub(crate) fn until(self, stale_at: Option<Seconds>) -> Token {
        Token {
            stale_at: stale_at.unwrap_or(self.stale_at),
            ..self
        }
    }

    /// The token itself. Never log it or show it. For calls to the API it is for, take
    /// [`authorization`](Token::authorization), which is right for a token that is bound to a
    /// key as well.
    pub fn secret(&self) -> &str {
        self.secret.secret()
    }

    /// The value of the `Authorization` header for calls to the API it is for: `Bearer` and the
    /// token, or `DPoP` and the token where it is bound to a key. Never log it.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Standards
    ///
    /// RFC 6750 section 2.1, RFC 9449 section 7.1.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::Token;
    ///
    /// fn cart(http: &reqwest::Client, token: &Token) -> reqwest::RequestBuilder {
    ///     let url = "https://shopping.your-app.com/api/cart";
    ///     let mut request = http.get(url).header("Authorization", token.authorization());
    ///     if let Some(proof) = token.dpop_proof("GET", url, None) {
    ///         request = request.header("DPoP", proof);
    ///     }
    ///     request
    /// }
    /// ```
    pub fn authorization(&self) -> String {
        let scheme = if self.is_dpop_bound() {
            "DPoP"
        } else {
            "Bearer"
        };
        format!("{scheme} {}", self.secret())
    }

    /// Whether the token is good only with a proof of possession: [`dpop_proof`](Token::dpop_proof).
    /// So it is where `logto.dpop` is on and the provider binds tokens.
    ///
    /// # Standards
    ///
    /// RFC 9449 section 5.
    pub fn is_dpop_bound(&self) -> bool {
        self.key.is_some()
    }

    /// The value of the `DPoP` header for one call with this token, by this method (`GET`) to
    /// this address; `None` for a token that needs none. Each proof is for one call and good
    /// for about a minute: make another one for the next call, also for a repeated one.
    ///
    /// An API may demand a `nonce`: it then answers 401 with `error="use_dpop_nonce"` in
    /// `WWW-Authenticate`, and with the nonce in `DPoP-Nonce`. Make the call once more with
    /// it, and the next ones as well: [`guide::dpop`](crate::guide::dpop) shows it.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Standards
    ///
    /// RFC 9449 sections 4.2, 7 and 9.
    ///
    /// # Examples
    ///
    /// See [`authorization`](Token::authorization).
    pub fn dpop_proof(&self, method: &str, url: &str, nonce: Option<&str>) -> Option<String> {
        let key = self.key.as_ref()?;
        let proof = key.proof(method, url, nonce, Some(self.secret()));
        if proof.is_none() {
            log::error!("logto: there is no randomness for a proof");
        }
        proof
    }

    /// The claims of a JWT (RFC 9068 section 2.2); `None` for an opaque token.
    pub fn claims(&self) -> Option<&AccessTokenClaims> {
        self.claims.as_deref()
    }

    /// The scopes of the token: of its `scope`, else its `scp`, else of the response it
    /// came with. None where that is empty.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let of_the_token = self.claims().and_then(AccessTokenClaims::granted);
        let scope = of_the_token.or(self.scope.as_deref()).unwrap_or_default();
        scope.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether the token has this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }

    /// Whom a JWT is for, whatever else stands in it; `None` for an opaque token, which
    /// says nothing to anybody but the provider.
    fn audience(&self) -> Option<Vec<String>> {
        let claims: Map<String, Value> = verify::claims(self.secret())?;
        let text = |name: &Value| name.as_str().map(str::to_owned);
        Some(match claims.get("aud") {
            Some(Value::Array(names)) => names.iter().filter_map(text).collect(),
            one => one.and_then(text).into_iter().collect(),
        })
    }

    /// When the token expires, in UTC. An hour after it was issued when the
    /// provider has not said.
    pub fn expires_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.ends_at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    pub(crate) fn ends_at(&self) -> Seconds {
        self.ends_at
    }

    pub(crate) fn stale_at(&self) -> Seconds {
        self.stale_at
    }

    /// Whether it is not about to expire.
    pub(crate) fn lasts(&self, now: Seconds) -> bool {
        self.stale_at > now
    }

    pub(crate) fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// For what keeps it, which needs the newtype.
    pub(crate) fn as_secret(&self) -> &Secret {
        &self.secret
    }

    /// For calls to the provider itself.
    pub(crate) fn credential(&self) -> Credential<'_> {
        Credential {
            token: &self.secret,
            key: self.key.as_deref(),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("scopes", &self.scopes().collect::<Vec<_>>())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

/// What a token is for: an API resource, an organization or both, and which
/// scopes. The default is the token for the provider's userinfo endpoint.
///
/// # Standards
///
/// RFC 8707 section 2.2 (`resource`), RFC 6749 section 3.3 (`scope`); Logto's
/// `organization_id`.
///
/// # Examples
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Error, TokenFor, User};
///
/// #[get("/report")]
/// async fn report(user: User) -> Result<String, Error> {
///     let only_read = TokenFor::resource("https://shopping.your-app.com/api").scope("read");
///     let token = user.token(only_read).await?;
///     Ok(format!("may read: {}", token.has_scope("read")))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct TokenFor {
    resource: Option<String>,
    organization: Option<String>,
    scopes: Vec<String>,
    /// That none is needed.
    without_scopes: bool,
}

impl TokenFor {
    /// For an API resource, by its indicator. For a user's token it must be listed
    /// in `resources`.
    pub fn resource(indicator: impl Into<String>) -> TokenFor {
        TokenFor {
            resource: Some(indicator.into()),
            ..TokenFor::default()
        }
    }

    /// For an organization, by its id. For a user's token, `scopes` must list
    /// `urn:logto:scope:organizations`.
    pub fn organization(id: impl Into<String>) -> TokenFor {
        TokenFor {
            organization: Some(id.into()),
            ..TokenFor::default()
        }
    }

    /// The same within an organization, by its id.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::TokenFor;
    ///
    /// let orders = TokenFor::resource("https://orders.your-app.com/api").within("acme5obvzg01");
    /// assert_ne!(orders, TokenFor::organization("acme5obvzg01"));
    /// ```
    pub fn within(mut self, organization: impl Into<String>) -> TokenFor {
        self.organization = Some(organization.into());
        self
    }

    /// Limits the token to this scope and the others added in the same way.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::TokenFor;
    ///
    /// let orders = TokenFor::resource("https://orders.your-app.com/api");
    /// let one = orders.clone().scope("read").scope("write");
    /// let other = orders.scope("write").scope("read");
    /// assert_eq!(one, other);
    /// ```
    pub fn scope(mut self, scope: impl Into<String>) -> TokenFor {
        let scope = scope.into();
        if let Err(at) = self.scopes.binary_search(&scope) {
            self.scopes.insert(at, scope);
        }
        self
    }

    /// Says that the API asks for no scope, so that none is missing from this: only token
    /// exchange wants to know, because Logto gives none there unless they are named.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::TokenFor;
    ///
    /// let status = TokenFor::resource("https://status.your-app.com/api").without_scopes();
    /// # let _ = status;
    /// ```
    pub fn without_scopes(mut self) -> TokenFor {
        self.without_scopes = true;
        self
    }

    /// Whether nobody has thought of scopes.
    pub(crate) fn leaves_scopes_open(&self) -> bool {
        self.scopes.is_empty() && !self.without_scopes
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == TokenFor::default()
    }

    /// Refuses a token that is not for the resource or not within the organization that
    /// was asked for. A provider that knows nothing of either ignores the parameter
    /// (RFC 6749 section 3.2): its token may open something else, which the resource
    /// would then be handed (RFC 9700 section 2.3), and proves no membership.
    pub(crate) fn check(&self, token: &Token) -> Result<(), Error> {
        let named = |id: &String, claims: &AccessTokenClaims| match &self.resource {
            Some(_) => claims.organization_id.value() == Some(id),
            None => claims.aud.contains(&format!("{ORGANIZATION}{id}")),
        };
        if let Some(id) = &self.organization
            && !token.claims().is_some_and(|claims| named(id, claims))
        {
            return Err(Error::new(
                ErrorKind::ProviderBadAnswer,
                "token_is_not_within_the_organization",
            ));
        }
        if let Some(resource) = &self.resource
            && let Some(audience) = token.audience()
            && !audience.iter().any(|name| name == resource)
        {
            return Err(not_for(resource, &audience));
        }
        Ok(())
    }

    /// A short name, the same on all instances.
    pub(crate) fn name(&self) -> String {
        let text = format!("{:?}", (&self.resource, &self.organization, &self.scopes));
        URL_SAFE_NO_PAD.encode(&sha256(text)[..16])
    }

    /// Whether it asks for certain scopes only.
    pub(crate) fn is_narrowed(&self) -> bool {
        !self.scopes.is_empty()
    }

    /// The parameters of the refresh request.
    pub(crate) fn params(&self) -> Vec<(&'static str, String)> {
        let mut params = Vec::new();
        if let Some(resource) = &self.resource {
            params.push(("resource", resource.clone()));
        }
        if let Some(organization) = &self.organization {
            params.push(("organization_id", organization.clone()));
        }
        if !self.scopes.is_empty() {
            params.push(("scope", self.scopes.join(" ")));
        }
        params
    }
}

/// The operator can end it: at the provider, or by asking for another thing.
fn not_for(resource: &str, audience: &[String]) -> Error {
    let audience: String = format!("{audience:?}").chars().take(200).collect();
    let hint = format!(
        "the provider gives a token for {audience} (its aud) instead of {resource:.200?}, so it does \
         not know that resource, or ignores the parameter resource (RFC 8707) as Keycloak does. \
         Register the resource there, or let the provider put it into aud (Keycloak: an audience \
         mapper); see logto.resources. A token that is for whatever the provider likes is the one \
         without a resource"
    );
    Error::misconfigured("token_is_not_for_the_resource", hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opaque(scope: Option<&str>) -> Token {
        Token::new(Secret::new("canary".into()), scope.map(str::to_owned), 60)
    }

    #[test]
    fn an_empty_scope_is_the_empty_set() {
        assert_eq!(opaque(Some("")).scopes().count(), 0);
        assert_eq!(opaque(None).scopes().count(), 0);
        assert!(!opaque(Some("")).has_scope(""));
        assert_eq!(
            opaque(Some("a  b")).scopes().collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn shows_itself_to_nobody() {
        let token = opaque(Some("read"));
        assert!(!format!("{token:?}").contains("canary"));
        assert_eq!(serde_json::to_string(&token).unwrap(), "null");
    }

    /// RFC 8707 section 2.2: what a token is for stands in `aud`, where it can be read.
    #[test]
    fn a_token_for_somebody_else_is_not_for_the_resource() {
        let check = |payload: &str, wanted: &TokenFor| {
            let token = format!("e30.{}.AA", URL_SAFE_NO_PAD.encode(payload));
            let token = Token::new(Secret::new(token), None, 60);
            wanted.check(&token).map_err(|error| error.kind())
        };
        let wanted = TokenFor::resource("https://a.example/api");
        for good in [
            r#"{"aud":"https://a.example/api"}"#,
            r#"{"aud":["account","https://a.example/api"]}"#,
            r#"{"aud":[7,"https://a.example/api"]}"#,
            // Not JSON: opaque, whatever it looks like.
            "opaque",
            "[]",
        ] {
            assert_eq!(check(good, &wanted), Ok(()), "{good}");
        }
        for bad in [
            r#"{"aud":"account"}"#,
            r#"{"aud":["account","https://a.example/api/"]}"#,
            r#"{"aud":"https://a.example/api https://b.example"}"#,
            r#"{"aud":[]}"#,
            r#"{"aud":null}"#,
            r#"{"aud":{"https://a.example/api":1}}"#,
            "{}",
        ] {
            assert_eq!(check(bad, &wanted), Err(ErrorKind::Misconfigured), "{bad}");
            // The default one is for the provider itself.
            assert_eq!(check(bad, &TokenFor::default()), Ok(()), "{bad}");
            assert_eq!(check(bad, &TokenFor::default().scope("s")), Ok(()), "{bad}");
        }
    }

    #[test]
    fn keys_are_equal_whatever_the_order_of_scopes() {
        let key = |first, second| {
            TokenFor::resource("r")
                .within("o")
                .scope(first)
                .scope(second)
        };
        assert_eq!(key("a", "b"), key("b", "a"));
        assert_eq!(key("a", "a").params().last().unwrap().1, "a");
    }
}
