//! The date of a cookie's `Expires`, read as RFC 6265bis 5.1.1 says: by tokens
//! in any order, since servers write it in many ways.

use rocket::time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// `None` for what is no date; such an attribute is ignored.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| !(c.is_ascii_alphanumeric() || c == ':' || !c.is_ascii());
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none() && parse_time(token).is_some() {
            time = parse_time(token);
        } else if day.is_none() && leading_number(token, 1, 2).is_some() {
            day = leading_number(token, 1, 2);
        } else if month.is_none() && parse_month(token).is_some() {
            month = parse_month(token);
        } else if year.is_none() {
            year = leading_number(token, 2, 4);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year if year >= 1601 => year,
        _ => return None,
    };
    let date = Date::from_calendar_date(i32::from(year), month?, u8::try_from(day?).ok()?).ok()?;
    Some(PrimitiveDateTime::new(date, time?).assume_utc())
}

fn parse_time(token: &str) -> Option<Time> {
    let mut parts = token.splitn(3, ':');
    let mut next = || leading_number(parts.next()?, 1, 2).and_then(|n| u8::try_from(n).ok());
    Time::from_hms(next()?, next()?, next()?).ok()
}

fn parse_month(token: &str) -> Option<Month> {
    let start = token.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| *month == start)?;
    Month::try_from(u8::try_from(index + 1).ok()?).ok()
}

/// A number of `min` to `max` digits that a non-digit, or nothing, follows.
fn leading_number(token: &str, min: usize, max: usize) -> Option<u16> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    ((min..=max).contains(&digits)).then(|| token[..digits].parse().ok())?
}
