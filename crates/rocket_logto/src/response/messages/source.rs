//! A file with messages, and whether it fits the English one.

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentError, FluentResource};
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use unic_langid::LanguageIdentifier;

/// A file that has been read.
pub(super) struct Source {
    resource: FluentResource,
}

impl Source {
    /// # Errors
    ///
    /// The first mistake, with its line.
    pub(super) fn read(file: &str) -> Result<Source, String> {
        match FluentResource::try_new(file.to_owned()) {
            Ok(resource) => Ok(Source { resource }),
            Err((_, mistakes)) => Err(match mistakes.first() {
                Some(mistake) => {
                    let before = file.get(..mistake.pos.start).unwrap_or(file);
                    let line = before.matches('\n').count() + 1;
                    format!("line {line} cannot be read: {}", mistake.kind)
                }
                None => "it cannot be read".to_owned(),
            }),
        }
    }

    /// The texts by name, `message` or `message.attribute`, with the variables in each.
    pub(super) fn texts(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut texts = BTreeMap::new();
        for entry in self.resource.entries() {
            let Entry::Message(message) = entry else {
                continue;
            };
            let id = message.id.name;
            if let Some(value) = &message.value {
                texts.insert(id.to_owned(), variables(value));
            }
            for attribute in &message.attributes {
                let name = format!("{id}.{}", attribute.id.name);
                texts.insert(name, variables(&attribute.value));
            }
        }
        texts
    }

    /// Whether each of its texts is one of `english`, and says nothing that is not known
    /// there. Some may be missing.
    pub(super) fn fits(&self, english: &Source) -> Result<(), String> {
        let known = english.texts();
        for (name, variables) in self.texts() {
            let Some(there) = known.get(&name) else {
                return Err(format!("there is no message {name}"));
            };
            if let Some(variable) = variables.difference(there).next() {
                return Err(format!("{name} cannot say ${variable}: nothing fills it"));
            }
        }
        Ok(())
    }

    /// # Errors
    ///
    /// A message that is there twice, or that says what is not there.
    pub(super) fn bundle(
        self,
        tag: &LanguageIdentifier,
    ) -> Result<FluentBundle<FluentResource>, String> {
        let texts = self.texts();
        let mut bundle = FluentBundle::new_concurrent(vec![tag.clone()]);
        // The texts go into attributes and titles as well, where the marks would show.
        bundle.set_use_isolating(false);
        bundle
            .add_resource(self.resource)
            .map_err(|errors| match errors.first() {
                Some(FluentError::Overriding { id, .. }) => format!("{id} is there twice"),
                Some(error) => error.to_string(),
                None => "it cannot be used".to_owned(),
            })?;
        for (name, variables) in &texts {
            let values = variables.iter().map(|name| (name.as_str(), "x")).collect();
            let (id, attribute) = match name.split_once('.') {
                Some((id, attribute)) => (id, Some(attribute)),
                None => (name.as_str(), None),
            };
            let message = bundle.get_message(id);
            let pattern = message.and_then(|message| match attribute {
                Some(attribute) => message.get_attribute(attribute).map(|found| found.value()),
                None => message.value(),
            });
            let mut errors = Vec::new();
            if let Some(pattern) = pattern {
                bundle.format_pattern(pattern, Some(&values), &mut errors);
            }
            if let Some(error) = errors.first() {
                return Err(format!("{name} cannot be made: {error}"));
            }
        }
        Ok(bundle)
    }
}

fn variables(pattern: &Pattern<&str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    in_pattern(pattern, &mut found);
    found
}

fn in_pattern(pattern: &Pattern<&str>, found: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            in_expression(expression, found);
        }
    }
}

fn in_expression(expression: &Expression<&str>, found: &mut BTreeSet<String>) {
    match expression {
        Expression::Inline(inline) => in_inline(inline, found),
        Expression::Select { selector, variants } => {
            in_inline(selector, found);
            for variant in variants {
                in_pattern(&variant.value, found);
            }
        }
    }
}

fn in_inline(inline: &InlineExpression<&str>, found: &mut BTreeSet<String>) {
    let arguments = match inline {
        InlineExpression::VariableReference { id } => {
            found.insert(id.name.to_owned());
            return;
        }
        InlineExpression::Placeable { expression } => return in_expression(expression, found),
        InlineExpression::FunctionReference { arguments, .. } => Some(arguments),
        InlineExpression::TermReference { arguments, .. } => arguments.as_ref(),
        _ => None,
    };
    let Some(arguments) = arguments else {
        return;
    };
    for argument in &arguments.positional {
        in_inline(argument, found);
    }
    for argument in &arguments.named {
        in_inline(&argument.value, found);
    }
}
