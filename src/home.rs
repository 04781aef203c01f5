//! The front page, for everybody, and the two static files that all pages need.

use rocket::http::{ContentType, CookieJar, Header};
use rocket::response::Responder;
use rocket::{Route, State, get, routes};
use rocket_dyn_templates::{Template, context};
use rocket_logto::Logto;

use crate::frame::{Entry, Frame};
use crate::signed_out;

pub fn routes() -> Vec<Route> {
    routes![home, stylesheet, icon]
}

#[get("/")]
fn home(cookies: &CookieJar<'_>, logto: &State<Logto>, frame: Frame<'_>) -> Template {
    let signed_out = signed_out::take(cookies, logto) && !frame.is_signed_in();
    frame.around(Entry::of("home"), "home", context! { signed_out })
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
