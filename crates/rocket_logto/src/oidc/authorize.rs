//! The authorization request (OpenID Connect Core section 3.1.2.1), with `state`,
//! `nonce` and PKCE S256 (RFC 7636), made by `openidconnect`; and what one sign-in
//! asks for in addition to the configuration.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient};
use openidconnect::{
    AuthUrl, AuthenticationContextClass, ClientId, CsrfToken, IssuerUrl, JsonWebKeySet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use url::Url;

use super::attempt::Attempt;
use super::authentication::RequestedAuthentication;
use super::dpop::{KeyName, ProofKey};
use super::error::ProviderError;
use super::metadata::Metadata;
use crate::clock::Seconds;
use crate::config::parameters::{
    DirectSignIn, FirstScreen, Identifier, OFFLINE_ACCESS, Prompt, SignInParameter,
};
use crate::config::{LogtoConfig, ResponseMode};

/// Everything about one sign-in request that is not configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthorizeOptions {
    pub first_screen: Option<FirstScreen>,
    pub identifiers: Vec<Identifier>,
    pub direct_sign_in: Option<DirectSignIn>,
    pub login_hint: Option<String>,
    pub one_time_token: Option<String>,
    pub ui_locales: Option<String>,
    pub organization_id: Option<String>,
    pub prompt: Option<Vec<Prompt>>,
    pub max_age: Option<u32>,
    pub acr_values: Vec<String>,
    pub amr: Vec<String>,
    pub extra: Vec<(String, String)>,
}

impl AuthorizeOptions {
    /// What this sign-in itself demands of the authentication.
    pub(crate) fn asked(&self) -> RequestedAuthentication {
        RequestedAuthentication {
            max_age: self.max_age,
            acr_values: self.acr_values.clone(),
            amr: self.amr.clone(),
            since: None,
        }
    }

    /// What the provider must ask the user. No parameter asks for methods (`amr`), so where
    /// nothing else is asked for, the user authenticates again: otherwise the provider would
    /// only say what it has said before.
    fn prompt(&self, config: &LogtoConfig) -> Vec<Prompt> {
        let prompt = self.prompt.as_ref().unwrap_or(&config.prompt);
        let has_class = !self.acr_values.is_empty() || !config.acr_values.is_empty();
        let has_age = self.max_age.or(config.max_age).is_some();
        match self.amr.is_empty() || has_class || has_age || prompt.contains(&Prompt::None) {
            true => prompt.clone(),
            false => Prompt::with_configured(&[Prompt::Login], prompt),
        }
    }

    /// Logto's extra parameters, then the app's own, in the order they are sent.
    fn extra_params(&self) -> Vec<(String, String)> {
        let mut params = Vec::new();
        let mut push = |parameter: SignInParameter, value: Option<String>| {
            if let Some(value) = value {
                params.push((parameter.name().to_owned(), value));
            }
        };
        push(
            SignInParameter::FirstScreen,
            self.first_screen.map(|screen| screen.as_str().to_owned()),
        );
        if self.first_screen.is_some_and(FirstScreen::takes_identifier) {
            let identifiers: Vec<_> = self.identifiers.iter().map(|id| id.as_str()).collect();
            push(
                SignInParameter::Identifier,
                (!identifiers.is_empty()).then(|| identifiers.join(" ")),
            );
        }
        push(
            SignInParameter::DirectSignIn,
            self.direct_sign_in.as_ref().map(DirectSignIn::to_param),
        );
        push(SignInParameter::LoginHint, self.login_hint.clone());
        push(SignInParameter::OneTimeToken, self.one_time_token.clone());
        push(SignInParameter::UiLocales, self.ui_locales.clone());
        push(
            SignInParameter::OrganizationId,
            self.organization_id.clone(),
        );
        params.extend(self.extra.iter().cloned());
        params
    }
}

/// A sign-in that has started: where the browser goes, and what must come back.
pub(crate) struct Authorization {
    pub url: Url,
    pub attempt: Attempt,
    pub asked: RequestedAuthentication,
    /// The key that the tokens are to be bound to.
    pub key: Option<KeyName>,
}

