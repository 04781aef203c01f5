//! The parameters of an authorization request, and the checks Logto makes of them.

use std::collections::BTreeSet;

use serde_json::json;
use url::Url;

use crate::clients::Client;
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::wire::{Reply, first, repeated};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// A request that passed all checks.
#[derive(Clone, Debug)]
pub(crate) struct AuthRequest {
    pub(crate) client: Client,
    pub(crate) redirect_uri: Url,
    /// The same as it was sent: the token endpoint compares text.
    pub(crate) redirect_uri_text: String,
    pub(crate) response_mode: ResponseMode,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) dpop_jkt: Option<String>,
    pub(crate) prompt: BTreeSet<String>,
    pub(crate) max_age: Option<u64>,
    pub(crate) acr_values: Option<String>,
    pub(crate) login_hint: Option<String>,
    /// Logto's own parameters, to be shown on the page.
    pub(crate) extras: Vec<(String, String)>,
    /// Logto drops all extras when one of them is not valid.
    pub(crate) extras_dropped: bool,
}

/// Where a failed request's answer goes.
pub(crate) enum Failure {
    /// To the user: there is no redirect URI one may trust. With what callers that
    /// are no browsers get.
    Page(Box<(OidcError, Reply)>),
    /// To the client.
    Client(Box<(AuthRequest, OidcError)>),
}

impl AuthRequest {
    /// Whether the application wants the user to sign up.
    pub(crate) fn registers(&self) -> bool {
        self.extras.iter().any(|(name, value)| {
            matches!(
                (name.as_str(), value.as_str()),
                ("first_screen", "register" | "identifier:register")
                    | ("interaction_mode", "signUp")
            )
        })
    }
}

pub(crate) type Params = Vec<(String, String)>;

pub(crate) fn pushed_params(
    provider: &Provider,
    params: &[(String, String)],
) -> Result<Option<Params>, OidcError> {
    let Some(request_uri) = first(params, "request_uri") else {
        return Ok(None);
    };
    let found = provider.store().pushed.remove(request_uri);
    match found {
        Some((pushed, expires))
            if expires > provider.now()
                && first(&pushed, "client_id") == first(params, "client_id") =>
        {
            Ok(Some(pushed))
        }
        _ => Err(OidcError::new(
            400,
            "invalid_request_uri",
            "request_uri is invalid or expired",
        )),
    }
}

pub(crate) fn check(
    provider: &Provider,
    params: &[(String, String)],
) -> Result<AuthRequest, Failure> {
    let page = |error: OidcError| {
        let mut reply = error.reply();
        reply.edit_json(|body| {
            if let Some(state) = first(params, "state") {
                body["state"] = json!(state);
            }
            body["iss"] = json!(provider.issuer());
        });
        Failure::Page(Box::new((error, reply)))
    };
    let Some(client_id) = first(params, "client_id") else {
        return Err(page(OidcError::invalid_request(
            "missing required parameter 'client_id'",
        )));
    };
    let client = provider.client(client_id).map_err(&page)?;
    let text = first(params, "redirect_uri").unwrap_or_default();
    let registered = client.takes_redirect_uri(provider, text);
    let Some(redirect_uri) = Url::parse(text).ok().filter(|_| registered) else {
        let description = "redirect_uri did not match any of the client's registered redirect_uris";
        return Err(page(OidcError::new(
            400,
            "invalid_redirect_uri",
            description,
        )));
    };

    let auth = read(params, client, redirect_uri);
    match check_params(provider, params, &auth) {
        Ok(()) => Ok(auth),
        Err(error) => Err(Failure::Client(Box::new((auth, error)))),
    }
}

