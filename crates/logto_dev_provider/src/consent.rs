//! Consent: the user says whether a client that is somebody else's may have what it asks for.
//! It is asked each time. Who a client is that has no secret cannot be assured, and what
//! listens on this machine may be another program than last time (RFC 8252, section 8.6).

use crate::auth_request::AuthRequest;
use crate::authorize::{begin, grant, respond_code, respond_error, stage_under_way};
use crate::crypto::random_token;
use crate::oidc_error::OidcError;
use crate::pages;
use crate::provider::Provider;
use crate::store::{Session, Stage};
use crate::wire::{Received, Reply};

/// Asks the user of a session, which is new or goes on.
pub(crate) fn ask(
    provider: &Provider,
    auth: AuthRequest,
    session_id: &str,
    session: Session,
) -> Reply {
    let (user, allowed) = {
        let seed = provider.seed();
        let Some(user) = seed.active_user(&session.user) else {
            let error = OidcError::new(403, "access_denied", "user is not available");
            return respond_error(provider, &auth, &error);
        };
        let client = auth.client.id(provider);
        let allowed = grant(&seed, client, user, &auth, session_id, &session);
        (user.clone(), allowed)
    };
    let interaction = random_token();
    let page = pages::consent(&interaction, &auth, &user, &allowed);
    provider
        .store()
        .sessions
        .insert(session_id.to_owned(), session);
    begin(
        provider,
        interaction,
        auth,
        Stage::Consent(session_id.to_owned()),
    );
    page
}

/// The consent page's form.
pub(crate) fn submit(provider: &Provider, request: &Received) -> Reply {
    let id = request.form_value("interaction");
    let (auth, stage) = match stage_under_way(provider, id) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let id = id.unwrap_or_default();
    // The user who was asked, in the browser in which they were.
    let session = provider.session(request);
    let session =
        session.filter(|(session, _)| matches!(&stage, Stage::Consent(asked) if asked == session));
    let Some((session_id, session)) = session else {
        let why = "You are not signed in here any more. Choose again who you want to be.";
        return pages::sign_in(provider, id, &auth, Some(why));
    };
    match request.form_value("action") {
        Some("allow") => respond_code(provider, &auth, &session_id, session),
        _ => {
            let description = "The resource owner denied the request";
            let error = OidcError::new(403, "access_denied", description);
            respond_error(provider, &auth, &error)
        }
    }
}
