//! One sign-in of one browser, up to the authorization response, and what must
//! hold when that response is refused: all of it, for every reason.

use logto_dev_provider::{DevProvider, Endpoint};
use rocket::figment::value::Dict;
use rocket::{Build, Rocket};
use url::Url;

use super::app::{ALICE, TestApp, settings};
use super::browser::{Browser, Response};
use super::log::reason_of;
pub use super::pages::NOBODY;
use super::pages::pages_and_again;

pub use super::app::SESSION_COOKIE as SESSION;
pub const TRANSACTION: &str = "logto_session_txn_";

/// An app that says who is signed in.
pub fn rocket() -> Rocket<Build> {
    pages_and_again()
}

/// That app, at a provider that signs Alice in without asking.
pub async fn app() -> TestApp {
    app_at(DevProvider::start(settings()).await.expect("a provider")).await
}

/// The same with a provider that was prepared first.
pub async fn app_at(provider: DevProvider) -> TestApp {
    app_with(provider, Dict::new()).await
}

/// The same with more keys of the `logto` table.
pub async fn app_with(provider: DevProvider, logto: Dict) -> TestApp {
    provider.hooks().sign_in_as(Some(ALICE));
    TestApp::at(provider, logto, rocket()).await
}

/// Who the app takes this browser for.
pub async fn who_is(app: &TestApp, browser: &Browser) -> String {
    let page = browser.navigate(app.url("/")).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    page.text()
}

/// How a refusal came about, and what it left.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    reason: &'a str,
    status: u16,
    token_requests: usize,
    forgets_transaction: bool,
    still: &'a str,
}

