//! The question before a sign-in by a link (Logto's magic links: `one_time_token` with
//! `login_hint`). Such a link signs in as the account it was made for without a word. So
//! when another site opened it, or somebody is signed in, the user is asked first. The
//! token then waits in a sealed cookie, in no address and in no page.

use rocket::Request;
use rocket::http::Status;
use rocket::response::Response;
use url::form_urlencoded::{self, Serializer};

use super::base_host::{has_mark, is_of_a_sign_in};
use super::sign_in::{read, started};
use crate::claims::StandardClaims;
use crate::error::{Error, ErrorKind};
use crate::logto::Logto;
use crate::request::cookies::raw_cookies;
use crate::request::{Sender, query};
use crate::response::messages::keys;
use crate::response::page::{PageAction, PageKind};
use crate::response::redirect;
use crate::response::writer::{self, say, say_with};
use crate::return_to::ReturnTo;
use crate::session::SessionManager;
use crate::session::context::RequestContext;
use crate::session::cookie::CookieError;
use crate::session::questions::Question;

/// Marks the address of the question. Without a question it is that of a plain sign-in.
const QUESTION: &str = "question";
/// What the question's form sends.
const ANSWER: &str = "answer";
/// In characters: as much of a name or an e-mail address as fits a page.
const MAX_SHOWN: usize = 100;

/// Whether the user has to be asked: the user's own program for mail may open the link in
/// this browser, and the address bar may; another site may not, and nothing replaces a
/// session unasked.
pub(super) fn is_due(request: &Request<'_>, is_signed_in: bool) -> Result<bool, Error> {
    let sender = Sender::of(request, Logto::of(request)?.base_url());
    Ok(is_signed_in || !matches!(sender, Sender::Ourselves | Sender::User))
}

/// Keeps the sign-in of this request until the user has answered, and goes on to the
/// question, at an address that may stand in the browser's history.
pub(super) fn ask(request: &Request<'_>, is_sign_up: bool) -> Result<Response<'static>, Error> {
    let cookies = raw_cookies(request);
    let sessions = SessionManager::of(request)?;
    let questions = sessions.questions(&cookies);
    let kept = |is_kept: &dyn Fn(&str) -> bool| {
        let mut kept = Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query(request).as_bytes()) {
            if is_kept(&name) {
                kept.append_pair(&name, &value);
            }
        }
        kept.finish()
    };
    // Where the address is too long for a cookie, go on without it.
    let line = questions
        .ask(&kept(&is_of_a_sign_in), is_sign_up)
        .or_else(|_| {
            let is_kept = |name: &str| is_of_a_sign_in(name) && name != "return_to";
            questions.ask(&kept(&is_kept), is_sign_up)
        });
    let line = line.map_err(|error| match error {
        CookieError::TooLarge(size) => {
            let reason = format!("question_of_{size}_bytes");
            Error::new(ErrorKind::SignInTooLarge, reason)
        }
        CookieError::Seal(error) => Error::new(ErrorKind::StoreUnavailable, error.to_string()),
    })?;
    RequestContext::of(request).set_cookie(line);
    to_question(request)
}

/// What there is to answer to a request that is about a question; `None` if it is not.
pub(super) async fn reply(request: &Request<'_>) -> Option<Result<Response<'static>, Error>> {
    let mut parameters = form_urlencoded::parse(query(request).as_bytes());
    if let Some((_, answer)) = parameters.find(|(name, _)| name == ANSWER) {
        return Some(go_on(request, &answer).await);
    }
    if !has_mark(query(request), QUESTION) {
        return None;
    }
    let cookies = raw_cookies(request);
    let question = match SessionManager::of(request) {
        Ok(sessions) => sessions.questions(&cookies).asked()?,
        Err(error) => return Some(Err(error)),
    };
    Some(question_page(request, &question).await)
}

/// Starts the sign-in that the user has agreed to.
async fn go_on(request: &Request<'_>, answer: &str) -> Result<Response<'static>, Error> {
    let (logto, sessions) = (Logto::of(request)?, SessionManager::of(request)?);
    if Sender::of(request, logto.base_url()) == Sender::Other {
        let reason = "sign_in_agreed_to_by_another_site";
        return Err(Error::new(ErrorKind::CrossSite, reason));
    }
    let cookies = raw_cookies(request);
    let questions = sessions.questions(&cookies);
    match questions.asked() {
        Some(question) if question.is_answered_by(answer) => {
            RequestContext::of(request).set_cookie(questions.answered());
            let start = read(request, &question.sign_in, question.is_sign_up)?;
            Ok(started(request, &start).await)
        }
        // Another one was asked in another tab.
        Some(_) => to_question(request),
        None => Err(Error::new(ErrorKind::SignInRejected, "question_unknown")),
    }
}

fn to_question(request: &Request<'_>) -> Result<Response<'static>, Error> {
    let route = &Logto::of(request)?.config().linked.sign_in;
    Ok(redirect(format!("{route}?{QUESTION}=1")))
}

async fn question_page(
    request: &Request<'_>,
    question: &Question,
) -> Result<Response<'static>, Error> {
    let logto = Logto::of(request)?;
    let session = SessionManager::of(request)?.resolve(request).await?;
    let start = read(request, &question.sign_in, question.is_sign_up)?;
    let hint = start.options.login_hint.as_deref().map(shown);
    let (kind, title, label) = match &session {
        Some(_) => (
            PageKind::SwitchAccount,
            keys::SWITCH_ACCOUNT_AS,
            keys::CONTINUE,
        ),
        None => (
            PageKind::SignInByLink,
            keys::SIGN_IN_BY_LINK_AS,
            keys::SIGN_IN,
        ),
    };
    let mut page = writer::page(request, kind, Status::Ok);
    if let Some(hint) = hint {
        page.title = say_with(request, title, &[("hint", &hint)]);
    }
    let answer = PageAction::button(
        say(request, label),
        "get",
        &logto.config().linked.sign_in,
        (ANSWER, question.answer()),
    );
    let stay = match &session {
        Some(session) => {
            let claims = session.id_token.claims::<StandardClaims>();
            let name = claims.map_or_else(
                || shown(&session.sub),
                |claims| shown(claims.display_name()),
            );
            let name = [("name", name.as_str())];
            page.paragraphs = vec![
                say_with(request, kind.text(), &name),
                say(request, PageKind::SignInByLink.text()),
            ];
            let return_to = logto.landing(start.return_to.as_ref().map(ReturnTo::as_str));
            let label = say_with(request, keys::STAY_SIGNED_IN_AS, &name);
            PageAction::link(label, return_to.as_str())
        }
        None => {
            let home = logto.landing(None);
            PageAction::link(say(request, keys::CANCEL), home.as_str())
        }
    };
    page.paragraphs.push(say(request, keys::CAREFUL));
    page.actions = vec![answer, stay];
    // The form's answer is a redirect to the provider.
    Ok(writer::answer(request, page, &logto.provider_origins()))
}

/// A text that anybody may have written, as part of a sentence: at most [`MAX_SHOWN`]
/// characters, and none that are not seen or that turn the text around.
fn shown(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let visible = text.chars().filter(|c| !is_hidden(*c));
    let mut shown: String = visible.clone().take(MAX_SHOWN).collect();
    if visible.count() > MAX_SHOWN {
        shown.push('…');
    }
    shown
}
