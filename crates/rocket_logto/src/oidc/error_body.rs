//! `TokenErrorBody`: what the provider says when it refuses, and what of it, and of the
//! request, may stand in the log.

use std::fmt;

use serde::{Deserialize, Deserializer};
use url::Url;

/// An error response (RFC 6749 section 5.2), with Logto's `code` and `message`. All
/// of it is the provider's own text; the methods give what may be logged.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct TokenErrorBody {
    pub error: String,
    #[serde(default, deserialize_with = "text")]
    error_description: Option<String>,
    #[serde(default, deserialize_with = "text")]
    error_uri: Option<String>,
    #[serde(default, deserialize_with = "text")]
    code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    message: Option<String>,
    /// 0 where it came through the browser.
    #[serde(skip)]
    status: u16,
    /// What the request said, as far as it may be logged.
    #[serde(skip)]
    sent: String,
}

/// In characters. The provider's messages are one sentence.
const MAX_MESSAGE: usize = 200;

impl TokenErrorBody {
    /// The same in the header of a 401, for those who say it only there (RFC 9110
    /// section 11.6.1).
    pub(super) fn in_challenge(challenge: &str) -> Option<TokenErrorBody> {
        let quoted = |name: &str| {
            let start = format!("{name}=\"");
            let (before, rest) = challenge.split_once(&start)?;
            // The whole name, not the end of another one.
            before.ends_with([' ', ',']).then_some(())?;
            rest.split('"').next().map(str::to_owned)
        };
        let basic = || {
            challenge
                .get(..5)
                .filter(|scheme| scheme.eq_ignore_ascii_case("basic"))
        };
        Some(TokenErrorBody {
            // RFC 6749 section 5.2: a challenge for credentials is about the client's.
            error: quoted("error").or_else(|| basic().map(|_| "invalid_client".into()))?,
            error_description: quoted("error_description"),
            ..TokenErrorBody::default()
        })
    }

    /// An authorization response (RFC 6749 section 4.1.2.1).
    pub(super) fn in_response(
        error: &str,
        description: Option<&str>,
        uri: Option<&str>,
        sent: &Sent,
    ) -> TokenErrorBody {
        let body = TokenErrorBody {
            error: error.to_owned(),
            error_description: description.map(str::to_owned),
            error_uri: uri.map(str::to_owned),
            ..TokenErrorBody::default()
        };
        body.answering(0, Some(sent))
    }

    /// With what is known of the request; nothing of its secrets is left in the
    /// provider's text.
    pub(super) fn answering(mut self, status: u16, sent: Option<&Sent>) -> TokenErrorBody {
        self.status = status;
        if let Some(sent) = sent {
            self.sent = sent.told.clone();
            for text in [&mut self.error_description, &mut self.message] {
                *text = text.take().map(|text| sent.hide(text));
            }
        }
        self
    }

    /// Logto's own code, or else the standard one.
    pub(super) fn code(&self) -> String {
        printable(self.code.as_deref().unwrap_or(&self.error))
    }

    /// The provider's message, as one line of bounded length. Prefers
    /// `error_description`: Logto's `message` only translates its code, often
    /// vaguely.
    pub(crate) fn message(&self) -> Option<String> {
        let message = self.error_description.as_ref().or(self.message.as_ref())?;
        Some(one_line(message)).filter(|message| !message.is_empty())
    }

    /// What was sent, and what else was answered, for the log.
    pub(super) fn facts(&self) -> String {
        let mut facts = Vec::new();
        if !self.sent.is_empty() {
            facts.push(format!("sent {}", self.sent));
        }
        let mut answered = match self.status {
            0 => format!("answered error={}", printable(&self.error)),
            status => format!("answered {status} error={}", printable(&self.error)),
        };
        if let Some(code) = &self.code {
            answered.push_str(&format!(" code={}", printable(code)));
        }
        if let (Some(message), Some(_)) = (&self.message, &self.error_description) {
            answered.push_str(&format!(" message={:?}", one_line(message)));
        }
        if let Some(host) = self.error_uri.as_deref().and_then(host_of) {
            answered.push_str(&format!(" error_uri at {host}"));
        }
        facts.push(answered);
        facts.join("; ")
    }

