use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::FluentArgs;
use rocket_dyn_templates::tera::Function;

use super::*;

/// Each message of a language, with the variables that it names.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in language
        .messages()
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with(' ')) {
            key = name.to_owned();
            let is_new = messages.insert(key.clone(), BTreeSet::new()).is_none();
            assert!(is_new, "{key} stands twice");
        }
        for after in line.split("{ $").skip(1) {
            let variable = after.split([' ', '}']).next().expect("a name");
            messages
                .entry(key.clone())
                .or_default()
                .insert(variable.to_owned());
        }
    }
    messages
}

#[test]
fn each_file_is_read_to_its_end() {
    for language in Language::ALL {
        let read = FluentResource::try_new(language.messages().to_owned());
        let read = read.unwrap_or_else(|(_, errors)| panic!("{language:?}: {errors:?}"));
        let count = messages(language).len();
        // Beside messages there are comments.
        assert!(read.entries().count() >= count && count > 100, "{count}");
    }
}

#[test]
fn both_languages_say_the_same_things() {
    let (english, thai) = (messages(Language::English), messages(Language::Thai));
    let keys = |messages: &BTreeMap<String, _>| messages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&english), keys(&thai));
    for (key, variables) in &english {
        // Each country has its calendar.
        if key != "moment" {
            assert_eq!(variables, &thai[key], "{key}");
        }
    }
}

/// The templates and sources of the app.
fn sources() -> String {
    fn read(folder: &std::path::Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.extension().and_then(|it| it.to_str()) {
                None => read(&path, text),
                Some("rs" | "tera") => {
                    text.push_str(&std::fs::read_to_string(&path).expect("a file"));
                }
                Some(_) => {}
            }
        }
    }
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    read(&top.join("templates"), &mut text);
    read(&top.join("src"), &mut text);
    text
}

#[test]
fn what_templates_ask_for_is_there_and_nothing_else() {
    let (messages, sources) = (messages(Language::English), sources());
    for after in sources.split("key=\"").skip(1) {
        let key = after.split('"').next().expect("a key");
        let is_there = match key.strip_suffix('-') {
            Some(_) => messages.keys().any(|known| known.starts_with(key)),
            None => messages.contains_key(key),
        };
        assert!(is_there || key == "…", "no message {key:?}");
    }
    for key in messages.keys() {
        let quoted = format!("\"{key}\"");
        let (family, last) = key.rsplit_once('-').unwrap_or((key, ""));
        let built = match last {
            // errors.rs
            "title" | "advice" => format!("\"{family}\""),
            // `"done-" ~ done`
            _ => format!("\"{family}-\" ~"),
        };
        assert!(
            sources.contains(&quoted) || sources.contains(&built),
            "{key} is said nowhere"
        );
    }
}

#[test]
fn arguments_are_text() {
    let said = Language::English.say("error-code", &[("code", "<b>&\"")]);
    assert_eq!(said, "Error &lt;b&gt;&amp;&quot;");
}

#[test]
fn months_have_names_and_thailand_its_own_years() {
    let shown = |lang: &str, at: &str| {
        let arguments = [("lang", lang), ("at", at)];
        let arguments = arguments.map(|(name, value)| (name.to_owned(), Value::from(value)));
        Moment.call(&HashMap::from(arguments))
    };
    let at = "2026-11-22T08:23:26Z";
    let english = shown("en", at).expect("a time");
    let expected = "<time class=\"moment\" datetime=\"2026-11-22T08:23:26Z\">";
    assert_eq!(
        english,
        format!("{expected}22 November 2026, 08:23:26 UTC</time>")
    );
    let thai = shown("th", at).expect("a time");
    assert_eq!(
        thai,
        format!("{expected}22 พฤศจิกายน 2569 เวลา 08:23:26 UTC</time>")
    );
    assert!(shown("en", "soon").is_err());
    assert!(shown("xx", at).is_err());
}

#[test]
fn nothing_but_a_page_of_the_app_is_gone_to() {
    for page in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "evil",
        "",
    ] {
        assert_eq!(local(page), None, "{page:?}");
    }
    let page = local("/teams/acme?done=added").expect("a page");
    assert_eq!(page.to_string(), "/teams/acme?done=added");
}

#[test]
fn a_message_that_is_missing_is_named() {
    let said = Language::Thai.format("no-such-message", &FluentArgs::new());
    assert_eq!(said, "no-such-message");
}
