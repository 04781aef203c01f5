//! The authorization endpoint: checks as Logto makes them, the sign-in page,
//! and the authorization response (OpenID Connect Core 3.1.2, RFC 9207).

use std::collections::BTreeSet;

use serde_json::json;
use url::Url;

use super::error::OidcError;
use super::keys::random_token;
use super::pages;
use super::seed::{Seed, SeedUser};
use super::store::{
    CODE_LIFETIME, Code, Grant, INTERACTION_LIFETIME, Interaction, SESSION_LIFETIME, Session,
};
use super::wire::{Received, Reply, first};
use super::{Provider, claims, token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// A request that passed all checks.
#[derive(Clone, Debug)]
pub(super) struct AuthRequest {
    pub(super) redirect_uri: Url,
    /// The same as it was sent: the token endpoint compares text.
    redirect_uri_text: String,
    response_mode: ResponseMode,
    scopes: Vec<String>,
    resources: Vec<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    prompt: BTreeSet<String>,
    max_age: Option<u64>,
    pub(super) login_hint: Option<String>,
    /// Logto's own parameters, to be shown on the page.
    pub(super) extras: Vec<(String, String)>,
    /// Logto drops all extras when one of them is not valid.
    pub(super) extras_dropped: bool,
}

/// Where a failed request's answer goes.
enum Failure {
    /// To the user: there is no redirect URI one may trust.
    Page(Reply),
    /// To the client.
    Client(Box<(AuthRequest, OidcError)>),
}

pub(super) fn authorize(provider: &Provider, request: &Received) -> Reply {
    let params = if request.method == "POST" {
        &request.form
    } else {
        &request.query
    };
    let pushed = match pushed_params(provider, params) {
        Ok(pushed) => pushed,
        Err(error) => return error.reply(),
    };
    let params = pushed.as_ref().unwrap_or(params);
    match check(provider, params) {
        Ok(auth) => go_on(provider, request, auth),
        Err(Failure::Page(reply)) => reply,
        Err(Failure::Client(failed)) => {
            let (auth, error) = *failed;
            respond_error(provider, &auth, &error)
        }
    }
}

/// Stores the parameters for a minute (RFC 9126).
pub(super) fn push(provider: &Provider, request: &Received) -> Reply {
    let mut params = request.form.clone();
    params.retain(|(name, _)| name != "client_secret");
    let checked =
        token::authenticate(provider, request).and_then(|()| match first(&params, "client_id") {
            Some(_) => Ok(()),
            None => Err(OidcError::invalid_request(
                "missing required parameter 'client_id'",
            )),
        });
    if let Err(error) = checked {
        return error.reply();
    }
    match check(provider, &params) {
        Ok(_) => {}
        Err(Failure::Page(reply)) => return reply,
        Err(Failure::Client(failed)) => return failed.1.reply(),
    }
    let request_uri = format!("urn:ietf:params:oauth:request_uri:{}", random_token());
    let expires = provider.now() + 60;
    provider
        .store()
        .pushed
        .insert(request_uri.clone(), (params, expires));
    Reply::json(
        201,
        &json!({ "expires_in": 60, "request_uri": request_uri }),
    )
}

type Params = Vec<(String, String)>;

fn pushed_params(provider: &Provider, params: &Params) -> Result<Option<Params>, OidcError> {
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

fn check(provider: &Provider, params: &Params) -> Result<AuthRequest, Failure> {
    let page = |error: OidcError| {
        let mut reply = error.reply();
        reply.edit_json(|body| {
            if let Some(state) = first(params, "state") {
                body["state"] = json!(state);
            }
            body["iss"] = json!(provider.issuer());
        });
        Failure::Page(reply)
    };
    let Some(client_id) = first(params, "client_id") else {
        return Err(page(OidcError::invalid_request(
            "missing required parameter 'client_id'",
        )));
    };
    if client_id != provider.settings.client_id {
        let description = format!("invalid client {client_id}");
        return Err(page(OidcError::new(400, "invalid_client", &description)));
    }
    let text = first(params, "redirect_uri").unwrap_or_default();
    let registered = provider.redirect_uris().iter().any(|uri| uri == text);
    let Some(redirect_uri) = Url::parse(text).ok().filter(|_| registered) else {
        let description = "redirect_uri did not match any of the client's registered redirect_uris";
        return Err(page(OidcError::new(
            400,
            "invalid_redirect_uri",
            description,
        )));
    };

    let auth = read(params, redirect_uri);
    match check_params(provider, params, &auth) {
        Ok(()) => Ok(auth),
        Err(error) => Err(Failure::Client(Box::new((auth, error)))),
    }
}

fn read(params: &Params, redirect_uri: Url) -> AuthRequest {
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
    let offline = prompt.contains("consent");
    let mut scopes: Vec<String> = Vec::new();
    for scope in list("scope").filter(|scope| offline || *scope != "offline_access") {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    let (extras, extras_dropped) = extras(params);
    AuthRequest {
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
        prompt,
        max_age: first(params, "max_age").and_then(|age| age.parse().ok()),
        login_hint: text("login_hint"),
        extras,
        extras_dropped,
    }
}

/// Logto's extra parameters: shown on the page, and dropped altogether when one is invalid.
fn extras(params: &Params) -> (Params, bool) {
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

fn check_params(provider: &Provider, params: &Params, auth: &AuthRequest) -> Result<(), OidcError> {
    let invalid = OidcError::invalid_request;
    // RFC 6749, section 3.1: no parameter twice. RFC 8707 excepts `resource`.
    for (index, (name, _)) in params.iter().enumerate() {
        if name != "resource" && params[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(invalid(&format!(
                "'{name}' parameter must not be provided twice"
            )));
        }
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
    check_pkce(provider, params)?;
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
fn check_pkce(provider: &Provider, params: &Params) -> Result<(), OidcError> {
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
        (None, None) if provider.settings.client_secret.is_none() => Err(invalid(
            "Authorization Server policy requires PKCE to be used for this request",
        )),
        _ => Ok(()),
    }
}

/// Straight through when the user is signed in here, else to the sign-in page.
fn go_on(provider: &Provider, request: &Received, auth: AuthRequest) -> Reply {
    if let Some(user) = provider.hooks.signs_in_as() {
        return sign_in(provider, &auth, &user).unwrap_or_else(|| {
            pages::error(
                400,
                "No such user",
                "The hook `sign_in_as` names nobody who can sign in.",
            )
        });
    }
    let now = provider.now();
    let session = provider.session(request).filter(|(_, session)| {
        let fresh = auth
            .max_age
            .is_none_or(|age| session.auth_time + age >= now);
        fresh && !auth.prompt.contains("login")
    });
    let silent = auth.prompt.contains("none");
    match session {
        Some((id, session)) => {
            let new = auth.scopes.iter().any(|scope| {
                claims::SCOPES.contains(&scope.as_str()) && !session.consented.contains(scope)
            });
            if silent && new {
                let description = "requested scopes not granted";
                let error = OidcError::new(400, "consent_required", description);
                return respond_error(provider, &auth, &error);
            }
            respond_code(provider, &auth, &id, session)
        }
        None if silent => {
            let description = "End-User authentication is required";
            let error = OidcError::new(400, "login_required", description);
            respond_error(provider, &auth, &error)
        }
        None => {
            let interaction = random_token();
            let page = pages::sign_in(provider, &interaction, &auth, None);
            let expires = now + INTERACTION_LIFETIME;
            let entry = Interaction {
                request: auth,
                expires,
            };
            provider.store().interactions.insert(interaction, entry);
            page
        }
    }
}

/// The sign-in page's form.
pub(super) fn submit(provider: &Provider, request: &Received) -> Reply {
    let id = request.form_value("interaction").unwrap_or_default();
    let found = {
        let store = provider.store();
        let found = store
            .interactions
            .get(id)
            .filter(|i| i.expires > provider.now());
        found.map(|interaction| interaction.request.clone())
    };
    let Some(auth) = found else {
        let text =
            "This sign-in has expired or is not known. Go back to the application and start again.";
        return pages::error(400, "Sign-in not found", text);
    };
    match request.form_value("action") {
        // Logto's consent page leads back without any parameter at all.
        Some("cancel") => return Reply::redirect(auth.redirect_uri.as_str()),
        Some("deny") => {
            let error = OidcError::new(
                403,
                "access_denied",
                "The resource owner denied the request",
            );
            return respond_error(provider, &auth, &error);
        }
        _ => {}
    }
    let user = request.form_value("user").unwrap_or_default();
    match sign_in(provider, &auth, user) {
        Some(reply) => reply,
        None => pages::sign_in(provider, id, &auth, Some("This account is suspended.")),
    }
}

/// A new session for the user, and the answer to the client; `None` when the
/// user may not sign in.
fn sign_in(provider: &Provider, auth: &AuthRequest, user: &str) -> Option<Reply> {
    let user = {
        let seed = provider.seed();
        seed.user(user).filter(|user| !user.suspended)?.id.clone()
    };
    let session = Session {
        user,
        sid: random_token(),
        auth_time: provider.now(),
        expires: provider.now() + SESSION_LIFETIME,
        consented: BTreeSet::new(),
    };
    let id = random_token();
    let cookie = format!(
        "{}={id}; Path=/; Max-Age={SESSION_LIFETIME}; HttpOnly; SameSite=Lax",
        provider.cookie_name()
    );
    let reply = respond_code(provider, auth, &id, session);
    Some(reply.with("set-cookie", &cookie))
}

fn respond_code(
    provider: &Provider,
    auth: &AuthRequest,
    session_id: &str,
    mut session: Session,
) -> Reply {
    let grant = {
        let seed = provider.seed();
        let Some(user) = seed.active_user(&session.user) else {
            let error = OidcError::new(403, "access_denied", "user is not available");
            return respond_error(provider, auth, &error);
        };
        grant(&seed, user, auth, session_id, &session)
    };
    session.consented.extend(grant.scopes.iter().cloned());

    let code = random_token();
    let grant_id = random_token();
    let entry = Code {
        grant: grant_id.clone(),
        redirect_uri: auth.redirect_uri_text.clone(),
        code_challenge: auth.code_challenge.clone(),
        expires: provider.now() + CODE_LIFETIME,
        used: false,
    };
    {
        let mut store = provider.store();
        store.sessions.insert(session_id.to_owned(), session);
        store.grants.insert(grant_id, grant);
        store.codes.insert(code.clone(), entry);
    }
    respond(provider, auth, vec![("code".into(), code)])
}

/// What the user allows: known OIDC scopes, and the scopes of the requested
/// resources that the user's roles give.
fn grant(
    seed: &Seed,
    user: &SeedUser,
    auth: &AuthRequest,
    session_id: &str,
    session: &Session,
) -> Grant {
    let asked = |scope: &str| auth.scopes.iter().any(|s| s == scope);
    let organizations = if asked("urn:logto:scope:organizations") {
        seed.organizations_of(user)
    } else {
        Vec::new()
    };
    let resources = auth.resources.iter().map(|indicator| {
        let mut scopes = seed.resource_scopes(user, indicator, &organizations);
        scopes.retain(|scope| asked(scope));
        (indicator.clone(), scopes)
    });
    let resources: std::collections::BTreeMap<_, _> = resources.collect();
    let granted = |scope: &&String| {
        claims::SCOPES.contains(&scope.as_str())
            || resources.values().any(|scopes| scopes.contains(*scope))
    };
    let wants_auth_time = auth.max_age.is_some() || auth.prompt.contains("login");
    Grant {
        user: user.id.clone(),
        session: session_id.to_owned(),
        sid: session.sid.clone(),
        scopes: auth.scopes.iter().filter(granted).cloned().collect(),
        nonce: auth.nonce.clone(),
        auth_time: wants_auth_time.then_some(session.auth_time),
        resources,
    }
}

fn respond_error(provider: &Provider, auth: &AuthRequest, error: &OidcError) -> Reply {
    let params = vec![
        ("error".into(), error.error.into()),
        ("error_description".into(), error.description.clone()),
    ];
    respond(provider, auth, params)
}

/// The authorization response; `iss` is always in it (RFC 9207).
fn respond(provider: &Provider, auth: &AuthRequest, mut params: Params) -> Reply {
    params.extend(auth.state.clone().map(|state| ("state".into(), state)));
    params.push(("iss".into(), provider.issuer()));
    provider.hooks.edit_authorization_response(&mut params);
    let mut url = auth.redirect_uri.clone();
    match auth.response_mode {
        ResponseMode::FormPost => return pages::form_post(&url, &params),
        ResponseMode::Query => {
            url.query_pairs_mut().extend_pairs(&params);
        }
        ResponseMode::Fragment => {
            let mut fragment = url::form_urlencoded::Serializer::new(String::new());
            url.set_fragment(Some(&fragment.extend_pairs(&params).finish()));
        }
    }
    Reply::redirect(url.as_str())
}
