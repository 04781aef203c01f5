//! What surrounds every page: the menus, the user's name and picture, the choice of a
//! language, and the notice about the development provider.

use std::convert::Infallible;

use rocket::Request;
use rocket::http::Method;
use rocket::request::{FromRequest, Outcome};
use rocket::serde::Serialize;
use rocket_dyn_templates::Template;
use rocket_logto::{Logto, ORGANIZATIONS_SCOPE, User};

use crate::developer::resources;
use crate::goto::base;
use crate::language::{Choice, Language};
use crate::shown::visible;

/// The frame of the page that answers this request, a guard that never fails.
pub struct Frame<'r> {
    pub language: Language,
    logto: Option<&'r Logto>,
    /// To come back to after a sign-in, or in another language.
    here: String,
    user: Whose,
}

/// Who looks at a page, as far as is known.
#[derive(Clone, Default, Serialize)]
#[serde(crate = "rocket::serde", rename_all = "lowercase")]
enum Whose {
    #[default]
    Unknown,
    Nobody,
    User(Profile),
}

/// An entry of a menu, by the page that it leads to.
#[derive(Clone, Copy)]
pub struct Entry {
    page: &'static str,
    /// The page is one below it.
    below: bool,
}

impl Entry {
    /// The page itself.
    pub fn of(page: &'static str) -> Self {
        Self { page, below: false }
    }

    /// A page below it.
    pub fn below(page: &'static str) -> Self {
        Self { page, below: true }
    }

    /// A page that no menu has.
    pub fn none() -> Self {
        Self::of("")
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Frame<'r> {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let user: Option<Option<User>> = request.guard().await.succeeded();
        let user = match user.flatten() {
            Some(user) => Whose::User(Profile::of(&user)),
            None => Whose::Nobody,
        };
        request.local_cache(|| user.clone());
        let language: Option<Language> = request.guard().await.succeeded();
        let here = match request.method() {
            Method::Get => request.uri().to_string(),
            // A form cannot be come back to.
            _ => "/".to_owned(),
        };
        Outcome::Success(Self {
            language: language.unwrap_or(Language::English),
            logto: request.rocket().state(),
            here,
            user,
        })
    }
}

impl<'r> Frame<'r> {
    /// For a page of the library, where no guard can be waited for.
    pub fn told(request: &'r Request<'_>, language: Language) -> Self {
        Self {
            language,
            logto: request.rocket().state(),
            // What led here is best not sent again.
            here: "/".to_owned(),
            user: request.local_cache(Whose::default).clone(),
        }
    }

    /// The page, rendered by `template` from `content`.
    pub fn around(&self, at: Entry, template: &'static str, content: impl Serialize) -> Template {
        #[derive(Serialize)]
        #[serde(crate = "rocket::serde")]
        struct Page<'a, C> {
            base: &'a str,
            lang: &'a str,
            languages: [Choice; 2],
            here: &'a str,
            page: &'static str,
            below: bool,
            whose: &'a Whose,
            user: Option<&'a Profile>,
            dev_provider: bool,
            has_organizations: bool,
            has_resources: bool,
            #[serde(flatten)]
            content: C,
        }
        // Without configuration, which the launch would not survive, nothing is known to
        // be there.
        let logto = self.logto;
        Template::render(
            template,
            Page {
                base: base(logto),
                lang: self.language.tag(),
                languages: Choice::all(self.language),
                here: &self.here,
                page: at.page,
                below: at.below,
                whose: &self.user,
                user: self.user(),
                dev_provider: logto.is_some_and(Logto::dev_provider),
                has_organizations: logto.is_some_and(has_organizations),
                has_resources: logto.is_some_and(has_resources),
                content,
            },
        )
    }

    /// A page that says what is wrong.
    pub fn error(&self, at: Entry, code: u16, title: &str, advice: &str) -> Template {
        #[derive(Serialize)]
        #[serde(crate = "rocket::serde")]
        struct Content<'a> {
            code: u16,
            title: &'a str,
            advice: &'a str,
        }
        let content = Content {
            code,
            title,
            advice,
        };
        self.around(at, "error", content)
    }

    /// The message `key`, in the language of the page.
    pub fn say(&self, key: &str) -> String {
        self.language.say(key, &[])
    }

    pub fn is_signed_in(&self) -> bool {
        self.user().is_some()
    }

    fn user(&self) -> Option<&Profile> {
        match &self.user {
            Whose::User(profile) => Some(profile),
            _ => None,
        }
    }
}

/// Who is signed in, as the pages show it.
#[derive(Clone, Serialize)]
#[serde(crate = "rocket::serde")]
struct Profile {
    name: String,
    initial: Option<char>,
    sub: String,
    picture: Option<String>,
}

impl Profile {
    fn of(user: &User) -> Self {
        let picture = user.claims().picture.as_deref();
        let initial = user.name().chars().find(|letter| letter.is_alphanumeric());
        Self {
            name: visible(user.name()),
            initial: initial.and_then(|letter| letter.to_uppercase().next()),
            sub: visible(user.sub()),
            picture: picture.filter(|url| is_https(url)).map(str::to_owned),
        }
    }
}

/// Anything else (`javascript:`, `data:`, plain http) is not shown.
fn is_https(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| url.scheme() == "https")
}

/// Whether a sign-in asks for the user's organizations: without that there are no
/// organization tokens, and no teams.
pub fn has_organizations(logto: &Logto) -> bool {
    let scopes = &logto.config().scopes;
    scopes.iter().any(|scope| scope == ORGANIZATIONS_SCOPE)
}

/// Whether a sign-in asks for tokens for an API.
fn has_resources(logto: &Logto) -> bool {
    !resources::configured(logto).is_empty()
}
