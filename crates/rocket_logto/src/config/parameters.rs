//! The words of an authorization request (OpenID Connect Core section 3.1.2.1,
//! and Logto's own), for configuration and for code alike.

use serde::{Deserialize, Serialize};

/// The scope that asks for a refresh token (OpenID Connect Core section 11).
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// What the app sets itself: from a key of its own or for each sign-in anew.
const OWN: [&str; 15] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "dpop_jkt",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Whether a free parameter must not have this name: one invalid value, or a
/// second one, makes Logto drop them all.
pub(crate) fn is_reserved(name: &str) -> bool {
    OWN.contains(&name) || SignInParameter::parse(name).is_some()
}

/// What a sign-in may set, by a method of [`SignIn`](crate::SignIn) or in the
/// query of the `/sign-in` route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInParameter {
    FirstScreen,
    Identifier,
    DirectSignIn,
    LoginHint,
    OneTimeToken,
    UiLocales,
    OrganizationId,
    Prompt,
    MaxAge,
    AcrValues,
    /// No parameter of the protocol: the methods (`amr`) that are looked for in the result.
    Amr,
}

impl SignInParameter {
    const ALL: [SignInParameter; 11] = [
        SignInParameter::FirstScreen,
        SignInParameter::Identifier,
        SignInParameter::DirectSignIn,
        SignInParameter::LoginHint,
        SignInParameter::OneTimeToken,
        SignInParameter::UiLocales,
        SignInParameter::OrganizationId,
        SignInParameter::Prompt,
        SignInParameter::MaxAge,
        SignInParameter::AcrValues,
        SignInParameter::Amr,
    ];

    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            SignInParameter::FirstScreen => "first_screen",
            SignInParameter::Identifier => "identifier",
            SignInParameter::DirectSignIn => "direct_sign_in",
            SignInParameter::LoginHint => "login_hint",
            SignInParameter::OneTimeToken => "one_time_token",
            SignInParameter::UiLocales => "ui_locales",
            SignInParameter::OrganizationId => "organization_id",
            SignInParameter::Prompt => "prompt",
            SignInParameter::MaxAge => "max_age",
            SignInParameter::AcrValues => "acr_values",
            SignInParameter::Amr => "amr",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<SignInParameter> {
        SignInParameter::ALL
            .into_iter()
            .find(|parameter| parameter.name() == name)
    }
}

/// The screen Logto shows first (`first_screen`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirstScreen {
    /// The sign-in form.
    SignIn,
    /// The registration form.
    Register,
    /// The form to reset a password.
    ResetPassword,
    /// Sign-in with the identifiers of [`Identifier`] only.
    IdentifierSignIn,
    /// Registration with the identifiers of [`Identifier`] only.
    IdentifierRegister,
    /// The form for enterprise single sign-on.
    SingleSignOn,
}

impl FirstScreen {
    const ALL: [FirstScreen; 6] = [
        FirstScreen::SignIn,
        FirstScreen::Register,
        FirstScreen::ResetPassword,
        FirstScreen::IdentifierSignIn,
        FirstScreen::IdentifierRegister,
        FirstScreen::SingleSignOn,
    ];

    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            FirstScreen::SignIn => "sign_in",
            FirstScreen::Register => "register",
            FirstScreen::ResetPassword => "reset_password",
            FirstScreen::IdentifierSignIn => "identifier:sign_in",
            FirstScreen::IdentifierRegister => "identifier:register",
            FirstScreen::SingleSignOn => "single_sign_on",
        }
    }

    pub(crate) fn parse(value: &str) -> Option<FirstScreen> {
        FirstScreen::ALL
            .into_iter()
            .find(|screen| screen.as_str() == value)
    }

    /// Logto knows `identifier` on these screens only, and drops **every**
    /// extra parameter when it meets an invalid one.
    pub(crate) fn takes_identifier(self) -> bool {
        matches!(
            self,
            FirstScreen::IdentifierSignIn
                | FirstScreen::IdentifierRegister
                | FirstScreen::ResetPassword
        )
    }
}

/// What a person identifies with (`identifier`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identifier {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A user name.
    Username,
}

impl Identifier {
    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Identifier::Email => "email",
            Identifier::Phone => "phone",
            Identifier::Username => "username",
        }
    }

    pub(crate) fn parse(value: &str) -> Option<Identifier> {
        [Identifier::Email, Identifier::Phone, Identifier::Username]
            .into_iter()
            .find(|identifier| identifier.as_str() == value)
    }
}

/// Skips Logto's screens and goes straight to a connector (`direct_sign_in`).
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{DirectSignIn, SignIn};
///
/// #[get("/by-github")]
/// fn by_github() -> SignIn {
///     SignIn::new().direct_sign_in(DirectSignIn::Social("github".into()))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectSignIn {
    /// A social connector, by its target: `"google"`, `"github"`, …
    Social(String),
    /// An enterprise connector, by its id.
    Sso(String),
}

