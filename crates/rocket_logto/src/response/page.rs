//! `Page`: what one of the library's pages says, for whatever shows it.

use std::fmt;

use serde::Serialize;

use super::messages::Key;
use crate::error::ErrorKind;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $id:literal;)*) => {
        /// What a [`Page`] is about. More may be added.
        ///
        /// In a template it is its name in lower case, with `_` between the words:
        /// `"sign_out_question"`.
        ///
        /// # Examples
        ///
        /// ```rust
        /// use rocket_logto::PageKind;
        ///
        /// /// Whether it is worth a picture of its own.
        /// fn is_question(kind: PageKind) -> bool {
        ///     matches!(kind, PageKind::SignOutQuestion | PageKind::SwitchAccount)
        /// }
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum PageKind {
            $($(#[$doc])* $name,)*
        }

        impl PageKind {
            /// All there are.
            #[cfg(any(test, feature = "_internals"))]
            pub(crate) const ALL: &[PageKind] = &[$(Self::$name,)*];

            /// The name of its message.
            fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }
        }
    };
}

kinds! {
    /// A form was sent, and no one is signed in ([`ErrorKind::NotSignedIn`]).
    NotSignedIn = "not-signed-in";
    /// A form was sent, and the session has ended ([`ErrorKind::SessionEnded`]).
    SessionEnded = "session-ended";
    /// A form was sent that needs a more recent or a stronger sign-in
    /// ([`ErrorKind::InsufficientAuthentication`]).
    InsufficientAuthentication = "insufficient-authentication";
    /// The provider does not give access ([`ErrorKind::Denied`]).
    Denied = "denied";
    /// The provider does not let the user use this app ([`ErrorKind::NoAccess`]).
    NoAccess = "no-access";
    /// The app and the provider do not fit each other ([`ErrorKind::Misconfigured`]).
    Misconfigured = "misconfigured";
    /// The request names no organization ([`ErrorKind::NoOrganization`]).
    NoOrganization = "no-organization";
    /// The user's claims do not fit ([`ErrorKind::MissingClaims`]).
    MissingClaims = "missing-claims";
    /// Another site has sent the request ([`ErrorKind::CrossSite`]).
    CrossSite = "cross-site";
    /// The response to a sign-in could not be accepted ([`ErrorKind::SignInRejected`]).
    SignInRejected = "sign-in-rejected";
    /// It did not pass a check ([`ErrorKind::SignInUnverified`]).
    SignInUnverified = "sign-in-unverified";
    /// The browser sent no cookie with it ([`ErrorKind::NoCookies`]).
    NoCookies = "no-cookies";
    /// The user has cancelled the sign-in ([`ErrorKind::SignInCancelled`]).
    SignInCancelled = "sign-in-cancelled";
    /// The provider has refused it ([`ErrorKind::SignInRefused`]).
    SignInRefused = "sign-in-refused";
    /// The provider could not sign the user in as asked
    /// ([`ErrorKind::UnmetAuthentication`]).
    UnmetAuthentication = "unmet-authentication";
    /// The provider cannot be reached ([`ErrorKind::ProviderUnreachable`]).
    ProviderUnreachable = "provider-unreachable";
    /// Its response cannot be used ([`ErrorKind::ProviderBadAnswer`]).
    ProviderBadAnswer = "provider-bad-answer";
    /// It had a problem of its own ([`ErrorKind::ProviderFailed`]).
    ProviderFailed = "provider-failed";
    /// It did not respond in time ([`ErrorKind::ProviderTimeout`]).
    ProviderTimeout = "provider-timeout";
    /// It is not available now ([`ErrorKind::ProviderNotReady`]).
    ProviderNotReady = "provider-not-ready";
    /// The sign-in cannot be remembered ([`ErrorKind::SignInTooLarge`]).
    SignInTooLarge = "sign-in-too-large";
    /// The session store cannot be reached ([`ErrorKind::StoreUnavailable`]).
    StoreUnavailable = "store-unavailable";
    /// The app's hook does not let the user in ([`ErrorKind::NotAdmitted`]). The reason it
    /// gave is among the paragraphs.
    NotAdmitted = "not-admitted";
    /// The user lacks a role or a claim ([`ErrorKind::NotAllowed`]). What it takes is among
    /// the paragraphs.
    NotAllowed = "not-allowed";
    /// A hook of the app failed ([`ErrorKind::HookFailed`]).
    HookFailed = "hook-failed";
    /// The app's data in the session is missing ([`ErrorKind::SessionData`]).
    SessionData = "session-data";
    /// Asks before signing out, because another site may have led here.
    SignOutQuestion = "sign-out-question";
    /// The session here has ended, and the provider could not be told.
    SignedOut = "signed-out";
    /// Asks before a sign-in by a link (Logto's magic links).
    SignInByLink = "sign-in-by-link";
    /// The same, while somebody is signed in.
    SwitchAccount = "switch-account";
}

