//! What the tests of clients that describe themselves have in common: a place for their
//! documents, and a sign-in by way of the consent page.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A port that nothing listens at: a redirect is only looked at.
pub(super) const NATIVE: &str = "http://127.0.0.1:51234/callback";

/// A web server on this machine that answers every request with the same text.
pub(super) struct Host {
    pub(super) origin: String,
    answer: Arc<Mutex<String>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Host {
    pub(super) async fn start() -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let answer = Arc::new(Mutex::new(String::new()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (said, seen) = (answer.clone(), requests.clone());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (said, seen) = (said.clone(), seen.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !is_complete(&request) {
                        match stream.read_buf(&mut request).await {
                            Ok(0) | Err(_) => return,
                            Ok(_) => {}
                        }
                    }
                    let text = String::from_utf8_lossy(&request).into_owned();
                    seen.lock().unwrap().push(text);
                    let answer = said.lock().unwrap().clone();
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Host {
            origin,
            answer,
            requests,
        }
    }

    /// The id of its client.
    pub(super) fn id(&self) -> String {
        format!("{}/client.json", self.origin)
    }

    /// Answers this from now on.
    pub(super) fn answers(&self, status: &str, headers: &str, body: &str) {
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
    }

    /// Has this document from now on, with changes; null leaves a member out.
    pub(super) fn describes(&self, changes: Value) {
        self.describes_with("", changes);
    }

    pub(super) fn describes_with(&self, headers: &str, changes: Value) {
        let mut document = json!({
            "client_id": self.id(),
            "client_name": "Example MCP Client",
            "redirect_uris": ["http://127.0.0.1/callback", "https://client.example/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        let document = document.as_object().unwrap().clone();
        let document = document.into_iter().filter(|(_, value)| !value.is_null());
        let document = Value::Object(document.collect()).to_string();
        let headers = format!("content-type: application/json\r\n{headers}");
        self.answers("200 OK", &headers, &document);
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(super) fn last_request(&self) -> String {
        self.requests.lock().unwrap().last().cloned().unwrap()
    }
}

/// Whether a request is there with its body.
fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length:"));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}

/// An authorization request of another client, as MCP clients send it.
pub(super) fn asks<'a>(id: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("client_id", id),
        ("redirect_uri", NATIVE),
        ("scope", "read write"),
        ("resource", SHOPPING),
        ("nonce", ""),
        ("prompt", ""),
    ];
    let changed = |name: &str| more.iter().any(|(changed, _)| *changed == name);
    let usual = usual.into_iter().filter(|(name, _)| !changed(name));
    usual.chain(more.iter().copied()).collect()
}

impl World {
    /// The consent page that a sign-in of `user` ends at, with the cookie of the session.
    pub(super) async fn consent_page(
        &self,
        user: &str,
        changes: &[(&str, &str)],
    ) -> (Answer, String) {
        let page = self.sign_in(user, changes).await;
        assert_eq!(page.status, 200, "{} {:?}", page.text, page.headers);
        assert!(page.text.contains("Allow access?"), "{}", page.text);
        html::check(&page.text);
        let cookie = page.cookie();
        (page, cookie)
    }

    pub(super) async fn answer_consent(&self, page: &Answer, cookie: &str, action: &str) -> Answer {
        let interaction = interaction(&page.text);
        let form = [("interaction", &*interaction), ("action", action)];
        let form = self.form("/consent", &form).header(COOKIE, cookie);
        self.send(form).await
    }

    /// The code that a user allows the client.
    pub(super) async fn allowed(&self, user: &str, changes: &[(&str, &str)]) -> String {
        let (page, cookie) = self.consent_page(user, changes).await;
        let answer = self.answer_consent(&page, &cookie, "allow").await;
        let code = answer.location_params().remove("code");
        code.unwrap_or_else(|| panic!("{} {:?}", answer.text, answer.headers))
    }

    /// Exchanges a code as a public client.
    pub(super) async fn redeem(&self, id: &str, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", id),
            ("code", code),
            ("redirect_uri", NATIVE),
            ("code_verifier", VERIFIER),
        ];
        form.retain(|(name, _)| !more.iter().any(|(changed, _)| changed == name));
        form.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        self.post("/oidc/token", &form).await
    }

    /// Registers a client with this metadata.
    pub(super) async fn register(&self, metadata: &Value) -> Answer {
        let url = format!("{}/oidc/register", self.provider.endpoint());
        let request = self.http.post(url).body(metadata.to_string());
        self.send(request.header("content-type", "application/json"))
            .await
    }

    /// The page that refuses an authorization request, as a browser sees it.
    pub(super) async fn refusal(&self, changes: &[(&str, &str)]) -> Answer {
        let url = format!("{}{}", self.provider.endpoint(), self.auth_path(changes));
        let request = self.http.get(url).header("accept", "text/html");
        self.send(request).await
    }
}
