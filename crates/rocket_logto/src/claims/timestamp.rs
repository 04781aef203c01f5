//! Times in profile claims, which providers send in seconds or in milliseconds.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use time::OffsetDateTime;

use super::claim::TolerantClaim;

/// A number from here on is in milliseconds: the year 5138 in seconds, or March 1973 in
/// milliseconds.
const MILLISECONDS_FROM: f64 = 1e11;

/// A point in time, kept as the number that the provider sent.
///
/// OpenID Connect counts seconds since 1970, Logto milliseconds. A number of 1e11 or more, positive
/// or negative, is read as milliseconds. Fractions are accepted. It serializes as the number that
/// was read.
///
/// # Standards
///
/// OpenID Connect Core section 5.1 (`updated_at`).
///
/// # Examples
///
/// ```
/// use rocket_logto::Timestamp;
///
/// let logto: Timestamp = serde_json::from_str("1795333406707")?;
/// let standard: Timestamp = serde_json::from_str("1795333406")?;
/// assert_eq!(logto.seconds(), standard.seconds());
/// assert_eq!(logto.to_offset_date_time().map(|moment| moment.year()), Some(2026));
/// assert_eq!(serde_json::to_string(&logto)?, "1795333406707");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(Number);

impl Timestamp {
    /// The number as the provider sent it.
    pub fn as_number(&self) -> &Number {
        &self.0
    }

    /// Whole seconds since 1970, rounded down.
    ///
    /// Saturates at the limits of `i64`.
    pub fn seconds(&self) -> i64 {
        let seconds = self.nanoseconds().div_euclid(1_000_000_000);
        i64::try_from(seconds).unwrap_or(if seconds < 0 { i64::MIN } else { i64::MAX })
    }

    /// The time in UTC, or `None` outside the years -9999 to 9999.
    pub fn to_offset_date_time(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp_nanos(self.nanoseconds()).ok()
    }

    fn nanoseconds(&self) -> i128 {
        // Precise enough to choose the unit; JSON has no NaN.
        let number = self.0.as_f64().unwrap_or_default();
        let unit: i32 = if number.abs() >= MILLISECONDS_FROM {
            1_000_000
        } else {
            1_000_000_000
        };
        if let Some(whole) = self.0.as_i128() {
            return whole.saturating_mul(unit.into());
        }
        // Multiplied as a whole, a float would lose whole seconds. The casts saturate.
        let whole = number.floor();
        let fraction = (number - whole) * f64::from(unit);
        (whole as i128)
            .saturating_mul(unit.into())
            .saturating_add(fraction as i128)
    }
}

/// Reads the number as if a provider had sent it.
impl From<i64> for Timestamp {
    fn from(number: i64) -> Self {
        Timestamp(number.into())
    }
}

impl TolerantClaim for Timestamp {}