/// The request as it would go through the browser.
pub(super) fn request(
    config: &LogtoConfig,
    metadata: &Metadata,
    options: &AuthorizeOptions,
    attempt: Attempt,
    key: Option<&Arc<ProofKey>>,
    now: Seconds,
) -> Result<Authorization, ProviderError> {
    let malformed = |error: url::ParseError| ProviderError::Malformed {
        what: "configuration",
        error: error.to_string(),
    };
    let issuer = IssuerUrl::new(config.issuer().to_owned()).map_err(malformed)?;
    let redirect_uri = RedirectUrl::new(config.redirect_uri()).map_err(malformed)?;
    let client_id = ClientId::new(config.app_id().to_owned());
    let client = CoreClient::new(client_id, issuer, JsonWebKeySet::new(Vec::new()))
        .set_auth_uri(AuthUrl::from_url(metadata.authorization_endpoint.clone()))
        .set_redirect_uri(redirect_uri);

    let verifier = PkceCodeVerifier::new(attempt.code_verifier());
    let (state, nonce) = (attempt.state(), attempt.nonce());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    // `openid` is added by the crate itself.
    let scopes = scopes(config, metadata).filter(|scope| *scope != "openid");
    let mut request = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new(state),
            || openidconnect::Nonce::new(nonce),
        )
        .set_pkce_challenge(challenge)
        .add_scopes(scopes.map(|scope| Scope::new(scope.to_owned())));
    let prompt = options.prompt(config);
    for prompt in &prompt {
        request = request.add_prompt(match prompt {
            Prompt::None => CoreAuthPrompt::None,
            Prompt::Login => CoreAuthPrompt::Login,
            Prompt::Consent => CoreAuthPrompt::Consent,
            Prompt::SelectAccount => CoreAuthPrompt::SelectAccount,
        });
    }
    let asked = requested_authentication(config, options, &prompt, now);
    if let Some(max_age) = asked.max_age {
        request = request.set_max_age(Duration::from_secs(max_age.into()));
    }
    for acr in &asked.acr_values {
        request = request.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
    }
    for resource in &config.resources {
        request = request.add_extra_param("resource", resource);
    }
    if config.response_mode == ResponseMode::FormPost {
        request = request.add_extra_param("response_mode", "form_post");
    }
    if let Some(key) = key {
        // RFC 9449 section 10: the code is then of no use to whoever has another key.
        request = request.add_extra_param("dpop_jkt", key.thumbprint());
    }
    let own = options.extra_params();
    let is_new = |(name, _): &&(String, String)| own.iter().all(|(known, _)| known != name);
    for (name, value) in config.extra_params.iter().filter(is_new).chain(&own) {
        request = request.add_extra_param(name, value);
    }
    let (url, _, _) = request.url();
    Ok(Authorization {
        url,
        attempt,
        asked,
        key: key.map(|key| key.name()),
    })
}

/// The scopes to ask for, each once.
pub(super) fn scopes<'a>(
    config: &'a LogtoConfig,
    metadata: &Metadata,
) -> impl Iterator<Item = &'a str> {
    let configured = config.scopes.iter().map(String::as_str);
    let is_new = config.offline_access_if_announced
        && metadata.wants_offline_access()
        && !config.scopes.iter().any(|scope| scope == OFFLINE_ACCESS);
    configured.chain(is_new.then_some(OFFLINE_ACCESS))
}

/// What is demanded of the authentication: by this sign-in, or else by the
/// configuration.
fn requested_authentication(
    config: &LogtoConfig,
    options: &AuthorizeOptions,
    prompt: &[Prompt],
    now: Seconds,
) -> RequestedAuthentication {
    let mut asked = options.asked();
    asked.max_age = asked.max_age.or(config.max_age);
    if asked.acr_values.is_empty() {
        asked.acr_values = config.acr_values.clone();
    }
    asked.since = prompt.contains(&Prompt::Login).then_some(now);
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_goes_only_where_logto_knows_it() {
        let mut options = AuthorizeOptions {
            first_screen: Some(FirstScreen::Register),
            identifiers: vec![Identifier::Email, Identifier::Phone],
            ..Default::default()
        };
        assert_eq!(
            options.extra_params(),
            [("first_screen".into(), "register".into())]
        );
        options.first_screen = Some(FirstScreen::IdentifierRegister);
        assert!(
            options
                .extra_params()
                .contains(&("identifier".into(), "email phone".into()))
        );
    }
}
