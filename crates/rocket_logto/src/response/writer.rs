//! Writes a page for a request: in its language, with the app's name, and with the headers
//! that go with it.

use std::io::Cursor;
use std::sync::Arc;

use rocket::Request;
use rocket::http::Status;
use rocket::response::Response;
use url::{Position, Url};

use super::language::spoken;
use super::messages::{Key, Values, keys};
use super::no_store;
use super::own::{offer, settings};
use super::page::{Page, PageKind};
use super::pages::{self, Frame};
use crate::config::LogtoConfig;
use crate::return_to::{BasePath, ReturnTo};

/// A text in the language of the request.
pub(crate) fn say(request: &Request<'_>, key: Key) -> String {
    say_with(request, key, &[])
}

/// The same of a text with variables.
pub(crate) fn say_with(request: &Request<'_>, key: Key, values: Values<'_>) -> String {
    let messages = &settings(request).messages;
    messages.text(spoken(request).choice, key, values)
}

/// A page of that kind, which says so far what all of them say.
pub(crate) fn page(request: &Request<'_>, kind: PageKind, status: Status) -> Page {
    let config = config(request);
    Page {
        kind,
        status: status.code,
        language: super::language::tag(request),
        title: say(request, kind.title()),
        paragraphs: vec![say(request, kind.text())],
        reference: None,
        actions: Vec::new(),
        app_name: config.and_then(|config| config.app_name.clone()),
        app_icon: config.and_then(|config| config.app_icon.clone()),
        home: home(request).as_str().to_owned(),
        cause: None,
    }
}

/// The response with that page, or with the app's own in its place. `form_action` holds
/// origins beside our own that its forms lead to.
pub(crate) fn answer(
    request: &Request<'_>,
    page: Page,
    form_action: &[String],
) -> Response<'static> {
    let spoken = spoken(request);
    let messages = &settings(request).messages;
    let frame = Frame {
        host: config(request).map_or("", |config| host(&config.base_url)),
        is_from_the_right: messages.is_from_the_right(spoken.choice),
        reference: say(request, keys::REFERENCE),
        for_the_developer: [keys::FOR_THE_DEVELOPER, keys::FOR_THE_DEVELOPER_TEXT]
            .map(|key| say(request, key)),
    };
    let body = pages::render(&page, &frame);
    let icon = page.app_icon.as_deref();
    let policies = [
        pages::csp(icon, form_action),
        pages::own_csp(icon, form_action),
    ];
    let [policy, own_policy] = policies;
    let mut response = Response::build()
        .status(Status::new(page.status))
        .raw_header("Content-Type", "text/html; charset=utf-8")
        .raw_header("Content-Language", page.language.clone())
        .raw_header("Content-Security-Policy", policy.clone())
        .sized_body(body.len(), Cursor::new(body))
        .finalize();
    if spoken.by_header {
        response.set_raw_header("Vary", "Accept-Language");
    }
    no_store(&mut response);
    offer(request, page, (policy, own_policy), &mut response);
    response
}

/// As in an address, with the port where it is not the scheme's.
fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// The front page of the app, as browsers have it.
pub(crate) fn home(request: &Request<'_>) -> ReturnTo {
    base_path(request).home()
}

pub(crate) fn base_path(request: &Request<'_>) -> BasePath {
    config(request).map_or_else(BasePath::default, |config| config.base_path.clone())
}

pub(crate) fn config<'r>(request: &'r Request<'_>) -> Option<&'r Arc<LogtoConfig>> {
    request.rocket().state::<Arc<LogtoConfig>>()
}
