//! Text and times of other people, as pages show them.

use rocket::serde::{Serialize, Serializer};
use rocket::time::OffsetDateTime;

/// A time, which pages show in UTC and in the words of their language (`moment`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time(OffsetDateTime);

impl Time {
    pub fn at(time: OffsetDateTime) -> Self {
        Self(time)
    }

    /// RFC 3339, in seconds.
    pub fn iso(self) -> String {
        let (year, month, day) = self.0.to_calendar_date();
        let (hour, minute, second) = self.0.to_hms();
        let month = u8::from(month);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.iso())
    }
}

/// Writes characters that reorder or hide the text around them as JSON escapes,
/// so that nothing on the page can pretend to be something else. The joiners U+200C
/// and U+200D stay: Persian and emoji need them.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{7f}'..='\u{9f}' => shown.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => shown.push(character),
        }
    }
    shown
}