    /// Whether the provider does not take who the app says it is. Keycloak says
    /// `unauthorized_client` for a wrong secret, GitHub has a code of its own.
    pub(super) fn is_about_credentials(&self) -> bool {
        match self.error.as_str() {
            "invalid_client" | "incorrect_client_credentials" => true,
            "unauthorized_client" => {
                let said = self.error_description.as_deref().unwrap_or_default();
                self.status == 401 || said.to_lowercase().contains("credentials")
            }
            _ => false,
        }
    }

    /// Whether it says that the client was known and its secret right.
    pub(super) fn proves_credentials(&self) -> bool {
        let codes = [
            "invalid_grant",
            "invalid_target",
            "invalid_scope",
            "access_denied",
            "unsupported_grant_type",
            "unauthorized_client",
        ];
        !self.is_about_credentials()
            && (codes.contains(&self.error.as_str()) || self.is_about_grant_type())
    }

    /// Of an `access_denied`: whether the user may not use this app at all. Logto answers that
    /// with 400, and with 403 who is not a member of an organization.
    pub(crate) fn is_about_the_app(&self) -> bool {
        self.status == 400
    }

    /// Whether the provider does not give this client such a token at all. Logto calls
    /// that an invalid request.
    pub(super) fn is_about_grant_type(&self) -> bool {
        let codes = ["unauthorized_client", "unsupported_grant_type"];
        let said = self.error_description.as_deref().unwrap_or_default();
        let said = said.to_lowercase();
        let about = ["grant type", "grant_type", "token exchange"];
        codes.contains(&self.error.as_str())
            || self.error == "invalid_request" && about.iter().any(|about| said.contains(about))
    }
}

/// A request, for the log: what may be told of it, and what must never be.
#[derive(Clone, Default)]
pub(super) struct Sent {
    told: String,
    secrets: Vec<String>,
}

/// The parameters that say how the app is set up. All others may be about a person
/// or secret.
const TOLD: [&str; 9] = [
    "client_id",
    "redirect_uri",
    "grant_type",
    "scope",
    "resource",
    "audience",
    "organization_id",
    "response_mode",
    "subject_token_type",
];
/// Their values are words of the standards.
const HARMLESS: [&str; 8] = [
    "response_type",
    "code_challenge_method",
    "token_type_hint",
    "requested_token_type",
    "prompt",
    "max_age",
    "acr_values",
    "first_screen",
];
/// Of one request so many parameters are told.
const MAX_TOLD: usize = 12;
/// In bytes: what is shorter may stand in any text.
const SHORTEST_SECRET: usize = 6;

impl Sent {
    pub(super) fn new<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>) -> Sent {
        let mut told: Vec<String> = Vec::new();
        let mut secrets = Vec::new();
        for (name, value) in params {
            if HARMLESS.contains(&name) {
            } else if !TOLD.contains(&name) {
                secrets.push(value.to_owned());
            } else if told.len() < MAX_TOLD {
                let told_now = format!("{name} {:?}", one_line(value));
                if !told.contains(&told_now) {
                    told.push(told_now);
                }
            }
        }
        Sent {
            told: told.join(", "),
            secrets,
        }
    }

    pub(super) fn with_secret(mut self, secret: Option<&str>) -> Sent {
        self.secrets.extend(secret.map(str::to_owned));
        self
    }

    fn hide(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if secret.len() >= SHORTEST_SECRET {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        text
    }
}

/// What stands in place of what must not be in a log.
const HIDDEN: &str = "[…]";

fn host_of(uri: &str) -> Option<String> {
    let host = Url::parse(uri).ok()?.host_str()?.to_owned();
    Some(printable(&host))
}

/// A message of the provider's, as one line of bounded length: without addresses of
/// people, and without what looks like a token.
pub(crate) fn one_line(message: &str) -> String {
    let line: String = message
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(MAX_MESSAGE * 4)
        .collect();
    let mut shown = String::new();
    for word in line.split_inclusive(|c: char| c.is_whitespace() || "'\"()<>,;".contains(c)) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_address = bare.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && host.contains(|c: char| c.is_alphanumeric())
        });
        match is_address || bare.starts_with("eyJ") {
            true => shown.push_str(&word.replace(bare, HIDDEN)),
            false => shown.push_str(word),
        }
    }
    shown.chars().take(MAX_MESSAGE).collect()
}

/// Characters that change how the text around them looks.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Display for TokenErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code())
    }
}

