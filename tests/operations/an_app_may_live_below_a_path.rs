//! `base_url` may have a path: the app shares its host with others, behind nginx, which
//! takes the path off or leaves it. Everything that a browser or the provider gets to see
//! is below that path, and nothing leads out of it.

use std::collections::BTreeSet;

use logto_dev_provider::{DevProvider, Endpoint};
use reqwest::Method;
use rocket::figment::value::Dict;
use rocket::{Build, Rocket, get, post, routes, uri};
use rocket_logto::{Resource, SignIn, SignOut, User};

use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, TestApp, absent, keys, settings};
use crate::support::browser::{Browser, CROSS_SITE, query};
use crate::support::cookie_jar::SameSite;
use crate::support::nginx::Nginx;
use crate::support::pages::{NOBODY, who_is_signed_in};
use crate::support::serve::{Process, free_port};
use crate::support::targets::Shopping;

const BASE: &str = "/app";

#[get("/welcome")]
fn welcome(user: Option<User>) -> &'static str {
    user.map_or("who is it?", |_| "welcome")
}

#[get("/join")]
fn join() -> SignIn {
    SignIn::new().return_to(uri!(welcome))
}

#[get("/join-here")]
fn join_here() -> SignIn {
    SignIn::new().return_to(uri!("/app", welcome))
}

#[post("/leave")]
fn leave() -> SignOut {
    SignOut::local(uri!(welcome))
}

#[post("/leave-here")]
fn leave_here() -> SignOut {
    SignOut::local(uri!("/app", welcome))
}

#[post("/send")]
fn send(user: User) -> String {
    user.sub().to_owned()
}

struct Site {
    app: TestApp,
    nginx: Nginx,
    strips_path: bool,
}

fn rocket(mount_point: &str) -> Rocket<Build> {
    rocket::build()
        .mount(mount_point, who_is_signed_in())
        .mount(
            mount_point,
            routes![welcome, join, join_here, leave, leave_here, send],
        )
}

impl Site {
    async fn start(strips_path: bool, more: Dict) -> Site {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        provider.hooks().sign_in_as(Some(ALICE));
        let (port, public) = (free_port(), free_port());
        let base_url = format!("https://localhost:{public}{BASE}");
        let mut logto = keys([
            ("base_url", base_url.clone().into()),
            ("proxy_strips_path", strips_path.into()),
            // The derived names.
            (
                "session",
                Dict::from([("cookie_name".to_owned(), absent())]).into(),
            ),
        ]);
        logto.extend(more);
        let mount_point = if strips_path { "/" } else { BASE };
        let app = TestApp::serve(port, &provider.endpoint(), logto, rocket(mount_point)).await;
        provider.set_redirect_uris([format!("{base_url}/callback")]);
        provider.set_post_logout_redirect_uris([format!("{base_url}/")]);
        provider.set_backchannel_logout_uri(None);
        Site {
            app: TestApp { app, provider },
            nginx: Nginx::below_a_path(public, BASE, port, strips_path).await,
            strips_path,
        }
    }

    async fn both() -> [Site; 2] {
        [
            Site::start(true, Dict::new()).await,
            Site::start(false, Dict::new()).await,
        ]
    }

    /// An address of the app, as browsers have it.
    fn url(&self, path: &str) -> String {
        self.nginx.url(&format!("{BASE}{path}"))
    }

    async fn sign_in(&self) -> Browser {
        let browser = self.nginx.browser();
        let page = browser
            .navigate_following(self.url("/protected"), 9)
            .await
            .pop();
        let page = page.expect("a page");
        assert_eq!(page.text(), ALICE, "{}", self.case());
        browser
    }

    fn case(&self) -> String {
        format!("proxy_strips_path = {}", self.strips_path)
    }
}

