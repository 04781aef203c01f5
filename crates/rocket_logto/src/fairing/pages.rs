//! The methods of the fairing about pages: the app's own, and their languages.

use std::sync::Arc;

use rocket::Request;

use super::LogtoFairing;
use crate::response::messages::Messages;
use crate::response::own::{AskLanguage, OwnPages, PageSettings};
use crate::response::page::Page;

/// What the app has said.
#[derive(Default)]
pub(super) struct Pages {
    own: Option<Arc<OwnPages>>,
    language: Option<Arc<AskLanguage>>,
    /// Tags, each with a file.
    messages: Vec<(String, String)>,
}

impl Pages {
    /// `None` after logging what is wrong.
    pub(super) fn settings(&self) -> Option<PageSettings> {
        match Messages::new(&self.messages) {
            Ok(messages) => Some(PageSettings {
                messages,
                own: self.own.clone(),
                language: self.language.clone(),
            }),
            Err(mistake) => {
                log::error!("logto: Logto::fairing().{mistake}");
                None
            }
        }
    }
}

impl LogtoFairing {
    /// Shows pages of the app's own in place of the library's: every one that it has, errors
    /// and questions alike. `pages` gets what the page has to say, in the language of its
    /// reader, and answers with a response made of it, from a template for instance. With
    /// `None` the built-in page is shown.
    ///
    /// What protects the page stays as it is, whatever the response says: its status,
    /// `Cache-Control: no-store`, `Referrer-Policy`, `Retry-After`, `WWW-Authenticate`, and
    /// that no site may have it in a frame. A `Content-Security-Policy` may be the app's own;
    /// with `form-action` it has to name [`Logto::provider_origins`](crate::Logto::provider_origins).
    /// Without one, the page may use style sheets, fonts and pictures of the app, and no
    /// scripts.
    ///
    /// Where the function fails, panics, or answers with a redirect or nothing, the built-in
    /// page is shown, and the log has a line. Programs get JSON, and it is not called.
    ///
    /// It is called after the handler, so cookies added to
    /// [`Request::cookies`](rocket::Request::cookies) are lost. Said twice, the last one counts.
    ///
    /// # Network
    ///
    /// What the function does.
    ///
    /// # Examples
    ///
    /// With Tera, and one template for all of them; [the guide](crate::guide::pages) has it:
    ///
    /// ```rust
    /// # mod rocket_dyn_templates {
    /// #     pub struct Template;
    /// #     impl Template {
    /// #         pub fn render<C: rocket::serde::Serialize>(_: &'static str, _: C) -> String { String::new() }
    /// #     }
    /// # }
    /// use rocket::response::Responder;
    /// use rocket_dyn_templates::Template;
    /// use rocket_logto::Logto;
    ///
    /// Logto::fairing()
    ///     .pages(|page, request| Some(Template::render("logto", &page).respond_to(request)));
    /// ```
    ///
    /// Without a template engine, and for one kind only:
    ///
    /// ```rust
    /// use rocket::Request;
    /// use rocket::http::RawStr;
    /// use rocket::response::{self, Responder, content::RawHtml};
    /// use rocket_logto::{Logto, Page, PageKind};
    ///
    /// fn pages<'r>(page: Page, request: &'r Request<'_>) -> Option<response::Result<'r>> {
    ///     if page.kind != PageKind::NotAdmitted {
    ///         return None;
    ///     }
    ///     let text = page.paragraphs.join(" ");
    ///     let html = format!("<!doctype html><title>Sorry</title><p>{}", RawStr::new(&text).html_escape());
    ///     Some(RawHtml(html).respond_to(request))
    /// }
    ///
    /// Logto::fairing().pages(pages);
    /// ```
    pub fn pages<F>(mut self, pages: F) -> LogtoFairing
    where
        F: for<'r> Fn(Page, &'r Request<'_>) -> Option<rocket::response::Result<'r>>
            + Send
            + Sync
            + 'static,
    {
        self.pages.own = Some(Arc::new(pages));
        self
    }

    /// Adds a language to the library's pages, or changes texts of one that is there.
    ///
    /// `language` is a tag (BCP 47), such as `de` or `pt-BR`. `file` has the messages, in the
    /// syntax of Project Fluent; copy the English one from
    /// `crates/rocket_logto/src/response/messages/en.ftl` and translate what stands to the right.
    /// A message that is missing is shown in the language's own text if it has one, else in
    /// English. English and Thai are built in; `"en"` and `"th"` change some of their texts.
    ///
    /// A file that cannot be read, that has a message of another name, or that says a variable
    /// which the English one does not have, stops the launch, as does a language that is none;
    /// the log says where.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Standards
    ///
    /// BCP 47.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::Logto;
    ///
    /// const GERMAN: &str = "\
    /// sign-out-question = Abmelden?
    ///     .text = Sie werden von dieser App abgemeldet.
    /// action-sign-out = Abmelden
    /// action-stay-signed-in = Angemeldet bleiben
    /// ";
    ///
    /// Logto::fairing()
    ///     .messages("de", GERMAN) // or include_str!("de.ftl")
    ///     .messages("en", "action-home = Back to your notes\n");
    /// ```
    pub fn messages(
        mut self,
        language: impl Into<String>,
        file: impl Into<String>,
    ) -> LogtoFairing {
        self.pages.messages.push((language.into(), file.into()));
        self
    }

    /// Says in which language the library speaks to a request, for an app with a language
    /// switch of its own. With `None`, or with a language that is not there
    /// ([`messages`](LogtoFairing::messages)), the browser's `Accept-Language` decides, and
    /// after that English.
    ///
    /// It is called at most once for a request, and only when a page or a
    /// [`Language`](crate::Language) is made. Said twice, the last one counts.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Standards
    ///
    /// BCP 47.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::Logto;
    ///
    /// Logto::fairing().language(|request| {
    ///     let cookie = request.cookies().get("language")?;
    ///     Some(cookie.value().to_owned())
    /// });
    /// ```
    pub fn language<F>(mut self, language: F) -> LogtoFairing
    where
        F: Fn(&Request<'_>) -> Option<String> + Send + Sync + 'static,
    {
        self.pages.language = Some(Arc::new(language));
        self
    }
}
