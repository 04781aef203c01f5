//! Data of the app's own in the session: small, because it may have to fit a cookie.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// In bytes, as JSON. A session has about 8 KiB in cookies for its ID token, its refresh
/// token and this.
const MAX_DATA: usize = 512;

/// As it is in the session.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct AppData(Value);

impl AppData {
    pub(crate) fn of(data: &impl Serialize) -> Result<AppData, SessionDataError> {
        let value = serde_json::to_value(data);
        let value = value.map_err(|_| SessionDataError(Why::NotJson))?;
        let size = value.to_string().len();
        match size <= MAX_DATA {
            true => Ok(AppData(value)),
            false => Err(SessionDataError(Why::TooLarge(size))),
        }
    }

    /// `None` when it does not fit `T`.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(&self.0).ok()
    }
}

/// The app may keep there what nobody else is to see.
impl fmt::Debug for AppData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppData([redacted])")
    }
}

/// Data that cannot be kept in a session: it is larger than 512 bytes as JSON, or cannot
/// be JSON at all (a map whose keys are no strings, an integer beyond 64 bits).
///
/// # Examples
///
/// ```rust
/// use rocket_logto::Admission;
///
/// assert!(Admission::admit().with_data(&"short").is_ok());
/// let error = Admission::admit().with_data(&"long".repeat(200)).unwrap_err();
/// assert!(error.to_string().contains("802 bytes"));
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("the session's data {0}")]
pub struct SessionDataError(Why);

#[derive(Clone, Debug, thiserror::Error)]
enum Why {
    #[error(
        "has {0} bytes as JSON, and at most {MAX_DATA} are kept: keep a key to your own database"
    )]
    TooLarge(usize),
    #[error("cannot be JSON")]
    NotJson,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_512_bytes_and_no_more() {
        // Two of them are the quotes.
        assert!(AppData::of(&"a".repeat(510)).is_ok());
        assert!(AppData::of(&"a".repeat(511)).is_err());
        assert!(
            AppData::of(
                &[(1, 2)]
                    .into_iter()
                    .collect::<std::collections::HashMap<_, _>>()
            )
            .is_ok()
        );
        assert!(AppData::of(&u128::MAX).is_err());
    }

    #[test]
    fn another_type_is_none_and_debug_shows_nothing() {
        let data = AppData::of(&("canary", 7)).unwrap();
        assert_eq!(data.read(), Some(("canary".to_owned(), 7)));
        assert_eq!(data.read::<u32>(), None);
        assert!(!format!("{data:?}").contains("canary"));
    }
}
