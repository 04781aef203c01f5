//! How long the session lasts, and what a user can do about it.

use std::time::Duration;

use rocket::form::{Form, FromForm, FromFormField};
use rocket::http::Status;
use rocket::serde::Serialize;
use rocket::time::OffsetDateTime;
use rocket::{Either, Route, State, get, post, routes, uri};
use rocket_dyn_templates::{Template, context};
use rocket_logto::{
    AccountPage, Error, ErrorKind, Logto, SameOrigin, SessionInfo, Sessions, SignOut, StepUp,
    StepUpPolicy, User, logto_acr,
};

use crate::frame::{Entry, Frame};
use crate::goto::Goto;
use crate::shown::{Time, visible};

pub fn routes() -> Vec<Route> {
    routes![
        session,
        recent,
        second_factor,
        refresh,
        forget,
        end,
        end_others,
        end_all,
        ended
    ]
}

/// What a form has just done, for the page that it redirects to.
#[derive(FromFormField, rocket::UriDisplayQuery, Serialize)]
#[serde(crate = "rocket::serde", rename_all = "lowercase")]
enum Done {
    #[field(value = "refreshed")]
    Refreshed,
    #[field(value = "forgotten")]
    Forgotten,
    #[field(value = "ended")]
    Ended,
    #[field(value = "gone")]
    Gone,
    #[field(value = "others")]
    Others,
}

/// A session of the user, as the page shows it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Device {
    handle: String,
    browser: Option<String>,
    signed_in_at: Time,
    last_seen_at: Time,
    current: bool,
}

impl From<SessionInfo> for Device {
    fn from(session: SessionInfo) -> Self {
        Self {
            handle: session.handle,
            browser: session.browser,
            signed_in_at: Time::at(session.begun_at),
            last_seen_at: Time::at(session.last_seen_at),
            current: session.is_current,
        }
    }
}

/// Shows times only, never a token: anyone who copied it from the page could act as
/// the user.
#[get("/session?<done>")]
async fn session(
    user: User,
    done: Option<Done>,
    logto: &State<Logto>,
    sessions: &State<Sessions>,
    frame: Frame<'_>,
) -> Result<Template, Error> {
    let devices: Option<Vec<Device>> = match sessions.is_available() {
        true => Some(
            sessions
                .of(&user)
                .await?
                .into_iter()
                .map(Device::from)
                .collect(),
        ),
        false => None,
    };
    let ends = user.session_ends_at();
    // This request itself counts as use.
    let ends_unused = ends.min(OffsetDateTime::now_utc() + logto.config().session.idle);
    let claims_max_age = humantime::format_duration(logto.config().claims_max_age);
    let content = context! {
        name: visible(user.name()),
        done,
        signed_in_at: Time::at(user.signed_in_at()),
        authenticated_at: user.authenticated_at().map(Time::at),
        refreshed_at: Time::at(user.refreshed_at()),
        ends_unused: Time::at(ends_unused),
        ends: Time::at(ends),
        claims_max_age: claims_max_age.to_string(),
        devices,
        account_pages: account_pages(logto),
        // The development provider's page of users is at its root.
        provider_page: logto.config().issuer().strip_suffix("oidc"),
    };
    Ok(frame.around(Entry::of("session"), "session", content))
}

/// Where Logto lets the user change how they sign in. None at another provider.
fn account_pages(logto: &Logto) -> Vec<(&'static str, String)> {
    let pages = [
        ("account-security", AccountPage::Security),
        ("account-password", AccountPage::Password),
        ("account-passkey", AccountPage::PasskeyAdd),
    ];
    let link = |(name, page)| {
        let link = logto.account(page)?.return_to(uri!(session(None::<Done>)));
        Some((name, link.to_string()))
    };
    pages.into_iter().filter_map(link).collect()
}

/// For actions that a session alone should not be enough for, such as paying.
struct Recent;

impl StepUpPolicy for Recent {
    const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
}

#[get("/session/recent")]
fn recent(user: StepUp<Recent>, frame: Frame<'_>) -> Template {
    let content = context! {
        name: visible(user.name()),
        authenticated_at: user.authenticated_at().map(Time::at),
    };
    frame.around(Entry::below("session"), "recent", content)
}

/// For actions that a password should not be enough for.
struct SecondFactor;

impl StepUpPolicy for SecondFactor {
    const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
}

