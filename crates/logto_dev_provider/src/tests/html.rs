//! Whether a page is well formed, and whether everybody can use its forms.

use std::collections::HashSet;

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

const VOID: [&str; 4] = ["meta", "link", "input", "br"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let found = tag.attributes.get(name.as_bytes());
    found.map(|value| text(value))
}

/// Tags are balanced, ids are there once, every field has a label, every description
/// exists, every form is a POST to the provider itself, and there is one `h1`.
#[track_caller]
pub(super) fn check(html: &str) {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut open: Vec<String> = Vec::new();
    let (mut ids, mut labelled, mut described) = (HashSet::new(), HashSet::new(), Vec::new());
    let (mut fields, mut headings) = (Vec::new(), 0);
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => {
                let name = text(&tag.name);
                if let Some(id) = attribute(&tag, "id") {
                    assert!(ids.insert(id.clone()), "two have the id {id}: {html}");
                }
                labelled.extend(attribute(&tag, "for"));
                described.extend(attribute(&tag, "aria-describedby"));
                match name.as_str() {
                    "h1" => headings += 1,
                    "form" => {
                        assert_eq!(attribute(&tag, "method").as_deref(), Some("post"));
                        let action = attribute(&tag, "action").unwrap();
                        assert!(action.starts_with('/'), "{action}");
                    }
                    "input" if attribute(&tag, "type").as_deref() != Some("hidden") => {
                        let id = attribute(&tag, "id");
                        match open.iter().any(|name| name == "label") {
                            true => assert_eq!(id, None),
                            false => fields.push(id.unwrap_or_else(|| panic!("no id: {html}"))),
                        }
                    }
                    _ => {}
                }
                if !VOID.contains(&name.as_str()) {
                    open.push(name);
                }
            }
            Token::EndTag(tag) => {
                assert_eq!(open.pop(), Some(text(&tag.name)), "{html}");
            }
            Token::Error(error) => panic!("{error:?}: {html}"),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(headings, 1, "{html}");
    assert!(fields.iter().all(|field| labelled.contains(field)));
    assert!(described.iter().all(|id| ids.contains(id)), "{described:?}");
    assert!(!html.contains("<script"), "{html}");
}
