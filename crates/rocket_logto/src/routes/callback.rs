//! `GET` and `POST /callback`: the authorization response (OpenID Connect Core
//! section 3.1.2.5), checked before anything else happens, then the exchange.

use rocket::http::{ContentType, Method};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};
use url::form_urlencoded;

use super::{answer, form_text, nothing};
use crate::error::{Error, ErrorKind};
use crate::logto::Logto;
use crate::oidc::authentication::AuthenticationEvent;
use crate::oidc::failure::{failed, printable, unavailable};
use crate::oidc::metadata::Metadata;
use crate::oidc::tokens::{TokenError, TokenSet};
use crate::oidc::verify::Nonce;
use crate::request::cookies::raw_cookies;
use crate::request::{is_speculative, query};
use crate::response::redirect;
use crate::return_to::ReturnTo;
use crate::session::context::RequestContext;
use crate::session::store::store_failed;
use crate::session::transaction::Transaction;
use crate::session::{Access, Home, Session, SessionId};
use crate::tokens::token::{Token, TokenFor};

/// More than any authorization response holds.
const MAX_FORM: usize = 64 * 1024;
/// RFC 6749 leaves the size of a code open; none is anywhere near this.
const MAX_VALUE: usize = 4096;

#[derive(Clone)]
pub(super) struct CallbackRoute;

#[rocket::async_trait]
impl Handler for CallbackRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        if is_speculative(request) {
            return answer(nothing());
        }
        let finished = match read(request, data).await {
            Ok(parameters) => finish(request, parameters).await,
            Err(error) => Err(error),
        };
        // Always a page: even a `form_post` response is a person's browser.
        answer(match finished {
            Ok(return_to) => redirect(return_to.as_str().to_owned()),
            Err(error) => error.to_page(request),
        })
    }
}

/// The parameters of an authorization response that have a meaning here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub code: Option<String>,
    pub state: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
}

async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Parameters, Error> {
    if request.method() != Method::Post {
        return Parameters::parse(query(request));
    }
    if request.content_type() != Some(&ContentType::Form) {
        return Err(rejected("form_content_type"));
    }
    let form = form_text(data, MAX_FORM).await.map_err(rejected)?;
    Parameters::parse(&form)
}

impl Parameters {
    /// RFC 6749 section 3.1: none may occur twice; an empty one is as good as
    /// none.
    pub(crate) fn parse(text: &str) -> Result<Parameters, Error> {
        let mut parameters = Parameters::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let slot = match &*name {
                "code" => &mut parameters.code,
                "state" => &mut parameters.state,
                "iss" => &mut parameters.iss,
                "error" => &mut parameters.error,
                _ => continue,
            };
            if slot.is_some() {
                return Err(rejected(&format!("{name}_twice")));
            }
            // VSCHAR, of which codes and states are made (appendix A).
            if value.len() > MAX_VALUE || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                return Err(rejected(&format!("{name}_malformed")));
            }
            *slot = Some(value.into_owned());
        }
        for slot in [
            &mut parameters.code,
            &mut parameters.state,
            &mut parameters.error,
        ] {
            slot.take_if(|value| value.is_empty());
        }
        Ok(parameters)
    }
}

async fn finish(request: &Request<'_>, parameters: Parameters) -> Result<ReturnTo, Error> {
    let logto = Logto::of(request)?;
    if parameters == Parameters::default() {
        // What Logto's consent page sends for "Cancel".
        return Err(Error::new(
            ErrorKind::SignInCancelled,
            "callback_without_parameters",
        ));
    }
    let state = parameters
        .state
        .as_deref()
        .ok_or_else(|| rejected("state_missing"))?;
    let cookies = raw_cookies(request);
    let transactions = logto.transactions(request, &cookies);
    let Some(transaction) = transactions.find(state) else {
        return finished_before(logto, request, "state_unknown").await;
    };
    // Until the provider is known, and the session has a place to go, nothing
    // was used up: a reload may try again.
    let metadata = logto
        .oidc()
        .provider
        .metadata()
        .await
        .map_err(unavailable)?;
    let name = transactions.name(state);
    let used_up = || RequestContext::of(request).set_cookie(transactions.removal(&name));
    let code = code_of(parameters, &metadata).inspect_err(|_| used_up())?;
    let claimed = logto.sessions().claim_answer(&name).await;
    let Some(claim) = claimed.map_err(store_failed)? else {
        used_up();
        return finished_before(logto, request, "state_used").await;
    };
    let verifier = transaction.code_verifier.clone();
    let tokens = logto.oidc().redeem_code(&metadata, code, verifier).await;
    if let Err(TokenError::Http(error)) = &tokens
        && error.is_unsent()
    {
        logto.sessions().give_back(claim).await;
    } else {
        used_up();
    }
    let tokens = tokens.map_err(|error| match error {
        // The code is used, too old, or somebody else's.
        TokenError::Denied(body) if body.error == "invalid_grant" => {
            rejected("token_invalid_grant")
        }
        error => failed(error),
    })?;
    let (mut session, token) = verified(logto, &tokens, &transaction).await?;
    let before = logto.session(request).await?;
    let before = before.map(|before| before.reference());
    let before = before.or_else(|| transaction.replaces.clone());
    let context = RequestContext::of(request);
    let kept = logto
        .sessions()
        .create(context, &mut session, logto.now())
        .await;
    kept.map_err(|error| Error::new(ErrorKind::StoreUnavailable, error.to_string()))?;
    let key = TokenFor::default();
    logto.sessions().put_token(&session, &key, &token).await;
    logto.tokens().remember(&session, token, logto.now());
    // Only now is there something better than the old session.
    if let Some(before) = before {
        logto.revoke(&before).await?;
    }
    Ok(logto.landing(transaction.return_to()))
}