/// A provider's error code is text of its own: only the characters that RFC 6749
/// section 5.2 allows, and not too many, go into a log.
pub(crate) fn printable(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c))
        .take(64)
        .collect()
}

/// A string, or `None` for another type: that is not worth losing `error` for.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: serde_json::Value) -> TokenErrorBody {
        serde_json::from_value(value).expect("an error body")
    }

    #[test]
    fn what_the_provider_says_is_one_short_line() {
        let said = |description: &str| {
            body(json!({ "error": "e", "error_description": description })).message()
        };
        assert_eq!(
            said("no\r\nsuch\u{1b}[1m\u{9b}client"),
            Some("nosuch[1mclient".into())
        );
        let long = said(&"\u{fc}".repeat(1000)).expect("a message");
        assert_eq!(long.chars().count(), 200);
    }

    #[test]
    fn a_description_says_more_than_a_message_and_either_may_be_missing() {
        let recorded = include_str!("../../fixtures/logto/17b-m2m-no-resource.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        let recorded = body(recorded["response"]["body"].clone());
        let words = "both `resource` and `organization_id` are not provided";
        assert_eq!(recorded.message().as_deref(), Some(words));
        let message = body(json!({ "error": "e", "message": "m" }));
        assert_eq!(message.message().as_deref(), Some("m"));
        assert_eq!(body(json!({ "error": "e" })).message(), None);
    }

    #[test]
    fn a_challenge_tells_an_error_by_whole_names() {
        let read = |challenge: &str| {
            let body = TokenErrorBody::in_challenge(challenge)?;
            Some((body.error.clone(), body.message()))
        };
        let invalid =
            |said: Option<&str>| Some(("invalid_client".to_owned(), said.map(str::to_owned)));
        for (challenge, told) in [
            (
                r#"Basic realm="x", error="invalid_client", error_description="no, not""#,
                invalid(Some("no, not")),
            ),
            (r#"Basic realm="x",error="invalid_client""#, invalid(None)),
            ("BASIC realm=x", invalid(None)),
            ("Basic", invalid(None)),
            (r#"Bearer realm="x""#, None),
            (r#"Bearer last_error="x""#, None),
            ("", None),
            ("\u{e4}\u{e4}\u{e4}", None),
        ] {
            assert_eq!(read(challenge), told, "{challenge}");
        }
    }

    #[test]
    fn a_line_shows_neither_people_nor_tokens() {
        for (said, shown) in [
            (
                "User alice@example.com is not assigned",
                "User […] is not assigned",
            ),
            ("user 'a+b@x.org'; (see <c@d>)", "user '[…]'; (see <[…]>)"),
            ("meet @ noon, a @b", "meet @ noon, a @b"),
            ("token eyJhbGciOiJub25lIn0.e30. is bad", "token […]. is bad"),
            ("one\ntwo\u{202e}\u{200b}three", "onetwothree"),
        ] {
            assert_eq!(one_line(said), shown, "{said}");
        }
        assert_eq!(one_line(&"x".repeat(9000)).len(), MAX_MESSAGE);
    }

    #[test]
    fn secrets_that_were_sent_are_hidden_and_words_are_not() {
        let sent = Sent::new([
            ("client_id", "app"),
            ("grant_type", "refresh_token"),
            ("token_type_hint", "refresh_token"),
            ("refresh_token", "the-refresh-token"),
            ("state", "short"),
            ("resource", "https://a.example"),
            ("resource", "https://a.example"),
        ]);
        let sent = sent.with_secret(Some("the-secret"));
        let body = body(json!({
            "error": "invalid_grant",
            "error_description": "refresh_token the-refresh-token of the-secret",
            "message": "the-secret",
        }));
        let body = body.answering(400, Some(&sent));
        assert_eq!(body.message().as_deref(), Some("refresh_token […] of […]"));
        assert_eq!(
            body.facts(),
            "sent client_id \"app\", grant_type \"refresh_token\", resource \
             \"https://a.example\"; answered 400 error=invalid_grant message=\"[…]\""
        );
    }

    #[test]
    fn members_of_other_types_do_not_hide_the_error() {
        let odd = body(json!({ "error": "invalid_grant", "code": 400, "message": null }));
        assert_eq!((odd.code(), odd.message()), ("invalid_grant".into(), None));
    }
}
