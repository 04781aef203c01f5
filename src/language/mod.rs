//! The language of a page: what its reader has chosen, or else what their browser asks
//! for. The texts are in `en.ftl` and `th.ftl` (Project Fluent); templates take them with
//! `t(lang=lang, key="…")`, and times with `moment(lang=lang, at=…)`.
//!
//! To add a language, write its `.ftl` and name it in [`Language`].

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue};
use rocket::form::{Form, FromForm, FromFormField};
use rocket::http::uri::Origin;
use rocket::http::{CookieJar, RawStr};
use rocket::request::{FromRequest, Outcome};
use rocket::serde::Serialize;
use rocket::time::Duration;
use rocket::{Request, Route, State, post, routes};
use rocket_dyn_templates::tera::{self, Tera, Value};
use rocket_logto::{Logto, SameOrigin};

use crate::goto::Goto;
use crate::own_cookie;

/// The cookie of a reader who has chosen.
const CHOSEN: &str = "language";

#[derive(Clone, Copy, Debug, PartialEq, FromFormField)]
pub enum Language {
    #[field(value = "en")]
    English,
    #[field(value = "th")]
    Thai,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::English, Language::Thai];

    /// BCP 47.
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Thai => "th",
        }
    }

    /// As those call it who speak it.
    fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Thai => "ไทย",
        }
    }

    fn messages(self) -> &'static str {
        match self {
            Language::English => include_str!("en.ftl"),
            Language::Thai => include_str!("th.ftl"),
        }
    }

    pub fn tagged(tag: &str) -> Option<Language> {
        let mut all = Language::ALL.into_iter();
        all.find(|language| language.tag() == tag)
    }

    /// The message `key`, as HTML; what the arguments say is text. A key that nobody has
    /// written is the message itself: that a page looks odd is better than no page.
    pub fn say(self, key: &str, arguments: &[(&str, &str)]) -> String {
        let mut told = FluentArgs::new();
        for (name, value) in arguments {
            told.set(*name, escaped(value));
        }
        self.format(key, &told)
    }

    fn format(self, key: &str, arguments: &FluentArgs<'_>) -> String {
        static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 2]> =
            LazyLock::new(|| Language::ALL.map(Language::bundle));
        let bundle = &BUNDLES[self as usize];
        let pattern = bundle.get_message(key).and_then(|message| message.value());
        let Some(pattern) = pattern else {
            rocket::error!("no message `{key}` in {}", self.name());
            return key.to_owned();
        };
        let mut errors: Vec<FluentError> = Vec::new();
        let text = bundle.format_pattern(pattern, Some(arguments), &mut errors);
        for error in errors {
            rocket::error!("message `{key}` in {}: {error}", self.name());
        }
        text.into_owned()
    }

    fn bundle(self) -> FluentBundle<FluentResource> {
        let languages = self.tag().parse().into_iter().collect();
        let mut bundle = FluentBundle::new_concurrent(languages);
        // Templates put `<bdi>` around what others have written.
        bundle.set_use_isolating(false);
        // Half a file is better than no page; a test reads each to its end.
        let resource = FluentResource::try_new(self.messages().to_owned());
        bundle.add_resource_overriding(resource.unwrap_or_else(|(half, _)| half));
        bundle
    }
}

/// What the reader has chosen: the library asks for it, and falls back on the browser.
pub fn chosen(request: &Request<'_>) -> Option<String> {
    let cookie = request.cookies().get(CHOSEN)?;
    Some(cookie.value().to_owned())
}

/// The language that the library's pages have, too.
#[rocket::async_trait]
impl<'r> FromRequest<'r> for Language {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let language = request.guard::<rocket_logto::Language>().await.succeeded();
        let language = language.and_then(|language| Language::tagged(language.as_str()));
        Outcome::Success(language.unwrap_or(Language::English))
    }
}

/// A language to choose from.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Choice {
    tag: &'static str,
    name: &'static str,
    current: bool,
}

