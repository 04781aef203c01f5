//! `GET` and `POST /callback`: the authorization response (OpenID Connect Core
//! section 3.1.2.5), checked before anything else happens; then the code is
//! redeemed.

use rocket::http::{ContentType, Method};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Response};
use url::form_urlencoded;

use super::{admission, answer, form_text, nothing, sign_in, sign_in_failed};
use crate::clock::Seconds;
use crate::config::{Profile, ResponseMode};
use crate::error::{Error, ErrorKind};
use crate::logto::Logto;
use crate::oidc::attempt::is_second;
use crate::oidc::authentication::AuthenticationEvent;
use crate::oidc::error::{TokenError, TokenErrorBody, one_line};
use crate::oidc::failure::{not_redeemed, refused, unavailable, unmet, unverified};
use crate::oidc::metadata::Metadata;
use crate::oidc::tokens::TokenSet;
use crate::oidc::verify::{Nonce, Refused};
use crate::request::cookies::raw_cookies;
use crate::request::{is_speculative, is_whole_page, query};
use crate::response::{error::page, pending::pending, redirect};
use crate::return_to::ReturnTo;
use crate::session::context::RequestContext;
use crate::session::transaction::Transaction;
use crate::session::{Answer, NewSession, SessionManager};
use crate::tokens::token::Token;

/// In bytes: more than any authorization response holds.
const MAX_FORM: usize = 64 * 1024;
/// In bytes: the longest value in an address.
const MAX_VALUE: usize = 4096;
/// In bytes: the longest code in a form. RFC 6749 leaves its size open, and some
/// providers put an encrypted session into it.
const MAX_FORM_CODE: usize = 16 * 1024;

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
        // Always a page: a `form_post` response comes from a browser, too.
        answer(match finished {
            Ok(response) => response,
            Err(error) => {
                let error = sign_in_failed(error);
                remember_who(request).await;
                page(&error, request)
            }
        })
    }
}

/// For the page's link "Sign in again": with a session the sign-in would only go on.
async fn remember_who(request: &Request<'_>) {
    let Ok(sessions) = SessionManager::of(request) else {
        return;
    };
    // The page has an error to tell already; one of the store adds nothing.
    if let Ok(session) = sessions.resolve(request).await {
        pending(request).way_back.is_signed_in = session.is_some();
    }
}

/// The parameters of an authorization response that are used here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub code: Option<String>,
    pub state: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
    /// The provider's words for developers: for the log only.
    pub description: Option<String>,
    /// Where the provider says more; of it only the host is logged.
    pub uri: Option<String>,
}

async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Parameters, Error> {
    if request.method() != Method::Post {
        return Parameters::parse(query(request));
    }
    if request.content_type() != Some(&ContentType::Form) {
        return Err(rejected("form_content_type"));
    }
    let form = form_text(data, MAX_FORM).await.map_err(rejected)?;
    Parameters::parse_form(&form)
}

impl Parameters {
    /// RFC 6749 section 3.1: no parameter may occur twice, and an empty one counts
    /// as absent.
    pub(crate) fn parse(text: &str) -> Result<Parameters, Error> {
        Parameters::read(text, MAX_VALUE)
    }

    /// The same of a form, whose code may be longer.
    fn parse_form(text: &str) -> Result<Parameters, Error> {
        Parameters::read(text, MAX_FORM_CODE)
    }

