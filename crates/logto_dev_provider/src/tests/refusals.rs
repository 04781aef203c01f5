//! What browsers see of requests that cannot go back to the application. Everybody
//! else gets what Logto sends (`authorization.rs`, `sign_out.rs`).

use super::html::check;
use super::*;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn open(world: &World, path: &str, accept: &str) -> Answer {
    let url = format!("{}{path}", world.provider.endpoint());
    world
        .send(world.http.get(url).header("accept", accept))
        .await
}

fn ending(params: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("/oidc/session/end?{}", query.extend_pairs(params).finish())
}

/// Slashes are escaped on the page.
fn shown(text: &str) -> String {
    text.replace('/', "&#x2F;").replace('"', "&quot;")
}

#[tokio::test]
async fn a_page_says_what_was_sent_what_is_expected_and_what_to_write() {
    let world = World::new().await;
    let callback = |uri| world.auth_path(&[("redirect_uri", uri)]);
    let after = |uri| {
        let home = ("post_logout_redirect_uri", uri);
        ending(&[("client_id", "the-app"), home])
    };
    let (sign_in, sign_out) = ("This sign-in is refused", "This sign-out is refused");
    for (path, title, words) in [
        (
            world.auth_path(&[("client_id", "no<such")]),
            sign_in,
            &[
                "no&lt;such",
                "<dt>client_id</dt><dd><code>the-app</code></dd>",
                "app_id = \"the-app\"",
                "app_secret = \"…\"",
            ][..],
        ),
        (
            callback("http://localhost:8000/callback"),
            sign_in,
            &[
                "http://localhost:8000/callback",
                CALLBACK,
                "base_url = \"http://localhost:3000\"",
                "--redirect-uri &#x27;http://localhost:8000/callback&#x27;",
            ],
        ),
        (
            callback("http://localhost:3000/auth/done"),
            sign_in,
            &["routes.callback = \"/callback\""],
        ),
        (callback("not a URI"), sign_in, &["not a URI", CALLBACK]),
        (
            world.auth_path(&[("client_id", "")]),
            sign_in,
            &["missing required parameter"],
        ),
        (
            "/oidc/auth?client_id=the-app&request_uri=urn:x".into(),
            sign_in,
            &["urn:x", "within the last minute"],
        ),
        (
            after("http://localhost:3000/bye"),
            sign_out,
            &[
                "http://localhost:3000/bye",
                "post_sign_out = \"/\"",
                "--post-logout-redirect-uri",
            ],
        ),
        (
            ending(&[("id_token_hint", "gar.ba.ge")]),
            sign_out,
            &["9 characters, not shown", "rotated out"],
        ),
        (
            ending(&[("client_id", "other")]),
            sign_out,
            &["invalid client other"],
        ),
    ] {
        let page = open(&world, &path, BROWSER).await;
        check(&page.text);
        assert!(page.text.contains(&format!("<h1>{title}</h1>")), "{path}");
        for words in words {
            let words = if words.contains("<dt>") {
                words.to_string()
            } else {
                shown(words)
            };
            assert!(page.text.contains(&words), "{words}: {}", page.text);
        }
        assert!(!page.text.contains("gar.ba.ge"), "a token");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");

        // Status and answer of everybody else are Logto's.
        for accept in ["*/*", "application/json", "text/html;q=0, */*"] {
            let other = open(&world, &path, accept).await;
            assert_eq!(other.status, page.status, "{path}, {accept}");
            assert!(other.json()["error"].is_string(), "{path}, {accept}");
        }
    }
    let (refused, _) = (open(&world, &callback("http://x/"), BROWSER).await, ());
    assert_eq!(
        refused.status,
        recorded("e-auth-bad-redirect_uri")["status"]
    );
}

/// What is to be pasted into a shell is nobody else's.
#[tokio::test]
async fn another_site_has_nothing_pasted() {
    let world = World::new().await;
    for uri in [
        "https://evil.example/callback",
        "http://localhost:1/';reboot;'",
        "http://localhost:1/$(reboot)",
        "http://localhost:1/`reboot`",
    ] {
        let path = world.auth_path(&[("redirect_uri", uri)]);
        let page = open(&world, &path, BROWSER).await;
        check(&page.text);
        assert!(!page.text.contains("--redirect-uri"), "{}", page.text);
    }
    let many: Vec<(String, String)> = (0..500).map(|n| (n.to_string(), "x".repeat(900))).collect();
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(many)
        .finish();
    let url = format!("{}/oidc/auth", world.provider.endpoint());
    let request = world.http.post(url).body(body).header("accept", BROWSER);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let page = world.send(request).await;
    check(&page.text);
    assert!(page.text.contains("460 more"), "{}", page.text);
    assert!(page.text.len() < 50_000, "{}", page.text.len());
}
