//! Times in tokens (RFC 7519 section 2).

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::Claim;

/// Seconds since 1970, from any JSON number: a fraction is cut off, downwards. Text is
/// no number, and what does not fit is no time.
#[derive(Clone, Copy)]
pub(crate) struct NumericDate(pub(crate) i64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = NumericDate;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a number of seconds")
            }

            fn visit_i64<E>(self, seconds: i64) -> Result<NumericDate, E> {
                Ok(NumericDate(seconds))
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                let whole = i64::try_from(seconds);
                let unfit = |_| E::invalid_value(Unexpected::Unsigned(seconds), &self);
                whole.map(NumericDate).map_err(unfit)
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                // Both bounds are powers of two, so that a float has them exactly.
                const END: f64 = 9_223_372_036_854_775_808.0;
                let whole = seconds.floor();
                match (-END..END).contains(&whole) {
                    true => Ok(NumericDate(whole as i64)),
                    false => Err(E::invalid_value(Unexpected::Float(seconds), &self)),
                }
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}

/// For a field that must be there.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    NumericDate::deserialize(deserializer).map(|date| date.0)
}

/// For a field that may be absent or null.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Claim<i64>, D::Error> {
    let date = Claim::<NumericDate>::deserialize(deserializer)?;
    Ok(date.map(|date| date.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_that_fits_is_a_time() {
        for (json, seconds) in [
            ("0", 0),
            ("-1", -1),
            ("1795723563.5", 1_795_723_563),
            ("1795719963.0", 1_795_719_963),
            ("1.9e9", 1_900_000_000),
            ("19E8", 1_900_000_000),
            ("1795723563999e-3", 1_795_723_563),
            ("-0.5", -1),
            ("-0.0", 0),
            ("1e-400", 0),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("-9.223372036854775808e18", i64::MIN),
        ] {
            let date: NumericDate = serde_json::from_str(json).expect(json);
            assert_eq!(date.0, seconds, "{json}");
        }
        for json in [
            "9223372036854775808",
            "9.3e18",
            "-9.3e18",
            "1e308",
            "1e400",
            "\"1795723563\"",
            "\"1.9e9\"",
            "true",
            "[1795723563]",
            "{\"seconds\":1}",
            "null",
            "NaN",
        ] {
            assert!(serde_json::from_str::<NumericDate>(json).is_err(), "{json}");
        }
    }
}
