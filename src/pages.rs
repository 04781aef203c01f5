//! The pages of the app, and the two static files that they need.

use rocket::http::{ContentType, CookieJar, Header, Status};
use rocket::outcome::Outcome;
use rocket::response::Responder;
use rocket::serde::Serialize;
use rocket::serde::json::{Json, Value, json};
use rocket::{Catcher, Either, Request, Route, State, catch, catchers, get, routes};
use rocket_dyn_templates::{Template, context};
use rocket_logto::{Logto, User, UserInfo};

use crate::claims::{ClaimsView, visible};
use crate::frame::Frame;
use crate::signed_out;

pub fn routes() -> Vec<Route> {
    routes![home, protected, userinfo, stylesheet, icon]
}

pub fn catchers() -> Vec<Catcher> {
    catchers![error]
}

#[get("/")]
fn home(
    user: Option<User>,
    cookies: &CookieJar<'_>,
    logto: &State<Logto>,
) -> Result<Template, Status> {
    let profile = user.as_ref().map(Profile::of).transpose()?;
    let signed_out = signed_out::take(cookies, logto) && user.is_none();
    let frame = Frame::of("home").signed_in(user.is_some());
    Ok(frame.around("home", Some(logto), context! { profile, signed_out }))
}

/// Only for users with a verified session: the guard in the arguments sends everyone
/// else to sign in, and brings them back afterwards.
#[get("/protected")]
fn protected(user: User, logto: &State<Logto>) -> Result<Template, Status> {
    claims_page("protected", user.claims(), logto)
}

#[get("/protected/userinfo")]
fn userinfo(info: UserInfo, logto: &State<Logto>) -> Result<Template, Status> {
    claims_page("userinfo", info.claims(), logto)
}

fn claims_page(
    page: &'static str,
    claims: &impl Serialize,
    logto: &State<Logto>,
) -> Result<Template, Status> {
    let content = context! { claims: ClaimsView::new(&to_value(claims)?) };
    Ok(Frame::of(page).around(page, Some(logto), content))
}

/// Who is signed in, as the home page shows it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Profile {
    name: String,
    initial: Option<char>,
    sub: String,
    picture: Option<String>,
}

impl Profile {
    fn of(user: &User) -> Result<Self, Status> {
        let claims = to_value(user.claims())?;
        let picture = claims["picture"].as_str().filter(|url| is_https(url));
        let initial = user.name().chars().find(|letter| letter.is_alphanumeric());
        Ok(Self {
            name: visible(user.name()),
            initial: initial.and_then(|letter| letter.to_uppercase().next()),
            sub: visible(user.sub()),
            picture: picture.map(str::to_owned),
        })
    }
}

/// Anything else (`javascript:`, `data:`, plain http) is not shown.
fn is_https(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| url.scheme() == "https")
}

pub fn to_value(claims: &impl Serialize) -> Result<Value, Status> {
    rocket::serde::json::to_value(claims).map_err(|error| {
        rocket::error!("claims cannot be shown: {error}");
        Status::InternalServerError
    })
}

#[catch(default)]
async fn error(status: Status, request: &Request<'_>) -> Either<Template, Json<Value>> {
    let (title, advice) = match status.code {
        404 => (
            "Page not found",
            "There is nothing at this address. It may have been mistyped, or the page has moved.",
        ),
        422 => (
            "This request could not be understood",
            "The request arrived, but its contents could not be used. \
             Go back, check what you entered and try again.",
        ),
        500 => (
            "Something went wrong on our side",
            "It is not your fault, and it has been logged. Trying again in a moment may help.",
        ),
        _ => (
            status.reason_lossy(),
            "The request could not be answered as asked.",
        ),
    };
    if request
        .accept()
        .is_some_and(|accept| accept.preferred().is_json())
    {
        return Either::Right(Json(json!({ "error": status.reason_lossy() })));
    }
    let signed_in = matches!(request.guard::<User>().await, Outcome::Success(_));
    let content = context! { code: status.code, title, advice };
    let frame = Frame::of("error").signed_in(signed_in);
    Either::Left(frame.around("error", request.rocket().state(), content))
}

// Both files are part of the program, so it can be started from any directory.

#[get("/static/app.css")]
fn stylesheet() -> StaticFile {
    StaticFile::new(ContentType::CSS, include_str!("../static/app.css"))
}

#[get("/static/icon.svg")]
fn icon() -> StaticFile {
    StaticFile::new(ContentType::SVG, include_str!("../static/icon.svg"))
}

#[derive(Responder)]
struct StaticFile {
    body: (ContentType, &'static str),
    cache: Header<'static>,
}

impl StaticFile {
    fn new(content_type: ContentType, text: &'static str) -> Self {
        Self {
            body: (content_type, text),
            cache: Header::new("Cache-Control", "public, max-age=600"),
        }
    }
}