impl PageKind {
    /// The kind of the page for an error.
    pub(crate) fn of(kind: ErrorKind) -> PageKind {
        match kind {
            ErrorKind::NotSignedIn => PageKind::NotSignedIn,
            ErrorKind::SessionEnded => PageKind::SessionEnded,
            ErrorKind::InsufficientAuthentication => PageKind::InsufficientAuthentication,
            ErrorKind::Denied => PageKind::Denied,
            ErrorKind::NoAccess => PageKind::NoAccess,
            ErrorKind::Misconfigured => PageKind::Misconfigured,
            ErrorKind::NoOrganization => PageKind::NoOrganization,
            ErrorKind::MissingClaims => PageKind::MissingClaims,
            ErrorKind::CrossSite => PageKind::CrossSite,
            ErrorKind::SignInRejected => PageKind::SignInRejected,
            ErrorKind::SignInUnverified => PageKind::SignInUnverified,
            ErrorKind::NoCookies => PageKind::NoCookies,
            ErrorKind::SignInCancelled => PageKind::SignInCancelled,
            ErrorKind::SignInRefused => PageKind::SignInRefused,
            ErrorKind::UnmetAuthentication => PageKind::UnmetAuthentication,
            ErrorKind::ProviderUnreachable => PageKind::ProviderUnreachable,
            ErrorKind::ProviderBadAnswer => PageKind::ProviderBadAnswer,
            ErrorKind::ProviderFailed => PageKind::ProviderFailed,
            ErrorKind::ProviderTimeout => PageKind::ProviderTimeout,
            ErrorKind::ProviderNotReady => PageKind::ProviderNotReady,
            ErrorKind::SignInTooLarge => PageKind::SignInTooLarge,
            ErrorKind::StoreUnavailable => PageKind::StoreUnavailable,
            ErrorKind::NotAdmitted => PageKind::NotAdmitted,
            ErrorKind::NotAllowed => PageKind::NotAllowed,
            ErrorKind::HookFailed => PageKind::HookFailed,
            ErrorKind::SessionData => PageKind::SessionData,
        }
    }

    /// The title of such a page.
    pub(crate) fn title(self) -> Key {
        let (id, attribute) = (self.id(), None);
        Key { id, attribute }
    }

    /// What it says first.
    pub(crate) fn text(self) -> Key {
        let (id, attribute) = (self.id(), Some("text"));
        Key { id, attribute }
    }
}

