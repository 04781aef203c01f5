//! The authorization endpoint: straight through or by the sign-in page, and
//! the authorization response (OpenID Connect Core 3.1.2, RFC 9207).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::accounts::{Refused, SignUp};
use crate::acr::{self, Demand, Level};
use crate::auth_request::{AuthRequest, Failure, Params, ResponseMode, check, pushed_params};
use crate::claims;
use crate::client_auth::authenticate;
use crate::consent;
use crate::crypto::random_token;
use crate::management;
use crate::names::ORGANIZATIONS_SCOPE;
use crate::oidc_error::OidcError;
use crate::pages;
use crate::provider::Provider;
use crate::second_factor::{ask_second_factor, by_first_factor, press_all};
use crate::seed::{Seed, SeedUser};
use crate::store::{
    CODE_LIFETIME, Code, FirstFactor, Grant, INTERACTION_LIFETIME, Interaction, SESSION_LIFETIME,
    Session, Stage,
};
use crate::wire::{Received, Reply, first};

pub(crate) fn authorize(provider: &Provider, request: &Received) -> Reply {
    checked(provider, request, |auth| go_on(provider, request, auth))
}

/// The same for a user who presses the button of this account.
pub(crate) fn authorize_as(
    provider: &Provider,
    request: &Received,
    user: &str,
    auth_time: u64,
) -> Reply {
    checked(provider, request, |auth| {
        let first_factor = FirstFactor {
            user: user.to_owned(),
            auth_time,
            event: "PostSignIn",
        };
        // Tests may be of apps at any provider, whose classes Logto does not know.
        let demand = Demand::of(&auth).unwrap_or_default();
        press_all(provider, &auth, &first_factor, demand.as_ref()).unwrap_or_else(|| {
            let error = OidcError::new(403, "access_denied", "user is not available");
            respond_error(provider, &auth, &error)
        })
    })
}

/// Answers a request that is as it should be.
fn checked(
    provider: &Provider,
    request: &Received,
    answer: impl FnOnce(AuthRequest) -> Reply,
) -> Reply {
    let params = request.params();
    let pushed = match pushed_params(provider, params) {
        Ok(pushed) => pushed,
        Err(error) => {
            let reply = error.reply();
            return pages::refused(provider, request, params, &error, reply);
        }
    };
    let params = pushed.as_deref().unwrap_or(params);
    match check(provider, params) {
        Ok(mut auth) => {
            auth.acr_values = auth
                .acr_values
                .filter(|_| provider.hooks.knows_acr_values());
            answer(auth)
        }
        Err(Failure::Page(failed)) => {
            let (error, reply) = *failed;
            pages::refused(provider, request, params, &error, reply)
        }
        Err(Failure::Client(failed)) => {
            let (auth, error) = *failed;
            respond_error(provider, &auth, &error)
        }
    }
}

