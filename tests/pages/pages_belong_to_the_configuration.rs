//! The web app at a provider that is no Logto, with the README's three values: address,
//! client id, secret. It asks for nothing that such a provider may refuse; pages that
//! need more are not linked, and their addresses say which key brings them.

use logto_dev_provider::{DevProvider, Endpoint, Received, Reply};
use serde_json::json;

use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, settings};
use crate::support::browser::{Browser, Response};
use crate::support::npm_provider::{self, NpmProvider};
use crate::support::serve::{Process, free_port};

const ORGANIZATIONS: &str = "urn:logto:scope:organizations";

/// Menu entries and cards that lead to pages for organizations and resources.
const LINKS: [&str; 2] = ["/organizations", "/resources"];

/// The same for teams, which are organizations.
const TEAMS: &str = "/teams";

struct App {
    process: Process,
    port: u16,
}

impl App {
    async fn start(port: u16, issuer: &str, client: (&str, &str), more: &[(&str, &str)]) -> App {
        let port_text = port.to_string();
        let mut env = vec![
            ("ROCKET_PORT", port_text.as_str()),
            ("ROCKET_CLI_COLORS", "false"),
            ("LOGTO_ISSUER", issuer),
            ("LOGTO_APP_ID", client.0),
            ("LOGTO_APP_SECRET", client.1),
        ];
        env.extend(more);
        let mut process = Process::app(&env);
        process.wait_for_port(port).await;
        App { process, port }
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    async fn page(&self, browser: &Browser, path: &str) -> Response {
        let page = browser.navigate(self.url(path)).await;
        assert_eq!(page.status(), 200, "{path}: {}", page.text());
        page
    }

    /// What is the same at each provider that is no Logto.
    async fn has_only_what_works(&self, browser: &Browser, name: &str) {
        for path in [
            "/protected",
            "/protected/userinfo",
            "/session",
            "/resources/userinfo",
        ] {
            let page = self.page(browser, path).await;
            assert!(page.page().text.contains(name), "{path}: {}", page.text());
            self.links_to_none(&page);
        }
        for path in ["/", "/developer", TEAMS] {
            let page = self.page(browser, path).await;
            self.links_to_none(&page);
        }
        for (path, key) in [
            ("/organizations", ORGANIZATIONS),
            ("/organizations/", ORGANIZATIONS),
            ("/protected/organizations", ORGANIZATIONS),
            ("/resources", "LOGTO_RESOURCES"),
            ("/resources/cart", "LOGTO_RESOURCES"),
        ] {
            for browser in [browser, &Browser::new()] {
                if path == "/resources/cart" && browser.cookies().is_empty() {
                    continue;
                }
                let hops = browser.navigate_following(self.url(path), 1).await;
                let page = hops.last().expect("a page");
                assert_eq!(page.status(), 200, "{path}: {}", page.text());
                assert!(page.text().contains(key), "{path}: {}", page.text());
                self.links_to_none(page);
            }
        }
        let hops = browser
            .navigate_following(self.url("/organizations/any/resources/1"), 1)
            .await;
        let page = hops.last().expect("a page");
        assert!(page.text().contains(ORGANIZATIONS), "{}", page.text());
        let flask = browser.navigate(self.url("/protected/organizations")).await;
        assert_eq!(flask.url().path(), "/protected/organizations");
    }

    fn links_to_none(&self, page: &Response) {
        for link in page.page().links {
            assert!(
                !LINKS.contains(&link.href.as_str()) && link.href != TEAMS,
                "{}: {}",
                page.url(),
                link.href
            );
        }
    }
}

/// `oidc-provider` refuses scopes and resources that it does not know.
#[rocket::async_test]
async fn three_values_are_enough_at_a_real_provider() {
    let port = free_port();
    let origin = format!("http://localhost:{port}");
    let provider = NpmProvider::start(npm_provider::Settings {
        redirect_uri: &format!("{origin}/callback"),
        post_logout_redirect_uri: &format!("{origin}/"),
        ..npm_provider::Settings::default()
    })
    .await;
    let client = (npm_provider::CLIENT_ID, npm_provider::CLIENT_SECRET);
    let app = App::start(port, provider.issuer(), client, &[]).await;
    let browser = Browser::new();
    let start = browser.navigate(app.url("/protected")).await;
    let start = browser.follow(&start).await;
    let back = provider.sign_in(&browser, &start, "alice").await;
    let page = browser.follow_all(back, 5).await.pop().expect("a page");
    assert_eq!(
        (page.status(), page.url().path()),
        (200, "/protected"),
        "{}",
        page.text()
    );
    app.has_only_what_works(&browser, "alice").await;

    let to_provider = browser.post_form(app.url("/sign-out"), &[]).await;
    let back = provider.sign_out(&browser, &to_provider).await;
    let home = browser.follow_all(back, 5).await.pop().expect("a page");
    assert_eq!(home.url().path(), "/", "{}", home.text());
    assert_eq!(browser.violations(), []);
}

/// Refuses at the first word that OpenID Connect does not have.
fn strict(request: &Received, reply: &mut Reply) {
    let known = ["openid", "profile", "email", "offline_access"];
    let scope = request.query_value("scope").unwrap_or_default();
    let odd = scope.split(' ').any(|scope| !known.contains(&scope));
    let has_resource = request.query.iter().any(|(name, _)| name == "resource");
    let error = match (odd, has_resource) {
        (true, _) => "invalid_scope",
        (false, true) => "invalid_target",
        (false, false) => return,
    };
    *reply = Reply::json(400, &json!({ "error": error }));
}

async fn strict_provider(port: u16) -> DevProvider {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().sign_in_as(Some(ALICE));
    provider.hooks().respond(Endpoint::Auth, strict);
    provider.hooks().respond(Endpoint::Discovery, |_, reply| {
        reply.edit_json(|metadata| {
            metadata["scopes_supported"] = json!(["openid", "profile", "email"]);
        });
    });
    provider.set_redirect_uris([format!("http://localhost:{port}/callback")]);
    provider
}

#[rocket::async_test]
async fn nothing_of_logto_is_sent_to_a_strict_provider() {
    let port = free_port();
    let provider = strict_provider(port).await;
    let client = (CLIENT_ID, CLIENT_SECRET);
    let app = App::start(port, &provider.issuer(), client, &[]).await;
    let browser = Browser::new();
    let hops = browser.navigate_following(app.url("/protected"), 10).await;
    let page = hops.last().expect("a page");
    assert_eq!(
        (page.status(), page.url().path()),
        (200, "/protected"),
        "{}",
        page.text()
    );
    let asked = &provider.requests_to(Endpoint::Auth)[0];
    assert_eq!(asked.query_value("scope"), Some("openid profile"));
    assert_eq!(asked.query_value("prompt"), None);
    app.has_only_what_works(&browser, "Alice Example").await;
    assert!(app.process.output().contains("logto: provider"));
}

/// What the operator writes is asked for, and the pages are there with it.
#[rocket::async_test]
async fn the_pages_come_with_their_keys() {
    let port = free_port();
    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().sign_in_as(Some(ALICE));
    provider.set_redirect_uris([format!("http://localhost:{port}/callback")]);
    let more = [
        ("LOGTO_SCOPES", "urn:logto:scope:organizations read"),
        ("LOGTO_RESOURCES", "https://shopping.your-app.com/api"),
        ("LOGTO_PROMPT", "consent"),
    ];
    let client = (CLIENT_ID, CLIENT_SECRET);
    let app = App::start(port, &provider.issuer(), client, &more).await;
    let browser = Browser::new();
    browser.navigate_following(app.url("/session"), 10).await;
    let developer = app.page(&browser, "/developer").await;
    let links: Vec<_> = developer
        .page()
        .links
        .into_iter()
        .map(|link| link.href)
        .collect();
    for path in LINKS {
        // In the menu and among the cards.
        let count = links.iter().filter(|link| *link == path).count();
        assert_eq!(count, 2, "{path}: {links:?}");
    }
    let page = app.page(&browser, "/organizations/acme5obvzg01").await;
    assert!(
        page.text().contains("Claims of the token"),
        "{}",
        page.text()
    );
    let page = app.page(&browser, "/resources").await;
    let cart = page
        .page()
        .links
        .into_iter()
        .any(|link| link.href == "/resources/cart");
    assert!(cart, "{}", page.text());
}

/// At a Logto whose operator wants none of it, an empty variable takes it away.
#[rocket::async_test]
async fn an_empty_variable_clears_what_the_file_asks_for() {
    let port = free_port();
    let provider = strict_provider(port).await;
    let (port_text, endpoint) = (port.to_string(), provider.endpoint());
    let mut process = Process::app(&[
        ("ROCKET_PORT", port_text.as_str()),
        ("LOGTO_ENDPOINT", &endpoint),
        ("LOGTO_APP_ID", CLIENT_ID),
        ("LOGTO_APP_SECRET", CLIENT_SECRET),
        ("LOGTO_SCOPES", ""),
        ("LOGTO_PROMPT", ""),
    ]);
    process.wait_for_port(port).await;
    let browser = Browser::new();
    let url = format!("http://localhost:{port}/protected");
    let hops = browser.navigate_following(url, 10).await;
    let page = hops.last().expect("a page");
    assert_eq!(page.status(), 200, "{}", page.text());
    let asked = &provider.requests_to(Endpoint::Auth)[0];
    assert_eq!(
        asked.query_value("scope"),
        Some("openid offline_access profile")
    );
    assert_eq!(asked.query_value("prompt"), None);
}

/// Wherever the program is started, no guard stops it.
#[rocket::async_test]
async fn no_guard_stops_a_launch_for_what_three_values_do_not_have() {
    for name in ["LOGTO_ENDPOINT", "LOGTO_ISSUER"] {
        let port = free_port();
        let port_text = port.to_string();
        let mut process = Process::app(&[
            ("ROCKET_PORT", port_text.as_str()),
            // Not the file of this repository.
            ("ROCKET_CONFIG", "/dev/null"),
            (name, "http://localhost:1"),
            ("LOGTO_APP_ID", "app"),
            ("LOGTO_APP_SECRET", "secret"),
        ]);
        process.wait_for_port(port).await;
        let page = Browser::new()
            .navigate(format!("http://localhost:{port}/organizations"))
            .await;
        assert_eq!(page.status(), 200, "{name}: {}", page.text());
        assert!(
            page.text().contains(ORGANIZATIONS),
            "{name}: {}",
            page.text()
        );
    }
}