#[rocket::async_test]
async fn a_deep_link_signs_in_and_out() {
    for site in Site::both().await {
        let case = site.case();
        let browser = site.nginx.browser();
        let hops = browser
            .navigate_following(site.url("/protected?x=1"), 9)
            .await;
        let to = |hop: usize| hops[hop].header("location").unwrap_or_default().to_owned();
        assert_eq!(
            to(0),
            "/app/sign-in?return_to=%2Fapp%2Fprotected%3Fx%3D1",
            "{case}"
        );
        let provider = hops[1].location().expect("the provider");
        assert_eq!(
            query(&provider, "redirect_uri"),
            Some(site.url("/callback")),
            "{case}"
        );
        assert_eq!(to(3), "/app/protected?x=1", "{case}");
        let page = hops.last().expect("a page");
        assert_eq!(
            (page.url().as_str(), &*page.text()),
            (&*site.url("/protected?x=1"), ALICE)
        );

        // For this app alone.
        let lines = hops.iter().flat_map(|hop| hop.set_cookies());
        let ours: Vec<_> = lines.filter(|line| line.contains("logto_")).collect();
        assert_eq!(ours.len(), 3, "{case}: {ours:?}");
        for line in &ours {
            assert!(line.starts_with("__Secure-logto_"), "{case}: {line}");
            for wanted in ["Path=/app", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(
                    line.split("; ").any(|part| part == wanted),
                    "{case}: {wanted}: {line}"
                );
            }
        }
        let cookies = browser.cookies().into_iter();
        let session: Vec<_> = cookies
            .filter(|cookie| cookie.secure && cookie.path == BASE)
            .collect();
        assert_eq!(
            (session.len(), session[0].same_site),
            (1, SameSite::Lax),
            "{case}"
        );
        for elsewhere in ["/", "/application", "/App/"] {
            let header = browser
                .cookie_header(site.nginx.url(elsewhere))
                .unwrap_or_default();
            assert!(
                !header.contains("__Secure-"),
                "{case}: {elsewhere}: {header}"
            );
        }

        // Out again, by the app's own page.
        let confirm = browser
            .navigate_from(CROSS_SITE, site.url("/sign-out"))
            .await;
        let page = confirm.page();
        assert_eq!(page.forms[0].action, "/app/sign-out", "{case}");
        let stay = page.links.iter().find(|link| link.text == "Stay signed in");
        assert_eq!(stay.map(|link| &*link.href), Some("/app/"), "{case}");
        let left = browser.submit(&confirm, "Sign out", &[]).await;
        let back = query(
            &left.location().expect("the provider"),
            "post_logout_redirect_uri",
        );
        assert_eq!(back, Some(site.url("/")), "{case}");
        let home = browser.follow_all(left, 5).await.pop().expect("a page");
        assert!(
            home.url().as_str() == site.url("/"),
            "{case}: {}",
            home.url()
        );
        assert_eq!(home.text(), NOBODY, "{case}");
        assert_eq!(browser.violations(), [], "{case}");
    }
}

/// Each address that somebody may have written, and where a sign-in with it ends.
#[rocket::async_test]
async fn nothing_leads_out_of_the_app() {
    for site in Site::both().await {
        let browser = site.sign_in().await;
        for (return_to, when_stripped, otherwise) in [
            (
                "/app/protected?x=1",
                "/app/protected?x=1",
                "/app/protected?x=1",
            ),
            ("/app", "/app", "/app"),
            ("/protected", "/app/protected", "/app/"),
            ("/", "/app/", "/app/"),
            ("/other-app", "/app/other-app", "/app/"),
            ("/application", "/app/application", "/app/"),
            ("/app/../other-app", "/app/", "/app/"),
            ("/app/%2e%2e/other-app", "/app/", "/app/"),
            ("/app/..%2fother-app", "/app/", "/app/"),
            ("/app/x%2f..%2f..%2fother-app", "/app/", "/app/"),
            ("/app/..;/other-app", "/app/", "/app/"),
            ("//evil.example/app/", "/app/", "/app/"),
            ("https://evil.example/app/", "/app/", "/app/"),
            ("/app/callback?code=x", "/app/", "/app/"),
            ("/callback", "/app/", "/app/"),
        ] {
            let encoded: String =
                url::form_urlencoded::byte_serialize(return_to.as_bytes()).collect();
            let end = if site.strips_path {
                when_stripped
            } else {
                otherwise
            };
            let case = format!("{}: {return_to}", site.case());
            // As somebody who is signed in, and as somebody who signs in.
            let url = site.url(&format!("/sign-in?return_to={encoded}"));
            let on = browser.navigate(&url).await;
            assert_eq!(on.header("location"), Some(end), "{case}");
            let fresh = site.nginx.browser();
            let start = fresh.navigate(&url).await;
            let answer = fresh.follow(&start).await;
            let callback = fresh.follow(&answer).await;
            assert_eq!(callback.header("location"), Some(end), "{case}");
        }
    }
}

