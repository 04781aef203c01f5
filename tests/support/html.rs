//! Just enough HTML to click through a sign-in: titles, links and forms of our
//! own pages and of the provider's. Tokenised by `html5gum` as browsers do.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    pub forms: Vec<Form>,
    pub links: Vec<Link>,
    /// The text a person sees, white space collapsed.
    pub text: String,
    /// What is only for the developer, in the debug profile.
    pub cause: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    pub text: String,
    pub href: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    pub id: Option<String>,
    /// As written; empty means the page's own address.
    pub action: String,
    pub is_post: bool,
    /// Names and values as they would be submitted, without the buttons.
    pub fields: Vec<(String, String)>,
    pub buttons: Vec<Button>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Button {
    pub text: String,
    pub name: Option<String>,
    pub value: String,
    pub formaction: Option<String>,
}

/// Which form to submit: a position (no button pressed), or a button by its text.
#[derive(Debug, Clone, Copy)]
pub enum Pick<'p> {
    Index(usize),
    Button(&'p str),
}

impl From<usize> for Pick<'_> {
    fn from(index: usize) -> Self {
        Pick::Index(index)
    }
}

impl<'p> From<&'p str> for Pick<'p> {
    fn from(text: &'p str) -> Self {
        Pick::Button(text)
    }
}

impl Page {
    pub fn parse(html: &str) -> Page {
        let mut emitter = DefaultEmitter::default();
        // Text inside <script>, <style> and <textarea> is no markup.
        emitter.naively_switch_states(true);
        let mut builder = Builder::default();
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::StartTag(tag) => builder.start(&Tag(&tag)),
                Token::EndTag(tag) => builder.end(&text(&tag.name)),
                Token::String(string) => builder.text(&text(&string)),
                _ => {}
            }
        }
        builder.finish()
    }

    /// The form and the button that `pick` means.
    pub fn find(&self, pick: Pick<'_>) -> Option<(&Form, Option<&Button>)> {
        match pick {
            Pick::Index(index) => self.forms.get(index).map(|form| (form, None)),
            Pick::Button(text) => self.forms.iter().find_map(|form| {
                let means = |button: &&Button| button.text == text || button.value == text;
                let button = form.buttons.iter().find(means)?;
                Some((form, Some(button)))
            }),
        }
    }
}

impl Form {
    /// What the browser submits: the fields, those in `fill` replaced or added, and the button's name.
    pub fn submission(
        &self,
        button: Option<&Button>,
        fill: &[(&str, &str)],
    ) -> Vec<(String, String)> {
        let mut fields = self.fields.clone();
        for (name, value) in fill {
            match fields.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => *old = (*value).to_owned(),
                None => fields.push(((*name).to_owned(), (*value).to_owned())),
            }
        }
        if let Some(Button {
            name: Some(name),
            value,
            ..
        }) = button
        {
            fields.push((name.clone(), value.clone()));
        }
        fields
    }
}

struct Tag<'t>(&'t StartTag<()>);

impl Tag<'_> {
    fn get(&self, attribute: &str) -> Option<String> {
        let value = self.0.attributes.get(attribute.as_bytes())?;
        Some(text(&value.value))
    }

    fn has(&self, attribute: &str) -> bool {
        self.0.attributes.contains_key(attribute.as_bytes())
    }
}

/// What the text at hand belongs to.
#[derive(Default)]
enum Inside {
    #[default]
    Body,
    Title,
    Hidden,
    Cause,
    Link(Link),
    Button {
        button: Button,
        owner: Owner,
    },
    TextArea {
        name: String,
        value: String,
        owner: Owner,
    },
    Option {
        select: String,
        value: Option<String>,
        selected: bool,
        text: String,
        owner: Owner,
    },
}

/// The form a control belongs to: the enclosing one, or the one its `form` attribute names.
#[derive(Clone)]
enum Owner {
    Id(String),
    Index(usize),
    Nobody,
}

#[derive(Default)]
struct Builder {
    page: Page,
    inside: Inside,
    open_form: Option<usize>,
    open_select: Option<(String, Owner)>,
    fields: Vec<(Owner, String, String)>,
    buttons: Vec<(Owner, Button)>,
}

impl Builder {
    fn start(&mut self, tag: &Tag<'_>) {
        match text(&tag.0.name).as_str() {
            "title" => self.inside = Inside::Title,
            "script" | "style" | "template" => self.inside = Inside::Hidden,
            "section" if tag.get("class").as_deref() == Some("cause") => {
                self.inside = Inside::Cause;
            }
            "a" => {
                self.inside = Inside::Link(Link {
                    href: tag.get("href").unwrap_or_default(),
                    text: String::new(),
                })
            }
            "form" => {
                self.open_form = Some(self.page.forms.len());
                self.page.forms.push(Form {
                    id: tag.get("id"),
                    action: tag.get("action").unwrap_or_default(),
                    is_post: tag
                        .get("method")
                        .is_some_and(|m| m.eq_ignore_ascii_case("post")),
                    ..Form::default()
                });
            }
            "input" => self.input(tag),
            "button" => {
                let button = Button {
                    text: String::new(),
                    name: tag.get("name"),
                    value: tag.get("value").unwrap_or_default(),
                    formaction: tag.get("formaction"),
                };
                let is_submit = tag.get("type").is_none_or(|kind| kind == "submit");
                let owner = if is_submit {
                    self.owner(tag)
                } else {
                    Owner::Nobody
                };
                self.inside = Inside::Button { button, owner };
            }
            "textarea" => {
                self.inside = Inside::TextArea {
                    name: tag.get("name").unwrap_or_default(),
                    value: String::new(),
                    owner: self.owner(tag),
                }
            }
            "select" => {
                self.open_select = Some((tag.get("name").unwrap_or_default(), self.owner(tag)));
            }
            "option" => {
                self.close_option();
                if let Some((select, owner)) = self.open_select.clone() {
                    self.inside = Inside::Option {
                        select,
                        value: tag.get("value"),
                        selected: tag.has("selected"),
                        text: String::new(),
                        owner,
                    };
                }
            }
            _ => {}
        }
    }

