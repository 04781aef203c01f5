//! Keycloak as `.ci/peers` prepares it: one server for all tests of the process,
//! started when the first of them asks, on a copy of the prepared database. Each
//! test registers clients and users of its own, as an administrator does.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use rocket::tokio::sync::OnceCell;
use rocket::tokio::time::sleep;
use serde_json::{Value, json};

use super::browser::{Browser, Response};
use super::npm_provider::RESOURCE;
use super::peer_app::Registration;
use super::serve::{Process, free_port};

/// A JVM that shares two cores with everybody else.
const PATIENCE: Duration = Duration::from_secs(240);

/// The realm of `tests/keycloak/realm.json`, its user, and its administrator.
const REALM: &str = "staff";
pub const ALICE: &str = "alice";
const PASSWORD: &str = "any password";
const ADMIN_ID: &str = "tests-admin";
const ADMIN_SECRET: &str = "the secret of the tests' admin";

pub const SECRET: &str = "a secret+with:every%odd&character";
/// Its tokens are for [`RESOURCE`]: a client scope with an audience mapper.
pub const SCOPE: &str = "read:cart";

pub struct Keycloak {
    process: Process,
    port: u16,
}

impl Keycloak {
    pub async fn get() -> &'static Keycloak {
        static SHARED: OnceCell<Keycloak> = OnceCell::const_new();
        SHARED.get_or_init(Keycloak::start).await
    }

    async fn start() -> Keycloak {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/keycloak");
        let prepared = home.join("data/h2/keycloakdb.mv.db");
        assert!(
            home.join("made-from").is_file(),
            "Keycloak is not prepared: run .ci/peers, or use tests/run"
        );
        let port = free_port();
        let directory = format!("{}/keycloak-{port}", env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(&directory).expect("a directory");
        let database = format!("{directory}/keycloakdb");
        std::fs::copy(&prepared, format!("{database}.mv.db")).expect("a database of its own");

        // As in .ci/peers: it does not run for long.
        let options = "-Xms64m -Xmx384m -XX:MaxMetaspaceSize=256m -XX:+UseSerialGC \
                       -XX:TieredStopAtLevel=1";
        let mut command = Command::new(home.join("bin/kc.sh"));
        command
            .env("JAVA_OPTS", options)
            .args(["start", "--optimized", "--cache=local"])
            .args(["--http-enabled=true", "--http-host=127.0.0.1"])
            .arg(format!("--http-port={port}"))
            .arg(format!("--hostname=http://localhost:{port}"))
            .arg(format!(
                "--db-url=jdbc:h2:file:{database};NON_KEYWORDS=VALUE;DB_CLOSE_ON_EXIT=FALSE"
            ));

        let mut keycloak = Keycloak {
            process: Process::shared(&command, Path::new(&directory)),
            port,
        };
        keycloak.wait().await;
        keycloak.make_scope().await;
        keycloak
    }

    async fn wait(&mut self) {
        let end = Instant::now() + PATIENCE;
        let metadata = format!("{}/.well-known/openid-configuration", self.issuer());
        loop {
            let answer = reqwest::get(&metadata).await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let output = self.process.output();
            assert!(!self.process.has_ended(), "Keycloak has ended:\n{output}");
            assert!(Instant::now() < end, "Keycloak never starts:\n{output}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    pub fn issuer(&self) -> String {
        format!("http://localhost:{}/realms/{REALM}", self.port)
    }

    /// A confidential client for an app at this port, in the way of the Admin Console's defaults.
    pub async fn register(&self, port: u16) -> Registration {
        self.register_with(port, "").await
    }

    /// One that is told of sign-outs, too.
    pub async fn register_for_logout(&self, port: u16) -> Registration {
        let url = format!("http://localhost:{port}/backchannel-logout");
        self.register_with(port, &url).await
    }

    async fn register_with(&self, port: u16, backchannel: &str) -> Registration {
        let app = format!("http://localhost:{port}");
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let app_id = format!("app-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let registration = json!({
            "clientId": app_id,
            "secret": SECRET,
            "publicClient": false,
            "standardFlowEnabled": true,
            "serviceAccountsEnabled": true,
            "redirectUris": [format!("{app}/callback")],
            "defaultClientScopes": ["basic", "acr", "web-origins", "roles", "profile", "email"],
            "optionalClientScopes": [SCOPE, "offline_access", "address", "phone"],
            "attributes": {
                "post.logout.redirect.uris": format!("{app}/"),
                "backchannel.logout.url": backchannel,
                "backchannel.logout.session.required": "true",
                "frontchannel.logout": "false",
            },
            "frontchannelLogout": false,
        });
        self.admin(Method::POST, "/clients", &registration).await;
        Registration {
            issuer: self.issuer(),
            app_id,
            app_secret: SECRET.to_owned(),
        }
    }

    /// A user of a test's own, whose sessions no other test ends.
    pub async fn make_user(&self, name: &str) {
        let user = json!({
            "username": name,
            "enabled": true,
            "email": format!("{name}@example.com"),
            "emailVerified": true,
            "firstName": "Some",
            "lastName": "Body",
            "credentials": [{ "type": "password", "value": PASSWORD }],
        });
        self.admin(Method::POST, "/users", &user).await;
    }

    /// As *Sign out* on the user's page of the Admin Console.
    pub async fn sign_out_everywhere(&self, sub: &str) {
        let path = format!("/users/{sub}/logout");
        self.admin(Method::POST, &path, &Value::Null).await;
    }

    pub async fn disable(&self, sub: &str) {
        let change = json!({ "enabled": false });
        let path = format!("/users/{sub}");
        self.admin(Method::PUT, &path, &change).await;
    }

    /// The clients in which the user has a session.
    pub async fn sessions(&self, sub: &str) -> Vec<Value> {
        let path = format!("/users/{sub}/sessions");
        let sessions = self.admin(Method::GET, &path, &Value::Null).await;
        sessions.as_array().cloned().expect("a list")
    }

    /// Whether the user has an offline session with this client.
    pub async fn has_offline_session(&self, sub: &str, app_id: &str) -> bool {
        let path = format!("/clients?clientId={app_id}");
        let clients = self.admin(Method::GET, &path, &Value::Null).await;
        let id = clients[0]["id"].as_str().expect("the client");
        let path = format!("/users/{sub}/offline-sessions/{id}");
        let sessions = self.admin(Method::GET, &path, &Value::Null).await;
        !sessions.as_array().expect("a list").is_empty()
    }

    async fn make_scope(&self) {
        let scope = json!({
            "name": SCOPE,
            "protocol": "openid-connect",
            "attributes": { "include.in.token.scope": "true" },
            "protocolMappers": [{
                "name": "audience",
                "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {
                    "included.custom.audience": RESOURCE,
                    "access.token.claim": "true",
                    "id.token.claim": "false",
                },
            }],
        });
        self.admin(Method::POST, "/client-scopes", &scope).await;
    }

    /// One call to the Admin API, with a token of its own: it may be long since the last.
    async fn admin(&self, method: Method, path: &str, body: &Value) -> Value {
        let browser = Browser::new();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", ADMIN_ID),
            ("client_secret", ADMIN_SECRET),
        ];
        let token_endpoint = format!("{}/protocol/openid-connect/token", self.issuer());
        let request = browser.request(Method::POST, token_endpoint).form(&form);
        let token: Value = request.send().await.json();
        let token = token["access_token"].as_str().expect("a token");

        let url = format!("http://localhost:{}/admin/realms/{REALM}{path}", self.port);
        let mut request = browser
            .request(method.clone(), &url)
            .header("authorization", format!("Bearer {token}"));
        if !body.is_null() {
            request = request.body("application/json", body.to_string());
        }
        let answer = request.send().await;
        let text = answer.text();
        assert!(answer.status() < 300, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Goes on from an answer that redirects to this provider: fills in its sign-in form where it
    /// shows one. Gives the answer that sends the browser back to the client, not yet followed, or
    /// the page that is none of these.
    pub async fn sign_in(&self, browser: &Browser, start: &Response, user: &str) -> Response {
        let mut at = browser.follow(start).await;
        for _ in 0..10 {
            let form = at.page().forms.iter().position(Keycloak::is_sign_in);
            at = if at.is_redirect() {
                if self.leaves(&at) {
                    return at;
                }
                browser.follow(&at).await
            } else if let Some(form) = form {
                let fill = [("username", user), ("password", PASSWORD)];
                browser.submit(&at, form, &fill).await
            } else {
                return at;
            };
        }
        panic!("the provider's pages never end; at {}", at.url());
    }

    /// Whether this page asks for a password.
    pub fn asks_to_sign_in(page: &Response) -> bool {
        page.page().forms.iter().any(Keycloak::is_sign_in)
    }

    fn is_sign_in(form: &super::html::Form) -> bool {
        form.fields.iter().any(|(name, _)| name == "password")
    }

    fn leaves(&self, response: &Response) -> bool {
        let here = format!("http://localhost:{}/", self.port);
        let target = response.location().expect("a redirect");
        !target.as_str().starts_with(&here)
    }
}