impl<'a> Refusal<'a> {
    /// The response itself was no good: the code went nowhere.
    pub fn before_exchange(reason: &'a str) -> Refusal<'a> {
        Refusal {
            reason,
            status: 400,
            token_requests: 0,
            forgets_transaction: true,
            still: NOBODY,
        }
    }

    /// What the code was exchanged for was no good.
    pub fn after_exchange(reason: &'a str) -> Refusal<'a> {
        Refusal {
            token_requests: 1,
            ..Refusal::before_exchange(reason)
        }
    }

    /// The response belongs to no sign-in of this browser, whose own ones go on.
    pub fn unrelated(reason: &'a str) -> Refusal<'a> {
        Refusal {
            forgets_transaction: false,
            ..Refusal::before_exchange(reason)
        }
    }

    /// The page has another status than 400.
    pub fn with_status(self, status: u16) -> Refusal<'a> {
        Refusal { status, ..self }
    }

    /// Afterwards this user is signed in as before.
    pub fn still(self, still: &'a str) -> Refusal<'a> {
        Refusal { still, ..self }
    }
}

/// One case of a table: a browser of its own, and a name for messages.
pub struct Trial<'a> {
    pub app: &'a TestApp,
    pub browser: Browser,
    pub case: String,
}

impl<'a> Trial<'a> {
    pub fn new(app: &'a TestApp, case: impl Into<String>) -> Trial<'a> {
        Trial::in_browser(app, Browser::new(), case)
    }

    pub fn in_browser(app: &'a TestApp, browser: Browser, case: impl Into<String>) -> Trial<'a> {
        Trial {
            app,
            browser,
            case: case.into(),
        }
    }

    /// Signs in up to the address of the callback, which is not opened yet.
    pub async fn callback(&self) -> Url {
        let start = self.browser.navigate(self.app.url("/again")).await;
        self.answer_to(&start).await
    }

    /// Where the provider answers the sign-in that `start` began.
    pub async fn answer_to(&self, start: &Response) -> Url {
        let answer = self.browser.follow(start).await;
        let location = answer.location();
        location.unwrap_or_else(|| panic!("{}: no answer: {}", self.case, answer.text()))
    }

    /// A whole sign-in that ends as `user`.
    pub async fn accepts(&self, user: &str) {
        let callback = self.callback().await;
        self.accepts_at(callback.as_str(), user).await;
    }

    /// The response at `callback` signs `user` in.
    pub async fn accepts_at(&self, callback: &str, user: &str) {
        let case = &self.case;
        let page = self.browser.navigate(callback).await;
        assert_eq!(page.status(), 303, "{case}: {}", why(&page));
        assert_eq!(who_is(self.app, &self.browser).await, user, "{case}");
    }

    /// A whole sign-in that is refused.
    pub async fn refuses(&self, refusal: Refusal<'_>) -> Response {
        let callback = self.callback().await;
        self.refuses_at(callback.as_str(), refusal).await
    }

    /// The response at `callback` is refused.
    pub async fn refuses_at(&self, callback: &str, refusal: Refusal<'_>) -> Response {
        let before = self.traces();
        let page = self.browser.navigate(callback).await;
        self.is_refusal(&page, before, refusal).await;
        page
    }

    /// The response at `callback` belongs to no sign-in of this browser. Its code goes
    /// nowhere, nobody is signed in, and a sign-in of this browser's own begins.
    pub async fn begins_anew_at(&self, callback: &str) -> Response {
        let (case, before) = (&self.case, self.traces());
        let page = self.browser.navigate(callback).await;
        self.is_beginning(&page, before).await;
        assert_eq!(who_is(self.app, &self.browser).await, NOBODY, "{case}");
        page
    }

    /// All that must hold of a sign-in that begins in place of one that is not known.
    pub async fn is_beginning(&self, page: &Response, before: Traces) {
        let case = &self.case;
        assert_eq!(page.status(), 303, "{case}: {}", why(page));
        let to = page.location().expect("the provider");
        assert!(
            to.as_str().starts_with(&self.app.provider.issuer()),
            "{case}: {to}"
        );
        let given = page.url().query_pairs();
        for (_, value) in given.filter(|(name, value)| name != "iss" && value.len() > 5) {
            assert!(
                !to.as_str().contains(&*value),
                "{case}: it takes over {value}"
            );
        }
        let lines = page.set_cookies();
        let begun = |line: &&String| line.contains("_txn_") && !line.contains("=; ");
        assert_eq!(lines.iter().filter(begun).count(), 1, "{case}: {lines:?}");
        assert_eq!(lines.len(), 1, "{case}: {lines:?}");
        let after = self.traces();
        let begun = after.transactions.len() - before.transactions.len();
        assert_eq!(begun, 1, "{case}: transaction cookies");
        assert_eq!(after.token, before.token, "{case}: token requests");
        assert_eq!(
            after.other, before.other,
            "{case}: requests to the provider"
        );
        assert_eq!(self.browser.violations(), [], "{case}");
    }

    /// What the provider and the jar have seen so far.
    pub fn traces(&self) -> Traces {
        let count = |endpoint| self.app.provider.requests_to(endpoint).len();
        let cookies = self.browser.cookies().into_iter();
        Traces {
            token: count(Endpoint::Token),
            other: [
                Endpoint::Auth,
                Endpoint::PushedAuth,
                Endpoint::UserInfo,
                Endpoint::Revocation,
                Endpoint::Introspection,
                Endpoint::EndSession,
                Endpoint::Unknown,
            ]
            .map(count),
            transactions: cookies
                .map(|cookie| cookie.name)
                .filter(|name| name.contains("_txn_"))
                .collect(),
        }
    }

    /// All that must hold of a refused sign-in.
    pub async fn is_refusal(&self, page: &Response, before: Traces, refusal: Refusal<'_>) {
        let case = &self.case;
        assert_eq!(page.status(), refusal.status, "{case}: {}", why(page));
        let content_type = page.header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with("text/html"),
            "{case}: {content_type}"
        );
        assert_eq!(page.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(
            page.header("referrer-policy"),
            Some("no-referrer"),
            "{case}"
        );
        assert_eq!(reason_of(&reference(page)), refusal.reason, "{case}");
        let links = page.page().links;
        let again = links.iter().find(|link| link.text == "Sign in again");
        let again = again.map_or("", |link| &link.href);
        assert_eq!(again.split('?').next(), Some("/sign-in"), "{case}: {again}");
        let text = page.page().text;
        for (name, value) in page.url().query_pairs() {
            let told = value.len() > 5 && text.contains(&*value);
            assert!(!told, "{case}: the page repeats {name}");
        }

        let lines = page.set_cookies();
        let forgotten = usize::from(refusal.forgets_transaction);
        assert_eq!(lines.len(), forgotten, "{case}: {lines:?}");
        for line in &lines {
            let removes = line.starts_with(TRANSACTION) && line.contains("=; ");
            assert!(removes && line.contains("; Max-Age=0"), "{case}: {line}");
        }
        let after = self.traces();
        let left = before.transactions.len() - forgotten;
        assert_eq!(
            after.transactions.len(),
            left,
            "{case}: transaction cookies"
        );
        let exchanged = after.token - before.token;
        assert_eq!(exchanged, refusal.token_requests, "{case}: token requests");
        assert_eq!(
            after.other, before.other,
            "{case}: requests to the provider"
        );
        assert_eq!(self.browser.violations(), [], "{case}");
        assert_eq!(
            who_is(self.app, &self.browser).await,
            refusal.still,
            "{case}"
        );
    }
}

/// What [`Trial::is_refusal`] compares.
pub struct Traces {
    token: usize,
    other: [usize; 7],
    transactions: Vec<String>,
}

/// The reference on an error page.
pub fn reference(page: &Response) -> String {
    let text = page.page().text;
    let reference = text.split_once("Reference: ").map(|(_, rest)| rest);
    let reference = reference.and_then(|rest| rest.split(' ').next());
    let reference = reference.unwrap_or_else(|| panic!("no reference on the page: {text}"));
    reference.to_owned()
}

/// For messages: the reason of an error page, or what else it is.
fn why(page: &Response) -> String {
    match page.text().contains("Reference: ") {
        true => reason_of(&reference(page)),
        false => format!("{} {:?} {}", page.status(), page.location(), page.text()),
    }
}
