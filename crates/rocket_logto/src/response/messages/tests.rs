use std::collections::BTreeSet;

use super::source::Source;
use super::*;
use crate::response::page::PageKind;

fn name(key: Key) -> String {
    match key.attribute {
        Some(attribute) => format!("{}.{attribute}", key.id),
        None => key.id.to_owned(),
    }
}

fn messages(added: &[(&str, &str)]) -> Result<Messages, String> {
    let added = added.iter();
    let added: Vec<_> = added
        .map(|(tag, file)| ((*tag).to_owned(), (*file).to_owned()))
        .collect();
    Messages::new(&added)
}

fn chosen(messages: &Messages, header: &str) -> Option<String> {
    let choice = messages.choose(&accepted(header));
    choice.map(|choice| messages.tag(choice))
}

/// Every language says the same, and each text has its use.
#[test]
fn each_language_has_every_message_with_the_same_variables() {
    let english = Source::read(ENGLISH).expect("English").texts();
    let thai = Source::read(THAI).expect("Thai").texts();
    assert_eq!(thai, english);

    let kinds = PageKind::ALL.iter();
    let kinds = kinds.flat_map(|kind| [kind.title(), kind.text()]);
    let used: Vec<_> = kinds.chain(keys::ALL.iter().copied()).map(name).collect();
    let names: BTreeSet<_> = used.iter().cloned().collect();
    assert_eq!(names.len(), used.len(), "one is named twice");
    let there: BTreeSet<_> = english.into_keys().collect();
    assert_eq!(names, there);
}

#[test]
fn a_language_falls_back_to_english_text_by_text() {
    let messages = messages(&[
        ("de", "misconfigured =\n    .text = Falsch eingestellt.\n"),
        ("th", "action-home = หน้าแรก\n"),
    ])
    .expect("messages");
    let text = |header: &str, key| {
        let choice = messages.choose(&accepted(header)).expect("a language");
        messages.text(choice, key, &[])
    };
    let kind = PageKind::Misconfigured;
    assert_eq!(text("de", kind.text()), "Falsch eingestellt.");
    assert_eq!(text("de", kind.title()), "This app is not set up correctly");
    // What the app has not written anew stays as it is.
    assert_eq!(text("th", keys::HOME), "หน้าแรก");
    assert_eq!(text("th", keys::TRY_AGAIN), "ลองอีกครั้ง");
}

#[test]
fn a_broken_file_is_told_with_its_place() {
    for (tag, file, told) in [
        ("de", "action-home = Start\naction-try-again\n", "line 2 "),
        ("de", "action-home = { $", "line 1 "),
        (
            "de",
            "acton-home = Start\n",
            "there is no message acton-home",
        ),
        ("de", "action-home =\n    .tex = Start\n", "action-home.tex"),
        (
            "de",
            "action-home = { $name }\n",
            "action-home cannot say $name",
        ),
        (
            "de",
            "action-home = { -brand }\n",
            "action-home cannot be made",
        ),
        ("de", "quoted = { NUMBER($y) }\n", "$y"),
        (
            "de",
            "quoted = { $text ->\n   [a] A\n  *[b] { $b }\n}\n",
            "$b",
        ),
        (
            "de",
            "action-home = { action-home }\n",
            "action-home cannot be made",
        ),
        (
            "de",
            "action-home = a\naction-home = b\n",
            "action-home is there twice",
        ),
        ("deutsch!", "action-home = a\n", "no language tag"),
        ("", "", "no language tag"),
        ("und", "", "no language tag"),
    ] {
        let mistake = messages(&[(tag, file)]).err();
        let mistake = mistake.unwrap_or_else(|| panic!("{tag} {file:?} is taken"));
        assert!(mistake.contains(told), "{mistake}");
        assert!(
            mistake.contains(&format!("messages(\"{tag}\")")),
            "{mistake}"
        );
    }
    messages(&[("de", "")]).expect("an empty file is one");
    messages(&[("de", "quoted = „{ $text }“\n# A comment\n-brand = x\n")]).expect("a good file");
}

#[test]
fn a_reader_gets_the_language_they_prefer() {
    let messages = messages(&[("pt-BR", ""), ("de", "")]).expect("messages");
    for (header, language) in [
        ("th", Some("th")),
        ("TH-th", Some("th")),
        ("en-GB,th;q=0.9", Some("en")),
        ("fr, th;q=0.8, en;q=0.7", Some("th")),
        ("en;q=0.1, th ; q = 0.2", Some("th")),
        ("en;q=0.2, th;Q=0.9", Some("th")),
        ("th;q=0, en;q=0.1", Some("en")),
        ("th;q=0", None),
        ("de-CH", Some("de")),
        ("pt", Some("pt-BR")),
        ("fr", None),
        ("*", None),
        ("", None),
        ("th;q=x", None),
        ("th;q=2", None),
        ("\u{e01}\u{0}, ;;, th", Some("th")),
    ] {
        assert_eq!(chosen(&messages, header).as_deref(), language, "{header:?}");
    }
    let many = format!("{}th", "xx,".repeat(100_000));
    assert_eq!(chosen(&messages, &many), None);
    assert!(messages.choose(&named("pt_BR")).is_some());
    assert!(messages.choose(&named("no language")).is_none());
    assert!(!messages.is_from_the_right(Messages::english()));
}