#[get("/session/second-factor")]
fn second_factor(user: StepUp<SecondFactor>, frame: Frame<'_>) -> Template {
    let content = context! {
        name: visible(user.name()),
        authenticated_at: user.authenticated_at().map(Time::at),
        acr: user.acr().map(visible),
        amr: user.amr().map(visible).collect::<Vec<_>>(),
    };
    frame.around(Entry::below("session"), "second_factor", content)
}

/// Asks the provider again. A user whom it no longer accepts is signed out here, too.
#[post("/session/refresh")]
async fn refresh(
    _form: SameOrigin,
    user: Result<User, Error>,
    frame: Frame<'_>,
) -> Either<Goto, (Status, Template)> {
    let refreshed = match user {
        Ok(user) => user.refresh().await,
        Err(error) => Err(error),
    };
    let Err(error) = refreshed else {
        return Either::Left(Goto(uri!(session(Some(Done::Refreshed)))));
    };
    match error.kind() {
        ErrorKind::SessionEnded => Either::Left(Goto(uri!(ended))),
        ErrorKind::NotSignedIn => Either::Left(Goto(uri!(session(None::<Done>)))),
        _ => Either::Right((error.status(), not_refreshed(&error, &frame))),
    }
}

fn not_refreshed(error: &Error, frame: &Frame<'_>) -> Template {
    let why = match error.kind() {
        // At Logto, a sign-in without `prompt=consent` gives no refresh token.
        ErrorKind::Denied => "not-refreshed-denied",
        ErrorKind::NoAccess => "not-refreshed-no-access",
        ErrorKind::Misconfigured => "not-refreshed-misconfigured",
        _ => "not-refreshed-unreachable",
    };
    let reference = error.reference().to_string();
    let advice = frame.language.say(why, &[("reference", &reference)]);
    let code = error.status().code;
    frame.error(
        Entry::below("session"),
        code,
        &frame.say("not-refreshed-title"),
        &advice,
    )
}

/// The next page that needs a token fetches a new one.
#[post("/session/forget")]
async fn forget(_form: SameOrigin, user: Option<User>) -> Goto {
    let Some(user) = user else {
        return Goto(uri!(session(None::<Done>)));
    };
    user.forget_tokens().await;
    Goto(uri!(session(Some(Done::Forgotten))))
}

/// Which session a form is about.
#[derive(FromForm)]
struct Which<'r> {
    handle: &'r str,
}

#[post("/session/end", data = "<which>")]
async fn end(
    _form: SameOrigin,
    user: Option<User>,
    which: Form<Which<'_>>,
    sessions: &State<Sessions>,
) -> Result<Goto, Error> {
    let Some(user) = user.filter(|_| sessions.is_available()) else {
        return Ok(Goto(uri!(session(None::<Done>))));
    };
    let done = match sessions.end(&user, which.handle).await? {
        true => Done::Ended,
        false => Done::Gone,
    };
    Ok(Goto(uri!(session(Some(done)))))
}

#[post("/session/end-others")]
async fn end_others(
    _form: SameOrigin,
    user: Option<User>,
    sessions: &State<Sessions>,
) -> Result<Goto, Error> {
    let Some(user) = user.filter(|_| sessions.is_available()) else {
        return Ok(Goto(uri!(session(None::<Done>))));
    };
    sessions.end_others(&user).await?;
    Ok(Goto(uri!(session(Some(Done::Others)))))
}

/// Here and in all other browsers, and in this one at the provider, too.
#[post("/session/end-all")]
async fn end_all(
    _form: SameOrigin,
    user: Option<User>,
    sessions: &State<Sessions>,
) -> Result<Either<SignOut, Goto>, Error> {
    let Some(user) = user.filter(|_| sessions.is_available()) else {
        return Ok(Either::Right(Goto(uri!(session(None::<Done>)))));
    };
    sessions.end_all(&user).await?;
    Ok(Either::Left(SignOut::new()))
}

#[get("/session/ended")]
fn ended(user: Result<User, Error>, frame: Frame<'_>) -> Result<Either<Goto, Template>, Error> {
    match user {
        Ok(_) => return Ok(Either::Left(Goto(uri!(session(None::<Done>))))),
        Err(error) if error.status() != Status::Unauthorized => return Err(error),
        Err(_) => {}
    }
    let page = frame.around(Entry::none(), "session_ended", context! {});
    Ok(Either::Right(page))
}
