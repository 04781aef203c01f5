//! Mistakes that people make when they set an app up at a provider, one function a
//! mistake, and what has to come of each. Nothing here is about a certain provider: it
//! only needs an app that was configured so, and a browser of somebody who can sign in
//! there.

use rocket::figment::value::{Dict, Value};

use super::app::keys;
use super::browser::{Browser, Response};
use super::log::lines_with;
use super::refusal::reference;

/// What is wrong, and what the operator has to be told.
pub struct Mistake {
    pub name: &'static str,
    /// The keys that are wrong, of the `logto` table.
    pub logto: Dict,
    /// What the log names.
    pub key: &'static str,
    /// What the request said; it is in the line, too.
    pub sent: &'static str,
    /// Whether nobody at all can sign in, so that `/readyz` says so.
    pub is_unready: bool,
}

fn mistake(name: &'static str, logto: Dict, key: &'static str, sent: &'static str) -> Mistake {
    Mistake {
        name,
        logto,
        key,
        sent,
        is_unready: false,
    }
}

pub fn wrong_secret() -> Mistake {
    let logto = keys([("app_secret", "another-secret-than-the-registered".into())]);
    Mistake {
        is_unready: true,
        ..mistake("wrong secret", logto, "logto.app_secret", "client_id \"")
    }
}

/// The secret of another client goes with it, as when both were copied.
pub fn unknown_client() -> Mistake {
    let logto = keys([("app_id", "no-such-client".into())]);
    let sent = "client_id \"no-such-client\"";
    Mistake {
        is_unready: true,
        ..mistake("unknown client", logto, "logto.app_id", sent)
    }
}

/// Nobody has registered this address.
pub fn unregistered_redirect_uri() -> Mistake {
    let routes = Dict::from([("callback".to_owned(), Value::from("/not-registered"))]);
    let logto = keys([("routes", routes.into())]);
    let (key, sent) = ("logto.routes.callback", "/not-registered\"");
    mistake("redirect URI that is not registered", logto, key, sent)
}

pub fn unknown_resource() -> Mistake {
    let unknown = "https://no-such-api.example/";
    let logto = keys([("resources", vec![unknown].into())]);
    let sent = "resource \"https://no-such-api.example/\"";
    mistake("unknown resource", logto, "logto.resources", sent)
}

pub fn unknown_scope() -> Mistake {
    let logto = keys([("scopes", vec!["no-such-scope"].into())]);
    mistake("unknown scope", logto, "logto.scopes", "no-such-scope")
}

/// The provider has no key for this algorithm.
pub fn key_of_another_type() -> Mistake {
    let logto = keys([("id_token_alg", "EdDSA".into())]);
    let (key, sent) = ("logto.id_token_alg", "accepted: [EdDSA]");
    Mistake {
        is_unready: true,
        ..mistake("key of another type", logto, key, sent)
    }
}

/// The page, at which a sign-in has ended, says whose task it is, and the log what to do.
pub fn is_told(page: &Response, mistake: &Mistake) -> String {
    let name = mistake.name;
    let html = page.page();
    assert_eq!(
        html.title,
        "This app is not set up correctly",
        "{name}: {} {}",
        page.url(),
        html.text
    );
    assert!(
        html.text.contains("Trying again will not help"),
        "{name}: {}",
        html.text
    );
    for wrong in ["in a moment", "cookie"] {
        assert!(!html.text.contains(wrong), "{name}: {}", html.text);
    }
    let lines = lines_with(&format!("reference={}", reference(page)));
    let [line] = &lines[..] else {
        panic!("{name}: not one line: {lines:#?}");
    };
    assert!(
        line.starts_with("ERROR logto: Misconfigured "),
        "{name}: {line}"
    );
    for part in [mistake.key, mistake.sent] {
        assert!(line.contains(part), "{name}: no {part} in {line}");
    }
    line.clone()
}

/// Whether the app says that it is ready, as it has to after this mistake.
pub async fn is_ready_or_not(readyz: String, mistake: &Mistake) {
    let ready = Browser::new().get(readyz).await;
    let name = mistake.name;
    if !mistake.is_unready {
        assert_eq!(ready.status(), 200, "{name}: {}", ready.text());
        return;
    }
    assert_eq!(ready.status(), 503, "{name}: {}", ready.text());
    let body: serde_json::Value = ready.json();
    assert_eq!(body["kind"], "Misconfigured", "{name}: {body}");
}
