//! docs/scale.md: its numbers stand between `<!--=name-->` and `<!--/-->`, and are put there by
//! [`filled`].

use super::measured::Measured;
use super::model;

const BEGIN: &str = "<!--=";
const BEGUN: &str = "-->";
const END: &str = "<!--/-->";

/// The text with every number as it follows from what was measured.
pub fn filled(text: &str, measured: &Measured) -> Result<String, String> {
    let facts = model::facts(measured)?;
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(BEGIN) {
        let (name, from) = from.split_once(BEGUN).ok_or("a name has no end")?;
        let (_, after) = from.split_once(END).ok_or(format!("{name} has no end"))?;
        let words = facts.iter().find(|(known, _)| known == name);
        let (_, words) = words.ok_or(format!("there is no {name}"))?;
        filled += before;
        filled += &format!("{BEGIN}{name}{BEGUN}{words}{END}");
        rest = after;
    }
    Ok(filled + rest)
}

/// What stands outside of the marks.
#[allow(dead_code)]
pub fn by_hand(text: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(BEGIN) {
        left += before;
        rest = from.split_once(END).map_or("", |(_, after)| after);
    }
    left + rest
}