    fn read(text: &str, max_code: usize) -> Result<Parameters, Error> {
        let mut parameters = Parameters::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let slot = match &*name {
                "code" => &mut parameters.code,
                "state" => &mut parameters.state,
                "iss" => &mut parameters.iss,
                "error" => &mut parameters.error,
                // No check depends on it, so whatever it is refuses nothing.
                "error_description" => {
                    parameters.description.get_or_insert(value.into_owned());
                    continue;
                }
                "error_uri" => {
                    parameters.uri.get_or_insert(value.into_owned());
                    continue;
                }
                _ => continue,
            };
            if slot.is_some() {
                return Err(rejected(&format!("{name}_twice")));
            }
            // Codes and states consist of VSCHAR (appendix A).
            let max = if name == "code" { max_code } else { MAX_VALUE };
            if value.len() > max || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
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

    fn is_empty(&self) -> bool {
        let Parameters {
            code,
            state,
            iss,
            error,
            description: _,
            uri: _,
        } = self;
        [code, state, iss, error].iter().all(|slot| slot.is_none())
    }
}

async fn finish(request: &Request<'_>, parameters: Parameters) -> Result<Response<'static>, Error> {
    let way_back = |return_to: Option<&str>| {
        if let (Some(return_to), Ok(logto)) = (return_to, Logto::of(request)) {
            pending(request).way_back.return_to = Some(logto.landing(Some(return_to)));
        }
    };
    if parameters.is_empty() {
        let (sessions, cookies) = (SessionManager::of(request)?, raw_cookies(request));
        way_back(
            sessions
                .transactions(&cookies)
                .newest_return_to()
                .as_deref(),
        );
        // What Logto's consent page sends for "Cancel".
        return Err(Error::new(
            ErrorKind::SignInCancelled,
            "callback_without_parameters",
        ));
    }
    let (logto, sessions) = (Logto::of(request)?, SessionManager::of(request)?);
    let state = parameters
        .state
        .clone()
        .ok_or_else(|| rejected("state_missing"))?;
    let since = sessions.now();
    let cookies = raw_cookies(request);
    let transactions = sessions.transactions(&cookies);
    let Some(transaction) = transactions.find(&state) else {
        let has_cookies = !cookies.is_empty();
        return not_begun_here(request, &parameters, has_cookies).await;
    };
    way_back(Some(transaction.return_to()));
    let done = complete(request, parameters, &state, &transaction, since).await;
    match done {
        Err(error) if transaction.is_silent() && may_be_passed_over(error.kind()) => {
            let error = sign_in_failed(error);
            // What most of them end with, and nobody has to do anything about it.
            if error.kind() != ErrorKind::SignInCancelled {
                error.log();
            }
            Ok(go_to(&logto.landing(Some(transaction.return_to()))))
        }
        done => done,
    }
}

/// Whether a user who did not ask to sign in need not hear of it: no one but the provider
/// or the app can have said so.
fn may_be_passed_over(error: ErrorKind) -> bool {
    !matches!(
        error,
        ErrorKind::SignInRejected | ErrorKind::SignInUnverified
    )
}

/// Finishes a sign-in that this browser has begun.
async fn complete(
    request: &Request<'_>,
    parameters: Parameters,
    state: &str,
    transaction: &Transaction,
    since: Seconds,
) -> Result<Response<'static>, Error> {
    let (logto, sessions) = (Logto::of(request)?, SessionManager::of(request)?);
    let cookies = raw_cookies(request);
    let transactions = sessions.transactions(&cookies);
    // As long as the metadata is not loaded or the session store is down, the
    // transaction is not used up: a reload may try again.
    let metadata = logto
        .oidc()
        .provider()
        .metadata()
        .await
        .map_err(unavailable)?;
    let name = transactions.name(state);
    let iss = parameters.iss.clone();
    let used_up = || RequestContext::of(request).set_cookie(transactions.removal(&name));
    let code = match code_of(parameters, &metadata, logto, transaction) {
        Ok(code) => code,
        Err(error) => {
            used_up();
            let wait = error.kind() == ErrorKind::ProviderNotReady;
            if !wait || transaction.begun_again() || transaction.is_silent() {
                return Err(error);
            }
            // The provider asks to begin again, as Keycloak does when its page was open
            // too long. Once: then a person decides.
            log::warn!(
                "logto: the sign-in begins again, because {}",
                error.reason()
            );
            return sign_in::begin_again(request, transaction).await;
        }
    };
    let Some(turn) = sessions.take_answer_turn(&name).await? else {
        used_up();
        return finished_before(sessions, request, "state_used").await;
    };
    let verifier = transaction.attempt.code_verifier();
    let oidc = logto.oidc();
    let tokens = oidc.redeem_code(&metadata, code, verifier, transaction.key());
    let tokens = tokens.await;
    if let Err(TokenError::Http(error)) = &tokens
        && error.is_unsent()
    {
        sessions.give_back(turn).await;
    } else {
        used_up();
        if let Err(TokenError::Denied(_)) = &tokens {
            sessions.code_refused(turn).await;
        }
    }
    let mut tokens = tokens.map_err(not_redeemed)?;
    let told = std::mem::take(&mut tokens.answer);
    let mut new = verified(logto, sessions.now(), tokens, transaction).await?;
    // RFC 9207 section 2.4, for one of many tenants, which only the ID token names.
    if iss.is_some_and(|iss| iss != new.claims.iss) {
        return Err(rejected("id_token_iss_mismatch"));
    }
    let return_to = logto.landing(Some(transaction.return_to()));
    let goes_to = admission::admit(request, &mut new, &told, return_to).await?;
    let answer = Answer {
        transaction: &name,
        since,
    };
    sessions.begin(request, new, answer).await?;
    Ok(go_to(&goes_to))
}

fn go_to(return_to: &ReturnTo) -> Response<'static> {
    redirect(return_to.as_str().to_owned())
}