fn read(params: &[(String, String)], client: Client, redirect_uri: Url) -> AuthRequest {
    let text = |name| {
        first(params, name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let list = |name| {
        first(params, name)
            .unwrap_or_default()
            .split(' ')
            .filter(|s| !s.is_empty())
    };
    let response_mode = match first(params, "response_mode") {
        Some("form_post") => ResponseMode::FormPost,
        Some("fragment") => ResponseMode::Fragment,
        Some(_) => ResponseMode::Query,
        None if first(params, "response_type").is_some_and(|t| t.contains("token")) => {
            ResponseMode::Fragment
        }
        None => ResponseMode::Query,
    };
    let prompt: BTreeSet<String> = list("prompt").map(str::to_owned).collect();
    // Without consent Logto gives no refresh token, and does not say so
    // (OpenID Connect Core 11).
    let offline = prompt.contains("consent") && client.may_refresh();
    let mut scopes: Vec<String> = Vec::new();
    for scope in list("scope").filter(|scope| offline || *scope != "offline_access") {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    let (extras, extras_dropped) = extras(params);
    AuthRequest {
        client,
        redirect_uri,
        redirect_uri_text: first(params, "redirect_uri").unwrap_or_default().to_owned(),
        response_mode,
        scopes,
        // Logto splits at commas.
        resources: params
            .iter()
            .filter(|(name, _)| name == "resource")
            .flat_map(|(_, value)| value.split(','))
            .map(str::to_owned)
            .collect(),
        state: text("state"),
        nonce: text("nonce"),
        code_challenge: text("code_challenge"),
        dpop_jkt: text("dpop_jkt"),
        prompt,
        max_age: first(params, "max_age").and_then(|age| age.parse().ok()),
        acr_values: text("acr_values"),
        login_hint: text("login_hint").filter(|_| !extras_dropped),
        extras,
        extras_dropped,
    }
}

/// Logto's extra parameters: shown on the page, and dropped altogether when one is invalid.
fn extras(params: &[(String, String)]) -> (Params, bool) {
    const NAMES: [&str; 8] = [
        "first_screen",
        "identifier",
        "direct_sign_in",
        "login_hint",
        "one_time_token",
        "ui_locales",
        "organization_id",
        "interaction_mode",
    ];
    let extras: Params = params
        .iter()
        .filter(|(name, _)| NAMES.contains(&name.as_str()))
        .cloned()
        .collect();
    let valid = |(name, value): &(String, String)| match name.as_str() {
        "first_screen" => matches!(
            value.as_str(),
            "sign_in"
                | "register"
                | "reset_password"
                | "single_sign_on"
                | "identifier:sign_in"
                | "identifier:register"
        ),
        "identifier" => value
            .split(' ')
            .all(|kind| matches!(kind, "email" | "phone" | "username")),
        "direct_sign_in" => {
            matches!(value.split_once(':'), Some(("social" | "sso", target)) if !target.is_empty())
        }
        "interaction_mode" => matches!(value.as_str(), "signIn" | "signUp"),
        _ => true,
    };
    if extras.iter().all(valid) {
        (extras, false)
    } else {
        (Vec::new(), true)
    }
}

fn check_params(
    provider: &Provider,
    params: &[(String, String)],
    auth: &AuthRequest,
) -> Result<(), OidcError> {
    let invalid = OidcError::invalid_request;
    if let Some(name) = repeated(params) {
        return Err(OidcError::provided_twice(name));
    }
    if first(params, "request").is_some() {
        return Err(OidcError::new(
            400,
            "request_not_supported",
            "request is not supported",
        ));
    }
    match first(params, "response_type") {
        Some("code") => {}
        None => return Err(invalid("missing required parameter 'response_type'")),
        Some(_) => {
            let description = "unsupported response_type requested";
            return Err(OidcError::new(
                400,
                "unsupported_response_type",
                description,
            ));
        }
    }
    if let Some(mode) = first(params, "response_mode")
        && !matches!(mode, "query" | "fragment" | "form_post")
    {
        return Err(invalid("unsupported response_mode requested"));
    }
    if auth
        .prompt
        .iter()
        .any(|p| !matches!(p.as_str(), "none" | "login" | "consent"))
    {
        return Err(invalid("unsupported prompt value requested"));
    }
    if auth.prompt.contains("none") && auth.prompt.len() > 1 {
        return Err(invalid("prompt none must only be used alone"));
    }
    if first(params, "max_age").is_some() && auth.max_age.is_none() {
        return Err(invalid("invalid max_age parameter value"));
    }
    if auth.nonce.is_some() && !auth.scopes.iter().any(|scope| scope == "openid") {
        return Err(invalid(
            "openid scope must be requested when using the nonce parameter",
        ));
    }
    check_pkce(provider, &auth.client, params)?;
    let mut scopes = auth.scopes.iter();
    if let Some(scope) = scopes.find(|scope| !auth.client.may_ask_for(scope)) {
        let error = OidcError::new(400, "invalid_scope", "requested scope is not allowed");
        return Err(error.scope(scope));
    }
    let seed = provider.seed();
    if auth
        .resources
        .iter()
        .any(|resource| !seed.has_resource(resource))
    {
        return Err(OidcError::invalid_target());
    }
    Ok(())
}

/// S256 only; public clients must (RFC 9700, section 2.1.1).
fn check_pkce(
    provider: &Provider,
    client: &Client,
    params: &[(String, String)],
) -> Result<(), OidcError> {
    let invalid = OidcError::invalid_request;
    match (
        first(params, "code_challenge"),
        first(params, "code_challenge_method"),
    ) {
        (_, Some(method)) if method != "S256" => {
            Err(invalid("not supported value of code_challenge_method"))
        }
        (None, Some(_)) => Err(invalid(
            "code_challenge must be provided with code_challenge_method",
        )),
        // The default method is plain (RFC 7636, section 4.3).
        (Some(_), None) => Err(invalid("not supported value of code_challenge_method")),
        (Some(challenge), Some(_)) if challenge.len() != 43 => Err(invalid(
            "code_challenge must be a string with a minimum length of 43 characters",
        )),
        (None, None) if client.needs_pkce(provider) => Err(invalid(
            "Authorization Server policy requires PKCE to be used for this request",
        )),
        _ => Ok(()),
    }
}
