//! `AccountPage` and `AccountLink`: the pages at Logto where users change their password,
//! their passkeys and more, and the way back from there.

use std::fmt;

use rocket::Request;
use rocket::response::Responder;
use url::Url;

use super::Logto;
use crate::oidc::logto_api::endpoint;
use crate::response::redirect;
use crate::return_to::ReturnTo;

macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)*) => {
        /// A page of Logto's account center. More may be added.
        ///
        /// # Examples
        ///
        /// ```rust
        /// use rocket_logto::AccountPage;
        ///
        /// assert_eq!(AccountPage::PasskeyAdd.path(), "passkey/add");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AccountPage {
            $($(#[$doc])* $name,)*
        }

        impl AccountPage {
            /// All there are.
            pub const ALL: &'static [AccountPage] = &[$(AccountPage::$name,)*];

            /// The path of the page, below `/account/`.
            pub fn path(self) -> &'static str {
                match self {
                    $(AccountPage::$name => $path,)*
                }
            }
        }
    };
}

pages! {
    /// Everything about signing in, on one page: second factors, social accounts, sessions.
    Security = "security";
    /// Change the e-mail address.
    Email = "email";
    /// Change the phone number.
    Phone = "phone";
    /// Change the user name.
    Username = "username";
    /// Set or change the password.
    Password = "password";
    /// Add a passkey.
    PasskeyAdd = "passkey/add";
    /// See and remove passkeys.
    PasskeyManage = "passkey/manage";
    /// Set up an authenticator app.
    AuthenticatorApp = "authenticator-app";
    /// Replace it.
    AuthenticatorAppReplace = "authenticator-app/replace";
    /// Make new backup codes.
    BackupCodesGenerate = "backup-codes/generate";
    /// See backup codes.
    BackupCodesManage = "backup-codes/manage";
}

/// The address of a page of Logto's account center, which leads back to this app; from
/// [`Logto::account`](crate::Logto::account).
///
/// It is a responder: 303 to that page. As text it is the address, for a link.
///
/// # Network
///
/// None.
///
/// # Standards
///
/// Logto's account center, whose pages take `redirect`. It has to be switched on in Logto
/// (Sign-in & account > Account center).
///
/// # Examples
///
/// ```rust
/// use rocket::{State, get, uri};
/// use rocket_logto::{AccountLink, AccountPage, Logto, User};
///
/// #[get("/settings")]
/// fn settings(user: User) -> String {
///     format!("Settings of {}", user.name())
/// }
///
/// /// To where the password is changed, and back to the settings.
/// #[get("/settings/password")]
/// fn password(_user: User, logto: &State<Logto>) -> Option<AccountLink> {
///     Some(logto.account(AccountPage::Password)?.return_to(uri!(settings)))
/// }
/// ```
#[derive(Clone)]
#[must_use = "return it from a handler, or show its address"]
pub struct AccountLink {
    logto: Logto,
    page: Url,
    back: ReturnTo,
}

impl Logto {
    /// The address of a page of Logto's account center, where users change their password,
    /// passkeys and more. `None` at a provider that is no Logto: one that `issuer` names. The
    /// development provider has such pages, too, which say what Logto's would do.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket::{State, get};
    /// use rocket_logto::{AccountLink, AccountPage, Logto, User};
    ///
    /// #[get("/settings/passkey")]
    /// fn passkey(_user: User, logto: &State<Logto>) -> Option<AccountLink> {
    ///     logto.account(AccountPage::PasskeyAdd)
    /// }
    /// ```
    pub fn account(&self, page: AccountPage) -> Option<AccountLink> {
        let provider = &self.config().provider;
        let logto = endpoint(&provider.issuer, provider.named_by)?;
        Some(AccountLink {
            page: logto.join(&format!("account/{}", page.path())).ok()?,
            logto: self.clone(),
            back: self.landing(None),
        })
    }

    /// The link of a one-time token, to be sent to its e-mail address: it begins a sign-in in
    /// this app. Logto checks the token, and asks before it takes the place of another user.
    ///
    /// `token` is of [`Management::one_time_token`](crate::Management::one_time_token). The
    /// address is of `base_url`, and holds the token: it belongs in no log.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::{Logto, OneTimeToken};
    ///
    /// fn letter(logto: &Logto, token: &OneTimeToken) -> String {
    ///     format!("Sign in: {}", logto.magic_link(&token.email, token.secret()))
    /// }
    /// ```
    pub fn magic_link(&self, email: &str, token: &str) -> Url {
        let mut link = self.base_url().clone();
        link.set_path(&self.config().linked.sign_in);
        let pairs = [("one_time_token", token), ("login_hint", email)];
        link.query_pairs_mut().extend_pairs(pairs);
        link
    }
}

impl AccountLink {
    /// Where Logto leads back to: a path of this app. One that is not is replaced by `/`, as is
    /// none.
    pub fn return_to(mut self, path: impl ToString) -> AccountLink {
        self.back = self.logto.landing(Some(&path.to_string()));
        self
    }

    /// The address. The way back in it is of `base_url`, whatever the request says of the host.
    pub fn url(&self) -> Url {
        let mut url = self.page.clone();
        // A path of this app, at its own origin.
        if let Ok(back) = self.logto.base_url().join(self.back.as_str()) {
            url.query_pairs_mut().append_pair("redirect", back.as_str());
        }
        url
    }
}

impl fmt::Display for AccountLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.url(), f)
    }
}

impl fmt::Debug for AccountLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccountLink")
            .field(&self.url().as_str())
            .finish()
    }
}

impl<'r> Responder<'r, 'static> for AccountLink {
    fn respond_to(self, _: &'r Request<'_>) -> rocket::response::Result<'static> {
        Ok(redirect(self.url().into()))
    }
}