/// After the back button, a reload or a double click: a user who is signed in by
/// now goes to the home page.
async fn finished_before(
    sessions: &SessionManager,
    request: &Request<'_>,
    reason: &str,
) -> Result<Response<'static>, Error> {
    match sessions.resolve(request).await? {
        Some(_) => Ok(go_to(&Logto::of(request)?.landing(None))),
        None => Err(rejected(reason)),
    }
}

/// A response to a sign-in that this browser has not begun, or that it knows nothing of
/// any more: the provider's page was bookmarked, or one tab among many was forgotten. Its
/// code is nobody's and goes nowhere. Nor does it say who the user is: who is not signed
/// in gets a new sign-in, in which the provider says that. Another site can do no more
/// with this than with a link to the sign-in.
///
/// Once: the `state` of the new one shows that it is the second, even if the browser
/// sends no cookies at all.
async fn not_begun_here(
    request: &Request<'_>,
    parameters: &Parameters,
    has_cookies: bool,
) -> Result<Response<'static>, Error> {
    let (logto, sessions) = (Logto::of(request)?, SessionManager::of(request)?);
    let state = parameters.state.as_deref().unwrap_or_default();
    if sessions.resolve(request).await?.is_some() {
        return Ok(go_to(&logto.landing(None)));
    }
    // Otherwise the provider posts nothing here: another site does.
    let is_expected =
        request.method() != Method::Post || logto.config().response_mode == ResponseMode::FormPost;
    // FAPI 2.0 Security Profile section 5.3.3.1: whoever sends a response, nobody has consented
    // to a sign-in by it.
    let may_begin = logto.config().provider.profile != Some(Profile::Fapi2);
    let is_first = may_begin && is_expected && is_whole_page(request) && !is_second(state);
    let error = match (&parameters.code, &parameters.error) {
        (None, Some(error)) => Some(refused(&told(logto, parameters, error, &[state]))),
        _ => None,
    };
    let begins_anew = match &error {
        Some(error) => error.kind() == ErrorKind::ProviderNotReady,
        None => parameters.code.is_some() && parameters.error.is_none(),
    };
    if begins_anew && is_first {
        log::info!("logto: a response came to a sign-in that is not known here: a new one begins");
        return sign_in::begin_second(request).await;
    }
    match error {
        // True whichever sign-in it was.
        Some(error) if error.kind() == ErrorKind::SignInCancelled => Err(error),
        _ if has_cookies => Err(rejected("state_unknown")),
        // Rocket leaves a header out that is not UTF-8: both look the same here.
        _ => Err(Error::new(ErrorKind::NoCookies, "state_unknown").for_operator(
            "no Cookie header came that can be read. An old address was opened again, the browser \
             blocks cookies, or some cookie of this host, perhaps another app's, has bytes that are \
             not UTF-8: then Rocket has said \"Header 'cookie' contains invalid UTF-8\"",
        )),
    }
}

