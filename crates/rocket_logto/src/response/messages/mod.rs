//! The texts of the pages, in every language there is. A file of Project Fluent for each:
//! English and Thai are built in, the app may add others and change these.

pub(crate) mod keys;
mod source;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::{CharacterDirection, LanguageIdentifier};

use self::source::Source;

pub(crate) const ENGLISH: &str = include_str!("en.ftl");
pub(crate) const THAI: &str = include_str!("th.ftl");

/// The name of a text: of a message, or of one of its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub id: &'static str,
    pub attribute: Option<&'static str>,
}

/// What a text says of the case at hand, by name.
pub(crate) type Values<'a> = &'a [(&'static str, &'a str)];

/// One language.
struct Translation {
    tag: LanguageIdentifier,
    /// One for each file, the last of which counts first.
    files: Vec<FluentBundle<FluentResource>>,
}

/// All languages. The first one is English, which has every message.
pub(crate) struct Messages(Vec<Translation>);

/// Which of the languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice(usize);

impl Messages {
    /// The built-in ones, and `added` ones, each with its tag (BCP 47) and its file.
    ///
    /// # Errors
    ///
    /// What is wrong with one of the added ones, and where.
    pub(crate) fn new(added: &[(String, String)]) -> Result<Messages, String> {
        let mut messages = Messages(Vec::new());
        let english = Source::read(ENGLISH)?;
        for (tag, file) in [("en", ENGLISH), ("th", THAI)] {
            messages.add(tag, Source::read(file)?)?;
        }
        for (tag, file) in added {
            let at = |mistake: String| format!("messages(\"{tag}\"): {mistake}");
            let source = Source::read(file).map_err(at)?;
            source.fits(&english).map_err(at)?;
            messages.add(tag, source).map_err(at)?;
        }
        Ok(messages)
    }

    /// Only those that are built in. A test holds that they can be read.
    pub(crate) fn built_in() -> Messages {
        Messages::new(&[]).unwrap_or_else(|_| Messages(Vec::new()))
    }

    fn add(&mut self, tag: &str, source: Source) -> Result<(), String> {
        let tag =
            parse(tag).ok_or("this is no language tag: write one like \"de\" or \"pt-BR\"")?;
        let file = source.bundle(&tag)?;
        match self.0.iter_mut().find(|language| language.tag == tag) {
            Some(language) => language.files.insert(0, file),
            None => self.0.push(Translation {
                tag,
                files: vec![file],
            }),
        }
        Ok(())
    }

    /// The best one for a reader who has named languages in this order; `None` if there is
    /// none for them.
    pub(crate) fn choose(&self, wanted: &[LanguageIdentifier]) -> Option<Choice> {
        let tags: Vec<_> = self.0.iter().map(|language| &language.tag).collect();
        let found = negotiate_languages(wanted, &tags, None, NegotiationStrategy::Lookup);
        let found = found.first()?;
        let index = tags.iter().position(|tag| tag == *found)?;
        Some(Choice(index))
    }

    pub(crate) fn english() -> Choice {
        Choice(0)
    }

    /// The language's tag, as it stands in `lang` attributes.
    pub(crate) fn tag(&self, choice: Choice) -> String {
        let language = self.0.get(choice.0);
        language.map_or_else(|| "en".to_owned(), |language| language.tag.to_string())
    }

    /// Whether it is written from right to left.
    pub(crate) fn is_from_the_right(&self, choice: Choice) -> bool {
        let language = self.0.get(choice.0);
        language.is_some_and(|it| it.tag.character_direction() == CharacterDirection::RTL)
    }

    /// The text in that language, or else in English.
    pub(crate) fn text(&self, choice: Choice, key: Key, values: Values<'_>) -> String {
        let languages = [choice, Messages::english()].map(|choice| self.0.get(choice.0));
        let files = languages.into_iter().flatten();
        let mut files = files.flat_map(|language| &language.files);
        let text = files.find_map(|file| text_in(file, key, values));
        // Only a name that no file has; a test has looked for them.
        text.unwrap_or_else(|| key.id.to_owned())
    }
}

/// `None` if it is not there, or cannot be made of these values.
fn text_in(file: &FluentBundle<FluentResource>, key: Key, values: Values<'_>) -> Option<String> {
    let message = file.get_message(key.id)?;
    let pattern = match key.attribute {
        Some(name) => message.get_attribute(name)?.value(),
        None => message.value()?,
    };
    let values: FluentArgs = values.iter().copied().collect();
    let mut errors = Vec::new();
    let text = file.format_pattern(pattern, Some(&values), &mut errors);
    errors.is_empty().then(|| text.into_owned())
}

fn parse(tag: &str) -> Option<LanguageIdentifier> {
    let tag: LanguageIdentifier = tag.parse().ok()?;
    // `und`: no language at all.
    (!tag.language.is_empty()).then_some(tag)
}

/// The languages of an `Accept-Language` header, the preferred one first (RFC 9110 section
/// 12.5.4). What is no language, such as `*`, and what is not wanted at all (`q=0`), is left
/// out.
pub(crate) fn accepted(header: &str) -> Vec<LanguageIdentifier> {
    let mut languages: Vec<(LanguageIdentifier, f32)> = header
        .split(',')
        .take(MAX_ACCEPTED)
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let tag = parse(parts.next()?)?;
            let weight = match parts.find_map(|part| part.strip_prefix(['q', 'Q'])) {
                Some(weight) => weight.trim_start().strip_prefix('=')?.trim().parse().ok()?,
                None => 1.0,
            };
            (weight > 0.0 && weight <= 1.0).then_some((tag, weight))
        })
        .collect();
    // Stable: of equal ones the first counts.
    languages.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    languages.into_iter().map(|(tag, _)| tag).collect()
}

/// Nobody reads more languages, and the header may hold thousands.
const MAX_ACCEPTED: usize = 32;

/// The language that an app has named.
pub(crate) fn named(tag: &str) -> Vec<LanguageIdentifier> {
    // As `_` is written in the names of POSIX.
    parse(&tag.replace('_', "-")).into_iter().collect()
}

#[cfg(test)]
mod tests;