/// Stores the parameters for a minute (RFC 9126).
pub(crate) fn push(provider: &Provider, request: &Received) -> Reply {
    let mut params = request.form.clone();
    let credentials = ["client_secret", "client_assertion", "client_assertion_type"];
    params.retain(|(name, _)| !credentials.contains(&name.as_str()));
    let checked = authenticate(provider, request).and_then(|_| match first(&params, "client_id") {
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
        Err(Failure::Page(failed)) => {
            let error = failed.0;
            // Told to the client, which is known by now, in other words than to a browser.
            return match error.error {
                "invalid_redirect_uri" => OidcError::invalid_request(&error.description).reply(),
                _ => error.reply(),
            };
        }
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

/// Straight through when the user is signed in here, else to the sign-in page.
fn go_on(provider: &Provider, request: &Received, auth: AuthRequest) -> Reply {
    let demand = match Demand::of(&auth) {
        Ok(demand) => demand,
        Err(error) => return respond_error(provider, &auth, &error),
    };
    if let Some(user) = provider.hooks.signs_in_as() {
        let first_factor = FirstFactor {
            user,
            auth_time: provider.now(),
            event: "PostSignIn",
        };
        return press_all(provider, &auth, &first_factor, demand.as_ref()).unwrap_or_else(|| {
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
    let is_enough = |session: &Session| {
        let demand = demand.as_ref();
        demand.is_none_or(|demand| demand.is_met_by(session.level))
    };
    match session {
        Some((_, session)) if !is_enough(&session) => {
            if silent {
                return respond_error(provider, &auth, &acr::not_obtained());
            }
            // Logto keeps to the user who is signed in, and asks for what is missing.
            let first_factor = FirstFactor {
                user: session.user,
                auth_time: now,
                event: "PostSignIn",
            };
            ask_second_factor(provider, auth, first_factor)
        }
        // Who it is that asks cannot be assured, so nothing goes through at once (RFC 8252,
        // section 8.6).
        Some(_) if silent && auth.client.is_third_party() => {
            let description = "interaction is required: consent is asked each time";
            let error = OidcError::new(400, "consent_required", description);
            respond_error(provider, &auth, &error)
        }
        Some((id, session)) if auth.client.is_third_party() => {
            consent::ask(provider, auth, &id, session)
        }
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
            let page = match auth.registers() {
                true => pages::sign_up(provider, &interaction, &auth, None, &[]),
                false => pages::sign_in(provider, &interaction, &auth, None),
            };
            begin(provider, interaction, auth, Stage::Begun);
            page
        }
    }
}

/// Remembers a sign-in whose page is shown.
pub(crate) fn begin(provider: &Provider, interaction: String, request: AuthRequest, stage: Stage) {
    let entry = Interaction {
        request,
        expires: provider.now() + INTERACTION_LIFETIME,
        stage,
    };
    provider.store().interactions.insert(interaction, entry);
}

/// The sign-in under way that a page or a form names.
pub(crate) fn under_way(provider: &Provider, id: Option<&str>) -> Result<AuthRequest, Reply> {
    stage_under_way(provider, id).map(|(request, _)| request)
}

/// The same, with how far it has come.
pub(crate) fn stage_under_way(
    provider: &Provider,
    id: Option<&str>,
) -> Result<(AuthRequest, Stage), Reply> {
    let store = provider.store();
    let found = store.interactions.get(id.unwrap_or_default());
    let found = found.filter(|interaction| interaction.expires > provider.now());
    let found = found.map(|interaction| (interaction.request.clone(), interaction.stage.clone()));
    found.ok_or_else(|| {
        let text =
            "This sign-in has expired or is not known. Go back to the application and start again.";
        pages::error(400, "Sign-in not found", text)
    })
}

/// The sign-in page of a sign-in under way.
pub(crate) fn show_sign_in(provider: &Provider, request: &Received) -> Reply {
    let id = request.query_value("interaction");
    let page = |auth| pages::sign_in(provider, id.unwrap_or_default(), &auth, None);
    under_way(provider, id).map_or_else(|refusal| refusal, page)
}

/// The sign-up page of a sign-in under way.
pub(crate) fn show_sign_up(provider: &Provider, request: &Received) -> Reply {
    let id = request.query_value("interaction");
    let page = |auth| pages::sign_up(provider, id.unwrap_or_default(), &auth, None, &[]);
    under_way(provider, id).map_or_else(|refusal| refusal, page)
}

/// The sign-up page's form.
pub(crate) fn sign_up(provider: &Provider, request: &Received) -> Reply {
    let id = request.form_value("interaction");
    let auth = match under_way(provider, id) {
        Ok(auth) => auth,
        Err(refusal) => return refusal,
    };
    let id = id.unwrap_or_default();
    let form = SignUp::of(request);
    match provider.sign_up(&form) {
        Ok(user) => by_first_factor(provider, auth, &user, (id, "PostRegister"))
            .unwrap_or_else(pages::no_such_user),
        Err(Refused::Fields(wrong)) => pages::sign_up(provider, id, &auth, Some(&form), &wrong),
        Err(Refused::Full) => pages::full(id),
    }
}

/// The sign-in page's form.
pub(crate) fn submit(provider: &Provider, request: &Received) -> Reply {
    let id = request.form_value("interaction");
    let auth = match under_way(provider, id) {
        Ok(auth) => auth,
        Err(refusal) => return refusal,
    };
    let id = id.unwrap_or_default();
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
    by_first_factor(provider, auth.clone(), user, (id, "PostSignIn")).unwrap_or_else(|| {
        let why = match provider.seed().user(user) {
            Some(_) => "This account is suspended.",
            None => "There is no such account, or no longer.",
        };
        pages::sign_in(provider, id, &auth, Some(why))
    })
}

/// Tells the application's webhook of somebody who has come through a page.
pub(crate) fn tell(provider: &Provider, event: &str, user: &str, interaction: &str) {
    let user = provider.seed().user(user).map(management::user);
    provider.tell_interaction(event, user.unwrap_or_default(), interaction);
}

/// Whether what follows a sign-in is a page, or what its button leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buttons {
    Shown,
    Pressed,
}

/// A new session for the user, and the answer to the client, or to the user whom it is
/// about; `None` when the user may not sign in.
pub(crate) fn sign_in(
    provider: &Provider,
    auth: &AuthRequest,
    user: &str,
    auth_time: u64,
    level: Level,
    buttons: Buttons,
) -> Option<Reply> {
    let user = {
        let seed = provider.seed();
        seed.user(user).filter(|user| !user.suspended)?.id.clone()
    };
    let session = Session {
        user,
        sid: random_token(),
        auth_time,
        level,
        expires: provider.now() + SESSION_LIFETIME,
        consented: BTreeSet::new(),
    };
    let id = random_token();
    let cookie = format!(
        "{}={id}; Path=/; Max-Age={SESSION_LIFETIME}; HttpOnly; SameSite=Lax",
        provider.cookie_name()
    );
    let reply = match auth.client.is_third_party() && buttons == Buttons::Shown {
        true => consent::ask(provider, auth.clone(), &id, session),
        false => respond_code(provider, auth, &id, session),
    };
    Some(reply.with("set-cookie", &cookie))
}

pub(crate) fn respond_code(
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
        let client = auth.client.id(provider);
        grant(&seed, client, user, auth, session_id, &session)
    };
    if !auth.client.is_third_party() {
        session.consented.extend(grant.scopes.iter().cloned());
    }

    let code = random_token();
    let grant_id = random_token();
    let entry = Code {
        grant: grant_id.clone(),
        redirect_uri: auth.redirect_uri_text.clone(),
        code_challenge: auth.code_challenge.clone(),
        dpop_jkt: auth
            .dpop_jkt
            .clone()
            .filter(|_| provider.settings.offers_dpop),
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
pub(crate) fn grant(
    seed: &Seed,
    client: &str,
    user: &SeedUser,
    auth: &AuthRequest,
    session_id: &str,
    session: &Session,
) -> Grant {
    let asked = |scope: &str| auth.scopes.iter().any(|s| s == scope);
    let organizations = if asked(ORGANIZATIONS_SCOPE) {
        seed.organizations_of(user)
    } else {
        Vec::new()
    };
    let resources = auth.resources.iter().map(|indicator| {
        let mut scopes = seed.resource_scopes(user, indicator, &organizations);
        scopes.retain(|scope| asked(scope));
        (indicator.clone(), scopes)
    });
    let resources: BTreeMap<_, _> = resources.collect();
    let granted = |scope: &&String| {
        claims::SCOPES.contains(&scope.as_str())
            || resources.values().any(|scopes| scopes.contains(*scope))
    };
    let wants_level = auth.acr_values.is_some();
    let wants_auth_time = wants_level || auth.max_age.is_some() || auth.prompt.contains("login");
    Grant {
        user: user.id.clone(),
        client: client.to_owned(),
        session: session_id.to_owned(),
        sid: session.sid.clone(),
        scopes: auth.scopes.iter().filter(granted).cloned().collect(),
        nonce: auth.nonce.clone(),
        auth_time: wants_auth_time.then_some(session.auth_time),
        level: wants_level.then_some(session.level),
        resources,
    }
}

pub(crate) fn respond_error(provider: &Provider, auth: &AuthRequest, error: &OidcError) -> Reply {
    let mut params = vec![
        ("error".into(), error.error.into()),
        ("error_description".into(), error.description.clone()),
    ];
    params.extend(error.scope.clone().map(|scope| ("scope".into(), scope)));
    respond(provider, auth, params)
}

/// The authorization response, with `iss` unless the settings say otherwise (RFC 9207).
fn respond(provider: &Provider, auth: &AuthRequest, mut params: Params) -> Reply {
    params.extend(auth.state.clone().map(|state| ("state".into(), state)));
    if provider.settings.response_iss {
        params.push(("iss".into(), provider.issuer()));
    }
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