/// The code, if the response may be trusted to carry one.
fn code_of(
    parameters: Parameters,
    metadata: &Metadata,
    logto: &Logto,
    transaction: &Transaction,
) -> Result<String, Error> {
    // RFC 9207 section 2.4: check before the code is sent anywhere.
    match &parameters.iss {
        Some(iss) if !logto.config().is_issuer(iss) => {
            let told = format!(
                "iss is {:?}, configured is {:?}: see logto.endpoint or logto.issuer",
                one_line(iss),
                logto.config().issuer()
            );
            let error = Error::new(ErrorKind::SignInUnverified, "iss_mismatch");
            return Err(error.for_operator(told));
        }
        None if metadata.authorization_response_iss_parameter_supported => {
            let error = Error::new(ErrorKind::SignInUnverified, "iss_missing");
            return Err(error.for_operator(
                "the metadata announce authorization_response_iss_parameter_supported, and the \
                 response has no iss",
            ));
        }
        // FAPI 2.0 Security Profile section 5.3.3.2, whatever is announced.
        None if logto.config().provider.profile == Some(Profile::Fapi2) => {
            let error = Error::new(ErrorKind::SignInUnverified, "iss_missing");
            return Err(error.for_operator(
                "the response has no iss, without which logto.profile = \"fapi2\" takes none",
            ));
        }
        _ => {}
    }
    match (&parameters.code, &parameters.error) {
        (Some(code), None) => Ok(code.clone()),
        (Some(_), Some(_)) => Err(rejected("code_and_error")),
        (None, Some(error)) => {
            let attempt = &transaction.attempt;
            let (state, nonce, verifier) =
                (attempt.state(), attempt.nonce(), attempt.code_verifier());
            let secrets = [state.as_str(), &nonce, &verifier];
            let error = refused(&told(logto, &parameters, error, &secrets));
            Err(match error.kind() {
                ErrorKind::UnmetAuthentication => unmet(error, transaction.asked()),
                _ => error,
            })
        }
        (None, None) => Err(rejected("code_missing")),
    }
}

/// The provider's error, without the `secrets` of the sign-in.
fn told(logto: &Logto, parameters: &Parameters, error: &str, secrets: &[&str]) -> TokenErrorBody {
    let (description, uri) = (parameters.description.as_deref(), parameters.uri.as_deref());
    logto
        .oidc()
        .error_response(error, description, uri, secrets)
}

/// Verifies the ID token and gives the parts of a session. Calls the provider only
/// for keys that are not known yet.
async fn verified(
    logto: &Logto,
    now: Seconds,
    tokens: TokenSet,
    transaction: &Transaction,
) -> Result<NewSession, Error> {
    let token = Token::granted(&tokens, now);
    let id_token = tokens
        .id_token
        .ok_or_else(|| Error::new(ErrorKind::ProviderBadAnswer, "id_token_missing"))?;
    let nonce = transaction.attempt.nonce();
    let nonce = Nonce::Is(&nonce);
    let claims = logto
        .oidc()
        .verify_id_token(&id_token, nonce, &tokens.access_token, now)
        .await
        .map_err(unavailable)?
        .map_err(|refused| unverified("id_token_", refused))?;
    let (asked, authenticated) = (transaction.asked(), AuthenticationEvent::of(&claims));
    authenticated
        .satisfies(asked, logto.oidc().measure(now))
        .map_err(|reason| {
            let facts = format!("asked for {}; {}", asked.told(), authenticated.told());
            unverified("id_token_", Refused::from(reason)).with_facts(facts)
        })?;
    Ok(NewSession {
        claims,
        id_token,
        refresh_token: tokens.refresh_token,
        token,
        data: None,
        replaces: transaction.replaces().cloned(),
    })
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
        let longest = format!("code={}", "a".repeat(MAX_FORM_CODE));
        assert!(Parameters::parse_form(&longest).is_ok());
        assert!(Parameters::parse(&longest).is_err());
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
