//! In which language a request is answered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rocket::Request;

use super::messages::{Choice, Messages, accepted, named};
use super::own::settings;

/// The language of a request, and whether its `Accept-Language` has decided.
#[derive(Clone, Copy)]
pub(crate) struct Spoken {
    pub choice: Choice,
    pub by_header: bool,
}

/// Decides once, and only if somebody asks: most requests need no text of ours.
pub(crate) fn spoken(request: &Request<'_>) -> Spoken {
    *request.local_cache(|| decide(request))
}

/// Lets the app's function see the address that the request came with.
pub(crate) fn before_the_address_changes(request: &Request<'_>) {
    if settings(request).language.is_some() {
        spoken(request);
    }
}

/// What the app says, or else the browser, or else English.
fn decide(request: &Request<'_>) -> Spoken {
    let settings = settings(request);
    let asked = settings.language.as_ref().and_then(|ask| {
        // An app whose function fails must not lose the answer.
        let asked = catch_unwind(AssertUnwindSafe(|| ask(request)));
        asked.unwrap_or_else(|_| {
            log::error!(
                "logto: the function for the language panicked; standard error has its message"
            );
            None
        })
    });
    let by_app = asked.and_then(|tag| settings.messages.choose(&named(&tag)));
    if let Some(choice) = by_app {
        let by_header = false;
        return Spoken { choice, by_header };
    }
    let header: Vec<_> = request.headers().get("Accept-Language").collect();
    let by_browser = settings.messages.choose(&accepted(&header.join(",")));
    Spoken {
        choice: by_browser.unwrap_or(Messages::english()),
        by_header: true,
    }
}

/// Its tag (BCP 47).
pub(crate) fn tag(request: &Request<'_>) -> String {
    settings(request).messages.tag(spoken(request).choice)
}