    fn input(&mut self, tag: &Tag<'_>) {
        let owner = self.owner(tag);
        let value = tag.get("value");
        let kind = tag.get("type").unwrap_or_default().to_ascii_lowercase();
        match kind.as_str() {
            "submit" => {
                let value = value.unwrap_or_else(|| "Submit".to_owned());
                let button = Button {
                    text: value.clone(),
                    name: tag.get("name"),
                    value,
                    formaction: tag.get("formaction"),
                };
                self.buttons.push((owner, button));
            }
            "button" | "reset" | "image" => {}
            _ if tag.has("disabled") => {}
            "checkbox" | "radio" if !tag.has("checked") => {}
            "checkbox" | "radio" => self.field(
                owner,
                tag.get("name"),
                value.unwrap_or_else(|| "on".to_owned()),
            ),
            _ => self.field(owner, tag.get("name"), value.unwrap_or_default()),
        }
    }

    fn owner(&self, tag: &Tag<'_>) -> Owner {
        match (tag.get("form"), self.open_form) {
            (Some(id), _) => Owner::Id(id),
            (None, Some(index)) => Owner::Index(index),
            (None, None) => Owner::Nobody,
        }
    }

    fn field(&mut self, owner: Owner, name: Option<String>, value: String) {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            self.fields.push((owner, name, value));
        }
    }

    fn text(&mut self, more: &str) {
        match &mut self.inside {
            Inside::Title => self.page.title.push_str(more),
            Inside::Hidden => return,
            Inside::Cause => {
                self.page.cause.push_str(more);
                return;
            }
            Inside::Link(link) => link.text.push_str(more),
            Inside::Button { button, .. } => button.text.push_str(more),
            Inside::TextArea { value, .. } => value.push_str(more),
            Inside::Option { text, .. } => text.push_str(more),
            Inside::Body => {}
        }
        if !matches!(self.inside, Inside::Title) {
            self.page.text.push_str(more);
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "form" => self.open_form = None,
            "option" => self.close_option(),
            "select" => {
                self.close_option();
                self.open_select = None;
            }
            "section" if matches!(self.inside, Inside::Cause) => self.inside = Inside::Body,
            "a" | "button" | "textarea" | "title" | "script" | "style" | "template" => {
                match std::mem::take(&mut self.inside) {
                    Inside::Link(link) => {
                        let text = collapse(&link.text);
                        self.page.links.push(Link { text, ..link });
                    }
                    Inside::Button { button, owner } => {
                        let text = collapse(&button.text);
                        self.buttons.push((owner, Button { text, ..button }));
                    }
                    Inside::TextArea { name, value, owner } => {
                        self.field(owner, Some(name), value);
                    }
                    _ => {}
                }
            }
            // A block's end separates words.
            _ => self.page.text.push(' '),
        }
    }

    /// The first option counts until one says `selected`.
    fn close_option(&mut self) {
        if !matches!(self.inside, Inside::Option { .. }) {
            return;
        }
        if let Inside::Option {
            select,
            value,
            selected,
            text,
            owner,
        } = std::mem::take(&mut self.inside)
        {
            let value = value.unwrap_or_else(|| collapse(&text));
            match self.fields.iter_mut().find(|(_, name, _)| *name == select) {
                Some((_, _, old)) if selected => *old = value,
                Some(_) => {}
                None => self.field(owner, Some(select), value),
            }
        }
    }

    fn finish(mut self) -> Page {
        let index_of = |owner: &Owner, forms: &[Form]| match owner {
            Owner::Index(index) => Some(*index),
            Owner::Id(id) => forms.iter().position(|form| form.id.as_ref() == Some(id)),
            Owner::Nobody => None,
        };
        for (owner, name, value) in self.fields {
            if let Some(index) = index_of(&owner, &self.page.forms) {
                self.page.forms[index].fields.push((name, value));
            }
        }
        for (owner, button) in self.buttons {
            if let Some(index) = index_of(&owner, &self.page.forms) {
                self.page.forms[index].buttons.push(button);
            }
        }
        self.page.title = collapse(&self.page.title);
        self.page.text = collapse(&self.page.text);
        self.page.cause = collapse(&self.page.cause);
        self.page
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