#[rocket::async_test]
async fn handlers_name_addresses_as_they_see_them() {
    for site in Site::both().await {
        // Where the proxy leaves the path on, the handler has it, too.
        let (join, leave) = match site.strips_path {
            true => ("/join", "/leave"),
            false => ("/join-here", "/leave-here"),
        };
        let browser = site.nginx.browser();
        let page = browser.navigate_following(site.url(join), 9).await.pop();
        let page = page.expect("a page");
        assert_eq!(page.url().as_str(), site.url("/welcome"), "{}", site.case());
        assert_eq!(page.text(), "welcome");
        let left = browser.post_form(site.url(leave), &[]).await;
        assert_eq!(
            left.header("location"),
            Some("/app/welcome"),
            "{}",
            site.case()
        );
        assert_eq!(browser.follow(&left).await.text(), "who is it?");
    }
}

#[rocket::async_test]
async fn pages_and_challenges_stay_below_the_path() {
    for site in Site::both().await {
        let case = site.case();
        let browser = site.nginx.browser();
        let links = |page: &crate::support::browser::Response| {
            let mut links = page.page().links.into_iter();
            // The app's name, at the top.
            let top = links.next().map(|link| link.href);
            assert_eq!(top.as_deref(), Some("/app/"), "{case}");
            links.map(|link| (link.text, link.href)).collect::<Vec<_>>()
        };
        let pair = |text: &str, href: &str| (text.to_owned(), href.to_owned());
        // A sign-in that was refused.
        let page = browser
            .navigate(site.url("/callback?error=invalid_scope&state=again.x"))
            .await;
        assert_eq!(page.status(), 400, "{case}");
        let expected = [
            pair("Sign in again", "/app/sign-in"),
            pair("Go to the home page", "/app/"),
        ];
        assert_eq!(links(&page), expected, "{case}");
        let send_form = async |referer: String| {
            let request = browser.request(Method::POST, site.url("/send"));
            let request = request.navigation().initiator(site.url("/welcome"));
            let request = request.form(&[("a", "b")]).header("Referer", &referer);
            request.send().await
        };
        // A form whose session has ended leads back to its page.
        let page = send_form(site.url("/welcome?x")).await;
        assert_eq!(page.status(), 401, "{case}");
        let expected = [
            pair("Sign in", "/app/sign-in?return_to=%2Fapp%2Fwelcome%3Fx"),
            pair("Go to the home page", "/app/"),
        ];
        assert_eq!(links(&page), expected, "{case}");
        // One that came from another app of the host does not.
        let page = send_form(site.nginx.url("/other-app")).await;
        assert_eq!(
            links(&page)[0],
            pair("Sign in", "/app/sign-in?return_to=%2Fapp%2F"),
            "{case}"
        );
        // A program.
        let answer = browser.fetch_json(site.url("/protected")).await;
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            challenge.contains("form-action=\"/app/sign-in\""),
            "{case}: {challenge}"
        );
        // The provider is away: try again here.
        site.app
            .provider
            .hooks()
            .respond(Endpoint::Token, |_, reply| reply.status = 500);
        let hops = browser.navigate_following(site.url("/protected"), 9).await;
        let page = hops.last().expect("a page");
        assert_eq!(
            links(page),
            [
                pair("Sign in again", "/app/sign-in?return_to=%2Fapp%2Fprotected"),
                pair("Go to the home page", "/app/")
            ]
        );
        site.app.provider.hooks().behave(Endpoint::Token);
        let ready = browser.get(site.url("/readyz")).await;
        assert_eq!(ready.status(), 200, "{case}");
    }
}