impl DirectSignIn {
    /// The value on the wire.
    pub fn to_param(&self) -> String {
        match self {
            DirectSignIn::Social(target) => format!("social:{target}"),
            DirectSignIn::Sso(id) => format!("sso:{id}"),
        }
    }

    pub(crate) fn parse(value: &str) -> Option<DirectSignIn> {
        let (method, target) = value.split_once(':')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if target.is_empty() || target.len() > 128 || !target.chars().all(plain) {
            return None;
        }
        match method {
            "social" => Some(DirectSignIn::Social(target.to_owned())),
            "sso" => Some(DirectSignIn::Sso(target.to_owned())),
            _ => None,
        }
    }
}

/// What the provider must ask the person (`prompt`).
///
/// ```rust
/// use rocket::get;
/// use rocket_logto::{Prompt, SignIn};
///
/// /// To come back as somebody else.
/// #[get("/switch")]
/// fn switch() -> SignIn {
///     SignIn::new().prompt([Prompt::Login, Prompt::Consent])
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Prompt {
    /// Nothing at all: answers `login_required` when nobody is signed in there.
    None,
    /// To sign in again.
    Login,
    /// For consent; without it Logto gives no refresh token.
    Consent,
    /// Which account (not Logto).
    SelectAccount,
}

impl Prompt {
    const ALL: [Prompt; 4] = [
        Prompt::None,
        Prompt::Login,
        Prompt::Consent,
        Prompt::SelectAccount,
    ];

    /// The value on the wire.
    fn as_str(self) -> &'static str {
        match self {
            Prompt::None => "none",
            Prompt::Login => "login",
            Prompt::Consent => "consent",
            Prompt::SelectAccount => "select_account",
        }
    }

    /// A list for a person to see, separated by spaces. `none` is not for an address that
    /// anyone can write: it would begin a session with neither consent nor, at Logto, a
    /// refresh token, and nobody would have seen it.
    pub(crate) fn parse_visible(list: &str) -> Option<Vec<Prompt>> {
        let parse = |name: &str| {
            let mut all = Prompt::ALL.into_iter();
            all.find(|prompt| prompt.as_str() == name && *prompt != Prompt::None)
        };
        let list: Option<Vec<_>> = list.split_ascii_whitespace().map(parse).collect();
        list.filter(|list| !list.is_empty())
    }

    /// These, with what is `configured`: at Logto `login` without `consent` costs the
    /// refresh token. `none` stands alone.
    pub(crate) fn with_configured(asked: &[Prompt], configured: &[Prompt]) -> Vec<Prompt> {
        let mut all = asked.to_vec();
        let configured = configured.iter().filter(|prompt| **prompt != Prompt::None);
        for prompt in configured {
            if !all.contains(prompt) {
                all.push(*prompt);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sign_in_may_set_is_no_free_parameter() {
        for parameter in SignInParameter::ALL {
            assert!(is_reserved(parameter.name()), "{parameter:?}");
            assert!(!OWN.contains(&parameter.name()), "{parameter:?} twice");
        }
        assert!(is_reserved("state") && !is_reserved("audience"));
    }

    #[test]
    fn a_prompt_in_an_address_is_one_that_people_see() {
        let parsed = Prompt::parse_visible("login consent");
        assert_eq!(parsed, Some(vec![Prompt::Login, Prompt::Consent]));
        for prompt in Prompt::ALL {
            let parsed = Prompt::parse_visible(prompt.as_str());
            let expected = Some(vec![prompt]).filter(|_| prompt != Prompt::None);
            assert_eq!(parsed, expected, "{prompt:?}");
        }
        for bad in ["", " ", "login none", "LOGIN", "login,consent", "create"] {
            assert_eq!(Prompt::parse_visible(bad), None, "{bad}");
        }
        let joined = Prompt::with_configured(&[Prompt::Login], &[Prompt::None, Prompt::Consent]);
        assert_eq!(joined, [Prompt::Login, Prompt::Consent]);
    }

    #[test]
    fn wire_names_come_back_as_they_went() {
        for screen in FirstScreen::ALL {
            assert_eq!(FirstScreen::parse(screen.as_str()), Some(screen));
        }
        assert_eq!(FirstScreen::parse("Register"), None);
        assert_eq!(Identifier::parse("phone"), Some(Identifier::Phone));
        let social = DirectSignIn::Social("google".into());
        assert_eq!(DirectSignIn::parse(&social.to_param()), Some(social));
        for bad in ["google", "social:", "saml:x", "social:a b", "sso:a\nb"] {
            assert_eq!(DirectSignIn::parse(bad), None, "{bad}");
        }
    }
}
