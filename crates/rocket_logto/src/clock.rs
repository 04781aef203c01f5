//! Time in tokens and sessions: whole seconds, from a clock that tests can
//! replace. Imports nothing of the crate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rocket::time::OffsetDateTime;

/// Seconds since 1970-01-01 UTC.
pub(crate) type Seconds = i64;

/// Gives the current time, from the system or from a test.
pub(crate) type Clock = fn() -> Seconds;

pub(crate) fn system_clock() -> Seconds {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    seconds(now)
}

/// The whole seconds of a duration.
pub(crate) fn seconds(duration: Duration) -> Seconds {
    Seconds::try_from(duration.as_secs()).unwrap_or(Seconds::MAX)
}

/// A point in time as users of the crate have it, in UTC.
pub(crate) fn moment(seconds: Seconds) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Whether `exp` has passed, with `tolerance` for clocks that differ (RFC 7519
/// section 4.1.4).
pub(crate) fn has_expired(exp: Seconds, now: Seconds, tolerance: Seconds) -> bool {
    exp.saturating_add(tolerance) <= now
}
