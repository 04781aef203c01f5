//! `WWW-Authenticate` (RFC 9110 section 11.6.1): a list of challenges, whose parameters
//! are separated by the same commas.

/// One challenge. Of a `token68` nothing is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter, if there is one; `None` when it is there twice (RFC 9110
    /// section 11.2: a name must only occur once).
    pub fn parameter(&self, name: &str) -> Option<Option<&str>> {
        let mut named = self.parameters.iter();
        let mut next = || named.find(|(known, _)| known.eq_ignore_ascii_case(name));
        match (next(), next()) {
            (_, Some(_)) => None,
            (first, None) => Some(first.map(|(_, value)| value.as_str())),
        }
    }
}

/// All challenges of one header; `None` when it is no such list. What is quoted in a wrong
/// way could be cut into other challenges than its sender meant.
pub(super) fn challenges(header: &str) -> Option<Vec<Challenge>> {
    let mut rest = Rest(header);
    let mut found: Vec<Challenge> = Vec::new();
    // Whether a challenge may begin here: nothing but a comma parts it from another.
    let mut is_new = true;
    loop {
        let before = rest.0;
        rest.skip(|byte| is_space(byte) || byte == b',');
        is_new |= before[..before.len() - rest.0.len()].contains(',');
        if rest.0.is_empty() {
            return Some(found);
        }
        let name = rest.token()?;
        let mut after = Rest(rest.0);
        after.skip(is_space);
        if after.takes(b'=') {
            // A parameter of the challenge before it.
            after.skip(is_space);
            let value = after.value()?;
            let challenge = found.last_mut()?;
            challenge.parameters.push((name.to_owned(), value));
            rest = after;
            rest.skip(is_space);
            if !rest.is_at_end() {
                return None;
            }
        } else if !is_new {
            return None;
        } else {
            found.push(Challenge {
                scheme: name.to_owned(),
                parameters: Vec::new(),
            });
            if rest.0.starts_with(' ') {
                rest.skip(|byte| byte == b' ');
                rest.skip_token68();
            } else {
                rest.skip(is_space);
                if !rest.is_at_end() {
                    return None;
                }
            }
        }
        is_new = false;
    }
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Whether an element of the list ends here.
    fn is_at_end(&self) -> bool {
        self.0.is_empty() || self.0.starts_with(',')
    }

    fn skip(&mut self, which: impl Fn(u8) -> bool) {
        let end = self.0.bytes().position(|byte| !which(byte));
        self.0 = &self.0[end.unwrap_or(self.0.len())..];
    }

    fn takes(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(char::from(byte));
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// RFC 9110 section 5.6.2.
    fn token(&mut self) -> Option<&'a str> {
        let all = self.0;
        self.skip(is_token);
        let token = &all[..all.len() - self.0.len()];
        (!token.is_empty()).then_some(token)
    }

    /// A token or a quoted string (RFC 9110 section 5.6.4).
    fn value(&mut self) -> Option<String> {
        if !self.takes(b'"') {
            return self.token().map(str::to_owned);
        }
        let mut value = String::new();
        let mut characters = self.0.char_indices();
        loop {
            let character = match characters.next()? {
                (at, '"') => {
                    self.0 = &self.0[at + 1..];
                    return Some(value);
                }
                (_, '\\') => characters.next()?.1,
                (_, other) => other,
            };
            // Line breaks and the like are in no header.
            if character.is_control() && character != '\t' {
                return None;
            }
            value.push(character);
        }
    }

    /// Passes over a `token68`, which is all of its element (RFC 9110 section 11.2).
    fn skip_token68(&mut self) {
        let mut after = Rest(self.0);
        after.skip(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
        let is_there = after.0.len() < self.0.len();
        after.skip(|byte| byte == b'=');
        after.skip(is_space);
        if is_there && after.is_at_end() {
            *self = after;
        }
    }
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