impl Choice {
    pub fn all(current: Language) -> [Choice; 2] {
        Language::ALL.map(|language| Choice {
            tag: language.tag(),
            name: language.name(),
            current: language == current,
        })
    }
}

fn escaped(text: &str) -> String {
    RawStr::new(text).html_escape().into_owned()
}

/// Gives the templates `t` and `moment`.
pub fn teach(tera: &mut Tera) {
    tera.register_function("t", Translate);
    tera.register_function("moment", Moment);
}

struct Translate;

impl tera::Function for Translate {
    fn call(&self, arguments: &HashMap<String, Value>) -> tera::Result<Value> {
        let (language, key) = (language(arguments)?, text(arguments, "key")?);
        let mut told = FluentArgs::new();
        for (name, value) in arguments {
            let value = match value {
                Value::Number(number) => FluentValue::from(number.as_f64().unwrap_or_default()),
                Value::String(text) => escaped(text).into(),
                other => escaped(&other.to_string()).into(),
            };
            told.set(name.clone(), value);
        }
        Ok(Value::String(language.format(key, &told)))
    }

    /// Messages are HTML of our own, and the arguments are escaped.
    fn is_safe(&self) -> bool {
        true
    }
}

struct Moment;

impl tera::Function for Moment {
    fn call(&self, arguments: &HashMap<String, Value>) -> tera::Result<Value> {
        let (language, at) = (language(arguments)?, text(arguments, "at")?);
        let no_time = || tera::Error::msg("`at` is no time");
        let (date, rest) = at.split_once('T').ok_or_else(no_time)?;
        let mut parts = date.split('-').map(|part| part.parse::<u32>().ok());
        let mut next = || parts.next().flatten().ok_or_else(no_time);
        let (year, month, day) = (next()?, next()?, next()?);
        let mut told = FluentArgs::new();
        told.set("day", day);
        told.set("month", month);
        told.set("year", year.to_string());
        // The calendar of Thailand.
        told.set("buddhist_year", (year + 543).to_string());
        told.set("clock", rest.trim_end_matches('Z').to_owned());
        let words = language.format("moment", &told);
        let at = escaped(at);
        let html = format!("<time class=\"moment\" datetime=\"{at}\">{words}</time>");
        Ok(Value::String(html))
    }

    fn is_safe(&self) -> bool {
        true
    }
}

fn language(arguments: &HashMap<String, Value>) -> tera::Result<Language> {
    let language = Language::tagged(text(arguments, "lang")?);
    language.ok_or_else(|| tera::Error::msg("no such language"))
}

fn text<'a>(arguments: &'a HashMap<String, Value>, name: &str) -> tera::Result<&'a str> {
    let text = arguments.get(name).and_then(Value::as_str);
    text.ok_or_else(|| tera::Error::msg(format!("`{name}` is missing")))
}

pub fn routes() -> Vec<Route> {
    routes![choose]
}

#[derive(FromForm)]
struct Choosing<'r> {
    language: Language,
    /// Where the reader was.
    page: &'r str,
}

#[post("/language", data = "<choosing>")]
fn choose(
    _form: SameOrigin,
    choosing: Form<Choosing<'_>>,
    cookies: &CookieJar<'_>,
    logto: &State<Logto>,
) -> Goto {
    let mut cookie = own_cookie::named(CHOSEN, Some(logto));
    cookie.set_value(choosing.language.tag());
    cookie.set_max_age(Duration::days(365));
    cookies.add(cookie);
    Goto(local(choosing.page).unwrap_or(Origin::ROOT))
}

/// A page of this app: to a browser, `//host` and `/\host` are others.
fn local(page: &str) -> Option<Origin<'static>> {
    let is_elsewhere = page.starts_with("//") || page.starts_with("/\\");
    Origin::parse_owned(page.to_owned())
        .ok()
        .filter(|_| !is_elsewhere)
}
