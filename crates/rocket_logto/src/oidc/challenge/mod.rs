//! What an API answers that wants a stronger or a more recent authentication (RFC 9470
//! section 3), read from the `WWW-Authenticate` of its 401.

mod header;
#[cfg(test)]
mod tests;

use self::header::{Challenge, challenges};
use super::authentication::RequestedAuthentication;
use crate::authentication::{MAX_ACR_VALUES, is_name};

/// The scopes that an API says a token lacks (RFC 6750 section 3.1), in its answer's headers:
/// empty where it does not say which, `None` where it says nothing of the kind. Printable.
pub(crate) fn missing_scope<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<String> {
    first(values, |challenge| {
        if challenge.parameter("error") != Some(Some("insufficient_scope")) {
            return None;
        }
        let scope = challenge.parameter("scope").flatten().unwrap_or_default();
        let is_plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
        Some(scope.chars().filter(is_plain).take(MAX_SCOPE).collect())
    })
}

/// What `read` finds first in the challenges of these headers, within [`MAX_LENGTH`].
fn first<V: AsRef<[u8]>, T>(
    values: impl IntoIterator<Item = V>,
    read: impl Fn(&Challenge) -> Option<T>,
) -> Option<T> {
    let mut left = MAX_LENGTH;
    for value in values {
        let value = value.as_ref();
        left = left.checked_sub(value.len())?;
        let text = str::from_utf8(value).ok();
        let challenges = text.and_then(challenges).unwrap_or_default();
        let found = challenges.iter().find_map(&read);
        if found.is_some() {
            return found;
        }
    }
    None
}

/// In characters: more is not repeated.
const MAX_SCOPE: usize = 512;
const CODE: &str = "insufficient_user_authentication";
/// In bytes, of all headers together: more is not looked at.
const MAX_LENGTH: usize = 16 * 1024;

/// The demand of an API which has refused an access token because of how its user has
/// authenticated: `error="insufficient_user_authentication"` in a `WWW-Authenticate` header.
///
/// A handler that calls the API turns it into a sign-in by
/// [`User::step_up`](crate::User::step_up).
///
/// # Network
///
/// None.
///
/// # Standards
///
/// RFC 9470 sections 3 and 5, RFC 9110 section 11.6.1.
///
/// # Examples
///
/// ```rust,no_run
/// use rocket::{State, get};
/// use rocket_logto::{AccessToken, Error, Resource, StepUpChallenge, User};
///
/// # struct Shopping;
/// # impl Resource for Shopping {
/// #     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
/// # }
/// #[get("/orders/new")]
/// async fn order(
///     user: User,
///     token: AccessToken<Shopping>,
///     http: &State<reqwest::Client>,
/// ) -> Result<Option<String>, Error> {
///     let request = http.post("https://shopping.your-app.com/api/orders");
///     let Ok(answer) = request.bearer_auth(token.secret()).send().await else {
///         return Ok(None);
///     };
///     if let Some(challenge) = StepUpChallenge::from_headers(answer.headers()) {
///         return Err(user.step_up(&challenge)); // to the sign-in, and back here
///     }
///     Ok(answer.text().await.ok())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUpChallenge {
    demanded: RequestedAuthentication,
    description: Option<String>,
}

impl StepUpChallenge {
    /// The challenge in the headers of an answer, whose status is 401: those of `reqwest`,
    /// `http` and `hyper` fit, and any other pairs of a name and a value. `None` when there is
    /// none, or when it cannot be relied on: a `max_age` that is no number, `acr_values` that
    /// are too long, a parameter that came twice, quotes that do not end.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::StepUpChallenge;
    ///
    /// let headers = [(
    ///     "WWW-Authenticate",
    ///     r#"Basic realm="old", Bearer error="insufficient_user_authentication", max_age="300""#,
    /// )];
    /// let challenge = StepUpChallenge::from_headers(headers).unwrap();
    /// assert_eq!(challenge.max_age(), Some(300));
    /// assert_eq!(challenge.acr_values().count(), 0);
    /// ```
    pub fn from_headers<N, V>(headers: impl IntoIterator<Item = (N, V)>) -> Option<StepUpChallenge>
    where
        N: AsRef<str>,
        V: AsRef<[u8]>,
    {
        let is_it = |name: &str| name.eq_ignore_ascii_case("www-authenticate");
        let headers = headers.into_iter();
        let values = headers.filter_map(|(name, value)| is_it(name.as_ref()).then_some(value));
        first(values, StepUpChallenge::read)
    }

    /// The same of the values of the `WWW-Authenticate` headers alone.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::StepUpChallenge;
    ///
    /// let value = r#"Bearer error="insufficient_user_authentication", acr_values="urn:logto:acr:mfa""#;
    /// let challenge = StepUpChallenge::parse([value]).unwrap();
    /// assert_eq!(challenge.acr_values().collect::<Vec<_>>(), ["urn:logto:acr:mfa"]);
    ///
    /// assert_eq!(StepUpChallenge::parse([r#"Bearer error="invalid_token""#]), None);
    /// ```
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<StepUpChallenge> {
        first(values, StepUpChallenge::read)
    }

    fn read(challenge: &Challenge) -> Option<StepUpChallenge> {
        let is_ours = |scheme: &&str| challenge.scheme.eq_ignore_ascii_case(scheme);
        ["Bearer", "DPoP"].iter().find(|scheme| is_ours(scheme))?;
        if challenge.parameter("error")? != Some(CODE) {
            return None;
        }
        let max_age = match challenge.parameter("max_age")? {
            None => None,
            // RFC 9470 section 3: a non-negative integer.
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(text.parse().ok()?)
            }
            Some(_) => return None,
        };
        let acr_values = match challenge.parameter("acr_values")? {
            None => Vec::new(),
            Some(text) if text.len() > MAX_ACR_VALUES => return None,
            Some(text) => text.split(' ').filter(|name| !name.is_empty()).collect(),
        };
        if !acr_values.iter().all(|name| is_name(name)) {
            return None;
        }
        let description = challenge.parameter("error_description")?;
        Some(StepUpChallenge {
            demanded: RequestedAuthentication {
                max_age,
                acr_values: acr_values.into_iter().map(str::to_owned).collect(),
                ..RequestedAuthentication::default()
            },
            description: description.map(str::to_owned),
        })
    }

    /// The greatest time since the user authenticated, in seconds.
    pub fn max_age(&self) -> Option<u32> {
        self.demanded.max_age
    }

    /// The classes of authentication that are good enough, the preferred one first.
    pub fn acr_values(&self) -> impl Iterator<Item = &str> {
        self.demanded.acr_values.iter().map(String::as_str)
    }

    /// What the API says to its developers (`error_description`). Do not show it on pages.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    pub(crate) fn demanded(&self) -> &RequestedAuthentication {
        &self.demanded
    }
}