#[rocket::async_test]
async fn a_third_party_begins_a_sign_in_for_this_app_only() {
    for site in Site::both().await {
        let iss = site.app.provider.issuer();
        for (target, end) in [
            (site.url("/welcome?x"), site.url("/welcome?x")),
            (site.nginx.url("/other-app"), site.url("/")),
            (site.nginx.url("/application/x"), site.url("/")),
            (site.nginx.url("/app/%2e%2e/other-app"), site.url("/")),
            ("https://evil.example/app/".to_owned(), site.url("/")),
        ] {
            let browser = site.nginx.browser();
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("iss", &iss), ("target_link_uri", &target)])
                .finish();
            let url = site.url(&format!("/initiate-login?{query}"));
            let first = browser.navigate_from(CROSS_SITE, url).await;
            let page = browser.follow_all(first, 5).await.pop().expect("a page");
            assert_eq!(page.url().as_str(), end, "{}: {target}", site.case());
        }
    }
}

#[rocket::async_test]
async fn the_provider_ends_sessions_below_the_path() {
    for site in Site::both().await {
        let browser = site.sign_in().await;
        let claims = site.app.provider.logout_claims(Some(ALICE), None);
        let hooks = site.app.provider.hooks();
        let token = hooks.forge(
            &logto_dev_provider::Signing::Key,
            "logout+jwt",
            claims,
            |_, _| {},
        );
        let request = browser.request(Method::POST, site.url("/backchannel-logout"));
        let answer = request.form(&[("logout_token", &token)]).send().await;
        assert_eq!(answer.status(), 200, "{}", site.case());
        assert_eq!(
            browser.navigate(site.url("/")).await.text(),
            NOBODY,
            "{}",
            site.case()
        );
    }
}

/// At another host than that of `base_url`: the whole way, path included.
#[rocket::async_test]
async fn another_host_goes_to_the_path_too() {
    for site in Site::both().await {
        let prefix = if site.strips_path { "" } else { BASE };
        let browser = Browser::new();
        for (path, to) in [
            (
                "/sign-in?return_to=/x",
                "/sign-in?return_to=%2Fx&from_another_host=1",
            ),
            ("/join", "/join?from_another_host=1"),
        ] {
            let url = format!("http://127.0.0.1:{}{prefix}{path}", site.app.app.port());
            let answer = browser.navigate(url).await;
            assert_eq!(
                answer.header("location"),
                Some(&*site.url(to)),
                "{}",
                site.case()
            );
        }
    }
}

/// `redirect_uri` as Logto's samples have it: a whole address, with the path in it.
#[rocket::async_test]
async fn a_redirect_uri_below_the_path_is_the_callback() {
    for strips_path in [true, false] {
        let mut site = Site::start(strips_path, Dict::new()).await;
        let redirect_uri = site.url("/auth/done");
        let base_url = site.url("/");
        let logto = keys([
            ("base_url", base_url.into()),
            ("redirect_uri", redirect_uri.clone().into()),
            ("post_sign_out", "/welcome".into()),
            ("proxy_strips_path", strips_path.into()),
        ]);
        let mount_point = if strips_path { "/" } else { BASE };
        site.app.restart(logto, rocket(mount_point)).await;
        site.app.provider.set_redirect_uris([redirect_uri]);
        let bye = site.url("/welcome");
        site.app
            .provider
            .set_post_logout_redirect_uris([bye.clone()]);
        let browser = site.sign_in().await;
        let left = browser.post_form(site.url("/sign-out"), &[]).await;
        let page = browser.follow_all(left, 5).await.pop().expect("a page");
        assert!(page.url().as_str().starts_with(&bye), "{}", page.url());
        assert_eq!(page.text(), "who is it?");
    }
}

