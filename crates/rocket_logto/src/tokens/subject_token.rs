//! `SubjectToken`: a token to exchange for an access token.

use std::fmt;

use zeroize::Zeroizing;

use crate::tokens::token::TokenFor;

/// A token to exchange for an access token of the user it stands for, with
/// [`LogtoService::exchange_token`](crate::LogtoService::exchange_token).
///
/// `Debug` does not show the token, and its memory is wiped on drop.
///
/// # Standards
///
/// RFC 8693 section 2.1.
///
/// # Examples
///
/// ```rust,no_run
/// use rocket_logto::{Error, LogtoService, SubjectToken, TokenFor};
///
/// # async fn run(logto: LogtoService, subject: String, mine: String) -> Result<(), Error> {
/// // `subject` comes from `POST /api/subject-tokens`; `mine` says who acts.
/// let subject = SubjectToken::impersonation(subject).actor(mine);
/// let shopping = TokenFor::resource("https://shopping.your-app.com/api").scope("read");
/// let token = logto.exchange_token(subject, shopping).await?;
/// # Ok(()) }
/// ```
#[must_use]
pub struct SubjectToken {
    token: Zeroizing<String>,
    token_type: String,
    actor: Option<Zeroizing<String>>,
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const IMPERSONATION_TOKEN: &str = "urn:logto:token-type:impersonation_token";
const PERSONAL_ACCESS_TOKEN: &str = "urn:logto:token-type:personal_access_token";

impl SubjectToken {
    /// A token of any type; `token_type` is the type's URI (RFC 8693 section 3).
    pub fn new(token: impl Into<String>, token_type: impl Into<String>) -> SubjectToken {
        SubjectToken {
            token: Zeroizing::new(token.into()),
            token_type: token_type.into(),
            actor: None,
        }
    }

    /// A subject token from Logto's Management API (`POST /api/subject-tokens`), to
    /// act as a user. It can be used once, within ten minutes.
    ///
    /// Its type is that of Logto 1.38 and later. Before, it was `access_token` of RFC 8693:
    /// [`SubjectToken::access_token`].
    pub fn impersonation(token: impl Into<String>) -> SubjectToken {
        SubjectToken::new(token, IMPERSONATION_TOKEN)
    }

    /// An access token of the user, to pass on what the user may do to another API with fewer
    /// scopes (RFC 8693 section 1.1). At Logto only of first-party applications.
    pub fn access_token(token: impl Into<String>) -> SubjectToken {
        SubjectToken::new(token, ACCESS_TOKEN)
    }

    /// A personal access token that a user has created at Logto.
    pub fn personal_access_token(token: impl Into<String>) -> SubjectToken {
        SubjectToken::new(token, PERSONAL_ACCESS_TOKEN)
    }

    /// Names who acts for the user, by their access token. The new token says so in
    /// its `act` claim (RFC 8693 section 4.1).
    pub fn actor(mut self, access_token: impl Into<String>) -> SubjectToken {
        self.actor = Some(Zeroizing::new(access_token.into()));
        self
    }

    /// The parameters of the exchange for what `wanted` describes.
    pub(crate) fn params(&self, wanted: &TokenFor) -> Vec<(&'static str, String)> {
        let mut params = vec![
            ("subject_token", self.token.to_string()),
            ("subject_token_type", self.token_type.clone()),
        ];
        if let Some(actor) = &self.actor {
            params.push(("actor_token", actor.to_string()));
            params.push(("actor_token_type", ACCESS_TOKEN.to_owned()));
        }
        params.extend(wanted.params());
        params
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectToken")
            .field("token_type", &self.token_type)
            .finish_non_exhaustive()
    }
}