/// Back button, reload, double click: whoever is signed in by now goes home.
async fn finished_before(
    logto: &Logto,
    request: &Request<'_>,
    reason: &str,
) -> Result<ReturnTo, Error> {
    match logto.session(request).await? {
        Some(_) => Ok(ReturnTo::home()),
        None => Err(rejected(reason)),
    }
}

/// The code of a response that one may be taken from.
fn code_of(parameters: Parameters, metadata: &Metadata) -> Result<String, Error> {
    // RFC 9207 section 2.4: before the code goes anywhere.
    match &parameters.iss {
        Some(iss) if *iss != metadata.issuer => return Err(rejected("iss_mismatch")),
        None if metadata.authorization_response_iss_parameter_supported => {
            return Err(rejected("iss_missing"));
        }
        _ => {}
    }
    match (parameters.code, parameters.error) {
        (Some(code), None) => Ok(code),
        (Some(_), Some(_)) => Err(rejected("code_and_error")),
        (None, Some(error)) => Err(refused(&error)),
        (None, None) => Err(rejected("code_missing")),
    }
}

/// The session these tokens are for, and the access token, once the ID token
/// is verified; no call to the provider but for keys that are not known.
async fn verified(
    logto: &Logto,
    tokens: &TokenSet,
    transaction: &Transaction,
) -> Result<(Session, Token), Error> {
    let id_token = tokens
        .id_token
        .as_ref()
        .ok_or_else(|| Error::new(ErrorKind::ProviderBadAnswer, "id_token_missing"))?;
    let now = logto.now();
    let claims = logto
        .oidc()
        .verify_id_token(
            id_token,
            Nonce::Is(&transaction.nonce),
            &tokens.access_token,
            now,
        )
        .await
        .map_err(unavailable)?
        .map_err(|reason| rejected(&format!("id_token_{reason}")))?;
    let authenticated = AuthenticationEvent::of(&claims);
    authenticated
        .satisfies(&transaction.asked, now, logto.oidc().tolerance())
        .map_err(|reason| rejected(&format!("id_token_{reason}")))?;

    let id = SessionId::random().map_err(|_| {
        Error::new(
            ErrorKind::ProviderNotReady,
            "no_randomness_for_a_session_id",
        )
    })?;
    // Without a refresh token this access token is the only one there will be.
    let token = Token::granted(tokens, now);
    let only_token = tokens.refresh_token.is_none().then(|| Access::from(&token));
    let session = Session {
        id,
        sid: claims.sid.into_value(),
        sub: claims.standard.sub,
        id_token: id_token.clone(),
        refresh_token: tokens.refresh_token.clone(),
        access: only_token,
        created_at: now,
        seen_at: now,
        refreshed_at: now,
        authenticated,
        version: 0,
        tokens_from: 0,
        home: Home::default(),
        seal: None,
    };
    Ok((session, token))
}

/// An error response (RFC 6749 section 4.1.2.1, OpenID Connect Core section
/// 3.1.2.6). Its description is the provider's text about itself, so only the
/// code is told, and only to the log.
fn refused(error: &str) -> Error {
    let reason = format!("provider_said_{}", printable(error));
    match error {
        "access_denied"
        | "login_required"
        | "consent_required"
        | "interaction_required"
        | "account_selection_required" => Error::new(ErrorKind::SignInCancelled, reason),
        _ => Error::new(ErrorKind::SignInRejected, reason),
    }
}

fn rejected(reason: &str) -> Error {
    Error::new(ErrorKind::SignInRejected, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_response_and_ignores_what_it_does_not_know() {
        let parameters =
            Parameters::parse("code=a%20b&state=s&iss=https%3A%2F%2Fop&x=1&x=2").unwrap();
        assert_eq!(parameters.code.as_deref(), Some("a b"));
        assert_eq!(parameters.iss.as_deref(), Some("https://op"));
        let longest = format!("code={}", "a".repeat(MAX_VALUE));
        assert!(Parameters::parse(&longest).is_ok());
        assert_eq!(Parameters::parse("").unwrap(), Parameters::default());
        assert_eq!(
            Parameters::parse("code=&state=&error=").unwrap(),
            Parameters::default()
        );
    }

    #[test]
    fn refuses_doubles_and_what_no_provider_sends() {
        let long = format!("code={}", "a".repeat(MAX_VALUE + 1));
        for bad in [
            "code=a&code=a",
            "state=a&state=",
            "iss=a&iss=b",
            "code=%00",
            "code=%0a",
            "state=%C3%BC",
            &long,
        ] {
            assert!(Parameters::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn survives_any_query(text in "\\PC{0,300}") {
            let _ = Parameters::parse(&text);
        }
    }
}
