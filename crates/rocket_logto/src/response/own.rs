//! Pages of the app's own in place of the built-in ones.
//!
//! Whoever answers a request makes the built-in page at once, and marks its response. The
//! response hook then asks the app, for only there a body may borrow from the request. So
//! the built-in page is at hand when that of the app fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use rocket::Request;
use rocket::http::StatusClass;
use rocket::response::Response;

use super::messages::Messages;
use super::page::Page;
use super::pending::pending;
use super::{OF_ONE_ANSWER, vary};

/// Shows a page of the app's own.
pub(crate) type OwnPages =
    dyn for<'r> Fn(Page, &'r Request<'_>) -> Option<rocket::response::Result<'r>> + Send + Sync;
/// Says which language a request is in.
pub(crate) type AskLanguage = dyn Fn(&Request<'_>) -> Option<String> + Send + Sync;

/// What the app has said about pages. Managed by Rocket.
pub(crate) struct PageSettings {
    pub messages: Messages,
    pub own: Option<Arc<OwnPages>>,
    pub language: Option<Arc<AskLanguage>>,
}

/// Where the fairing is not attached there are no pages, but languages all the same.
static BUILT_IN: LazyLock<PageSettings> = LazyLock::new(|| PageSettings {
    messages: Messages::built_in(),
    own: None,
    language: None,
});

pub(crate) fn settings<'r>(request: &'r Request<'_>) -> &'r PageSettings {
    let settings = request.rocket().state::<PageSettings>();
    settings.unwrap_or_else(|| &BUILT_IN)
}

/// Marks a response whose page the app may replace. Never reaches a browser.
const MARK: &str = "X-Rocket-Logto-Page";

/// A page that has been made, until the app is asked about it.
pub(crate) struct MadePage {
    number: u32,
    page: Page,
    /// The policy of the built-in page.
    policy: String,
    /// That of a page which brings none.
    own_policy: String,
}

/// Keeps what a response says until the app is asked, if it has pages of its own.
pub(crate) fn offer(
    request: &Request<'_>,
    page: Page,
    (policy, own_policy): (String, String),
    response: &mut Response<'_>,
) {
    if settings(request).own.is_none() {
        return;
    }
    let mut pending = pending(request);
    // A handler may make one, and then answer with something else.
    let number = pending.page.as_ref().map_or(0, |made| made.number + 1);
    response.set_raw_header(MARK, number.to_string());
    pending.page = Some(MadePage {
        number,
        page,
        policy,
        own_policy,
    });
}

/// Asks the app for its own page in place of a built-in one. The response hook calls this.
pub(crate) fn show<'r>(request: &'r Request<'_>, response: &mut Response<'r>) {
    let Some(mark) = response.headers().get_one(MARK) else {
        return;
    };
    let number: Option<u32> = mark.parse().ok();
    response.remove_header(MARK);
    let made = pending(request).page.take();
    let made = made.filter(|made| Some(made.number) == number);
    let (Some(made), Some(own)) = (made, &settings(request).own) else {
        return;
    };
    let kind = made.page.kind;
    let page = made.page.clone();
    // The hook is the last that could answer: a panic here would break the connection.
    let asked = catch_unwind(AssertUnwindSafe(|| own(page, request)));
    // It may have made others.
    pending(request).page = None;
    let why = match asked {
        Ok(None) => return,
        Ok(Some(Ok(answer))) => match is_page(&answer) {
            true => return replace(answer, response, &made),
            false => format!("it is no page, but {}", answer.status()),
        },
        Ok(Some(Err(status))) => format!("it failed with {status}"),
        Err(_) => "it panicked, and standard error has its message".to_owned(),
    };
    log::error!(
        "logto: the app's own page for {kind:?} cannot be shown: {why}. The built-in one is shown"
    );
}

/// A redirect may lead to this very answer again.
fn is_page(answer: &Response<'_>) -> bool {
    answer.body().is_some() && answer.status().class() != StatusClass::Redirection
}

/// Puts the app's page in place of the built-in one. The status and what protects the page
/// stay, whatever the app says.
fn replace<'r>(mut answer: Response<'r>, response: &mut Response<'r>, made: &MadePage) {
    let kept = ["Cache-Control", "Referrer-Policy", "Retry-After", MARK];
    for name in kept.into_iter().chain(["WWW-Authenticate", "Location"]) {
        answer.remove_header(name);
    }
    let cookies = take(&mut answer, "Set-Cookie");
    let varies = take(&mut answer, "Vary");
    let mut policies = take(&mut answer, "Content-Security-Policy");
    if policies.is_empty() {
        // One that some fairing has put in place of ours counts as the app's.
        policies = take(response, "Content-Security-Policy");
        policies.retain(|policy| *policy != made.policy);
    }
    let policy = match policies.is_empty() {
        true => made.own_policy.clone(),
        false => policies.join(", "),
    };
    for name in OF_ONE_ANSWER {
        if name != "WWW-Authenticate" {
            response.remove_header(name);
        }
    }
    let status = response.status();
    response.merge(answer);
    response.set_status(status);
    response.set_raw_header("Content-Security-Policy", in_no_frame(policy));
    for cookie in cookies {
        response.adjoin_raw_header("Set-Cookie", cookie);
    }
    for name in varies {
        vary(response, &name);
    }
}

fn take(response: &mut Response<'_>, name: &str) -> Vec<String> {
    let values: Vec<_> = response.headers().get(name).map(str::to_owned).collect();
    response.remove_header(name);
    values
}

/// The policy, and that no site may have the page in a frame: it asks questions, which
/// nobody is to be led to answer (CSP Level 3, section 6.4.2). Where there are several
/// policies, each of them holds.
fn in_no_frame(policy: String) -> String {
    const NO_FRAME: &str = "frame-ancestors 'none'";
    let mut directives = policy.split([',', ';']).map(str::trim);
    match directives.any(|directive| directive.eq_ignore_ascii_case(NO_FRAME)) {
        true => policy,
        false => format!("{policy}, {NO_FRAME}"),
    }
}