/// What one of the library's pages says, in the language of its reader, for a page of the
/// app's own: [`LogtoFairing::pages`](crate::LogtoFairing::pages).
///
/// It serializes, so that a template can have it as its context. No part of it is HTML:
/// whatever shows it has to escape it, as Tera does in templates named `.html.tera`.
///
/// # Examples
///
/// What a template gets:
///
/// ```json
/// {
///   "kind": "not_admitted",
///   "status": 403,
///   "language": "en",
///   "title": "You cannot sign in here",
///   "paragraphs": ["The sign-in service knows you, but …", "Only members may sign in."],
///   "reference": "mFQ0v8Zr",
///   "actions": [
///     { "label": "Sign in as someone else", "href": "/sign-in?prompt=login", "form": null },
///     { "label": "Go to the home page", "href": "/", "form": null }
///   ],
///   "app_name": "Team notes",
///   "app_icon": "/static/icon.svg",
///   "home": "/",
///   "cause": null
/// }
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Page {
    /// What it is about.
    pub kind: PageKind,
    /// The status that it is sent with, such as 403.
    pub status: u16,
    /// The language of its texts (BCP 47), for the `lang` attribute.
    pub language: String,
    /// What it is about, in a few words.
    pub title: String,
    /// What it says, the most important first.
    pub paragraphs: Vec<String>,
    /// A random id that is also in the log, for the user to quote.
    pub reference: Option<String>,
    /// What the user can do now, the most likely first.
    pub actions: Vec<PageAction>,
    /// `app_name` of the configuration.
    pub app_name: Option<String>,
    /// `app_icon` of the configuration, as browsers have it: with the path of `base_url`.
    pub app_icon: Option<String>,
    /// The front page of the app, as browsers have it.
    pub home: String,
    /// The line in the log, for the developer. In the debug profile only; in English.
    pub cause: Option<String>,
}

/// Something to click on a [`Page`]: a link, or a form with a button. Either
/// [`href`](PageAction::href) or [`form`](PageAction::form) is there.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::PageAction;
///
/// fn is_button(action: &PageAction) -> bool {
///     action.form.is_some()
/// }
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PageAction {
    /// The text of the link or of the button.
    pub label: String,
    /// The address of the link, as browsers have it.
    pub href: Option<String>,
    /// The form with the button.
    pub form: Option<PageForm>,
}

/// A form with one button, for what a link must not do.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::PageForm;
///
/// fn opening_tag(form: &PageForm) -> String {
///     format!("<form method=\"{}\" action=\"{}\">", form.method, form.action)
/// }
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PageForm {
    /// `get` or `post`.
    pub method: &'static str,
    /// The address that it is sent to, as browsers have it.
    pub action: String,
    /// What it sends, without showing it.
    pub field: PageField,
}

/// The hidden field of a [`PageForm`].
///
/// Without it, or with another value, the form does nothing. `Debug` does not show the
/// value.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::PageField;
///
/// fn input(field: &PageField) -> (&str, &str) {
///     (field.name, &field.value)
/// }
/// ```
#[derive(Clone, Serialize)]
#[non_exhaustive]
pub struct PageField {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

impl fmt::Debug for PageField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PageField");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}

impl PageAction {
    /// Where a GET is enough.
    pub(crate) fn link(label: String, href: impl Into<String>) -> PageAction {
        PageAction {
            label,
            href: Some(href.into()),
            form: None,
        }
    }

    /// To change state.
    pub(crate) fn button(
        label: String,
        method: &'static str,
        action: &str,
        (name, value): (&'static str, &str),
    ) -> PageAction {
        let (action, value) = (action.to_owned(), value.to_owned());
        PageAction {
            label,
            href: None,
            form: Some(PageForm {
                method,
                action,
                field: PageField { name, value },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_in_templates_and_in_messages() {
        for kind in PageKind::ALL {
            let name = serde_json::to_value(kind).expect("a name");
            let name = name.as_str().expect("text").replace('_', "-");
            assert_eq!(name, kind.id());
        }
    }

    #[test]
    fn the_value_of_a_field_is_not_shown() {
        let action = PageAction::button("Sign out".into(), "post", "/sign-out", ("c", "sealed"));
        assert!(!format!("{action:?}").contains("sealed"));
        let json = serde_json::to_value(&action).expect("JSON");
        let form = serde_json::json!({
            "method": "post", "action": "/sign-out", "field": { "name": "c", "value": "sealed" },
        });
        assert_eq!(
            json,
            serde_json::json!({ "label": "Sign out", "href": null, "form": form })
        );
    }
}