#[rocket::async_test]
async fn a_cookie_planted_from_above_is_nobodys() {
    let site = Site::start(true, Dict::new()).await;
    let browser = site.sign_in().await;
    let cookies = browser.cookies();
    let mine = cookies
        .iter()
        .find(|cookie| cookie.path == BASE)
        .expect("a session");
    let tossed = format!("{}=x; Path=/; Secure", mine.name);
    browser
        .set_cookie_raw(site.nginx.url("/"), tossed)
        .expect("a cookie");
    // The same name twice is nobody's; it is never an error.
    let page = browser.navigate(site.url("/")).await;
    assert_eq!((page.status(), &*page.text()), (200, NOBODY));
}

/// The web app of this repository: what its pages lead to is there, below the path.
#[rocket::async_test]
async fn every_link_of_the_web_app_stays_below_it() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    provider.hooks().sign_in_as(Some(ALICE));
    let (port, public) = (free_port(), free_port());
    let nginx = Nginx::below_a_path(public, BASE, port, true).await;
    let base_url = nginx.url(BASE);
    provider.set_redirect_uris([format!("{base_url}/callback")]);
    let (endpoint, port) = (provider.endpoint(), port.to_string());
    // It calls its own API by the public address.
    let ca_file = nginx.certificate().file();
    let mut app = Process::app(&[
        ("LOGTO_CA_FILE", ca_file.to_str().expect("a path")),
        ("ROCKET_PORT", &port),
        ("ROCKET_CLI_COLORS", "false"),
        ("LOGTO_BASE_URL", &base_url),
        ("LOGTO_ENDPOINT", &endpoint),
        ("LOGTO_APP_ID", CLIENT_ID),
        ("LOGTO_APP_SECRET", CLIENT_SECRET),
        ("LOGTO_RESOURCES", Shopping::INDICATOR),
    ]);
    app.wait_for_port(port.parse().expect("a port")).await;

    let browser = nginx.browser();
    let start = nginx.url("/app/protected");
    let hops = browser.navigate_following(start, 9).await;
    let page = hops.last().expect("a page");
    assert_eq!((page.status(), page.url().path()), (200, "/app/protected"));

    let (mut to_see, mut seen) = (vec![format!("{BASE}/")], BTreeSet::new());
    while let Some(path) = to_see.pop() {
        if path.contains("sign-") || !seen.insert(path.clone()) {
            continue;
        }
        let page = browser.navigate_following(nginx.url(&path), 9).await.pop();
        let page = page.expect("a page");
        let status = page.status();
        assert!(matches!(status, 200 | 403), "{path}: {status}");
        assert!(
            page.url().path().starts_with("/app/"),
            "{path}: {}",
            page.url()
        );
        let text = page.text();
        for attribute in ["href=\"", "action=\"", "src=\""] {
            for rest in text.split(attribute).skip(1) {
                let link = rest
                    .split('"')
                    .next()
                    .unwrap_or_default()
                    .replace("&#x2F;", "/");
                if link.starts_with('/') {
                    assert!(link.starts_with("/app/"), "{path} leads to {link}");
                    // Forms are sent, not looked at.
                    if !attribute.starts_with("action") {
                        to_see.push(link);
                    }
                }
            }
        }
    }
    for path in [
        "/app/session",
        "/app/organizations",
        "/app/resources",
        "/app/static/app.css",
    ] {
        assert!(seen.contains(path), "{path} is not linked: {seen:?}");
    }
    let calls = seen
        .iter()
        .filter(|path| path.ends_with("/cart") || path.ends_with("/reports"));
    assert!(calls.count() >= 2, "{seen:?}");
    let refreshed = browser
        .post_form(nginx.url("/app/session/refresh"), &[])
        .await;
    let to = refreshed.header("location").unwrap_or_default();
    assert!(to.starts_with("/app/session"), "{to}");
}
