//! `Logto::fairing().protect("/path")`: whatever is below it, files first of all, is for
//! signed-in users, by every way to write its path.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rocket::figment::value::Dict;
use rocket::fs::FileServer;
use rocket::http::Method;
use rocket::route::{Handler, Outcome};
use rocket::{Build, Data, Request, Rocket, Route};
use rocket_logto::{Logto, LogtoFairing};

use super::nothing_opens_a_protected_path::{METHODS, PATHS, send};
use crate::support::app::{ALICE, TestApp, configuration, keys};
use crate::support::browser::Browser;
use crate::support::log::lines_with;
use crate::support::pages::pages;
use crate::support::serve::free_port;

const SECRET: &str = "a file for users only";
const OPEN: &str = "a file for everybody";

/// `public.txt`, and below `protected` and `x/private` a secret.
fn files(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    for folder in ["protected", "protected/admin", "x/private", "PROTECTED"] {
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        for file in ["index.html", "a.txt", "x"] {
            std::fs::write(folder.join(file), SECRET).expect("a file");
        }
    }
    std::fs::write(root.join("public.txt"), OPEN).expect("a file");
    std::fs::write(root.join("index.html"), OPEN).expect("a file");
    root
}

/// Takes every path and method before anybody else does, and counts.
#[derive(Clone)]
struct Greedy(Arc<AtomicUsize>);

#[rocket::async_trait]
impl Handler for Greedy {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Outcome::from(request, SECRET)
    }
}

fn greedy(calls: &Arc<AtomicUsize>) -> Vec<Route> {
    let methods = [Method::Get, Method::Post, Method::Options, Method::Delete];
    let route = |method| Route::ranked(-1000, method, "/<_..>", Greedy(calls.clone()));
    methods.into_iter().map(route).collect()
}

async fn app(logto: Dict, fairing: LogtoFairing, rocket: Rocket<Build>) -> TestApp {
    TestApp::with_fairing(logto, fairing, rocket).await
}

#[rocket::async_test]
async fn no_spelling_or_method_reaches_a_file_below_it() {
    let root = files("subtree-files");
    let fairing = Logto::fairing()
        .protect("/protected")
        .protect("/x/private/");
    let rocket = rocket::build().mount("/", FileServer::from(&root));
    let app = app(Dict::new(), fairing, rocket).await;
    let port = app.app.port();
    let more = [
        "/protected/a.txt",
        "/protected/x",
        "/x/private/a.txt",
        "/x/../protected/a.txt",
        "/x/%2e%2e/protected/a.txt",
        "/protected/..%2fprotected%2fa.txt",
        "/x//private/a.txt",
        "/x/private;a=b/a.txt",
        "/x/PRIVATE/a.txt",
        "/x/./private/a.txt",
        "/x/private%5ca.txt",
        "/public.txt/../protected/a.txt",
        "/.rocket_logto/nowhere/../../protected/a.txt",
        "/sign-in/../protected/a.txt",
        "/PROTECTED/a.txt",
    ];
    for path in PATHS.into_iter().chain(more) {
        for method in METHODS {
            let (status, answer) = send(port, method, path, "").await;
            let case = format!("{method} {path}: {answer}");
            assert!(!answer.contains(SECRET), "{case}");
            assert!(
                status != 200 || method == "HEAD" || answer.contains(OPEN),
                "{case}"
            );
            assert!(status < 500 || status == 501, "{case}");
        }
    }

    // What is beside it is for everybody, and the sign-in works.
    for path in ["/public.txt", "/", "/public.txt?protected"] {
        let (status, answer) = send(port, "GET", path, "").await;
        assert!(status == 200 && answer.contains(OPEN), "{path}: {answer}");
    }
    let nowhere = Browser::new().get(app.url("/.rocket_logto/nowhere")).await;
    assert_eq!(nowhere.status(), 404);

    let browser = Browser::new();
    let first = browser.navigate(app.url("/protected/a.txt?b=c&d")).await;
    assert_eq!(first.status(), 303);
    let wanted = first.location_query("return_to").expect("return_to");
    assert_eq!(wanted, "/protected/a.txt?b=c&d");
    let page = app.sign_in(&browser, "/protected/a.txt?b=c&d", ALICE).await;
    assert_eq!(page.text(), SECRET);
    assert_eq!(page.url().as_str(), app.url("/protected/a.txt?b=c&d"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let program = Browser::new().fetch_json(app.url("/protected/a.txt")).await;
    assert_eq!(program.status(), 401, "{}", program.text());
    assert_eq!(program.header("location"), None);
    let form = Browser::new();
    let form = form.post_form(app.url("/protected/x"), &[("a", "b")]).await;
    assert_eq!(form.status(), 401);

    // After the sign-out it is closed again.
    browser.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(
        browser.navigate(app.url("/protected/a.txt")).await.status(),
        303
    );
}

#[rocket::async_test]
async fn the_whole_app_can_be_protected_whoever_else_takes_every_path() {
    let fairing = Logto::fairing().protect("/");
    let calls = Arc::default();
    let rocket = rocket::build().mount("/", greedy(&calls));
    let app = app(Dict::new(), fairing, rocket).await;
    let port = app.app.port();
    // What is public below a path of ours, and a way out of it.
    let ways_out = [
        "/../x",
        "/..%2fx",
        "/%2e%2e/x",
        "/..;a/x",
        "/%252e%252e/x",
        "/\\..\\x",
    ]
    .map(|way| format!("/.well-known/oauth-protected-resource{way}"));
    let paths = PATHS.map(str::to_owned).into_iter().chain(ways_out);
    for path in paths {
        let path = path.as_str();
        for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE"] {
            let (_, answer) = send(port, method, path, "Content-Length: 0\r\n").await;
            assert!(!answer.contains(SECRET), "{method} {path}: {answer}");
        }
    }
    // A handler that has run may have done something, whatever the answer is.
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[rocket::async_test]
async fn our_own_routes_stay_open_and_an_app_below_a_path_comes_back_there() {
    let fairing = Logto::fairing().protect("/");
    let logto = keys([("base_url", "http://localhost/below/".into())]);
    let app = app(logto, fairing, pages()).await;
    for (path, status) in [
        ("/healthz", 200),
        ("/sign-out", 200),
        ("/nothing-here", 303),
    ] {
        let page = Browser::new().navigate(app.url(path)).await;
        assert_eq!(page.status(), status, "{path}");
    }
    let first = Browser::new().navigate(app.url("/userinfo?a")).await;
    let to = first.header("location").expect("a redirect").to_owned();
    assert_eq!(to, "/below/sign-in?return_to=%2Fbelow%2Fuserinfo%3Fa");
}

#[rocket::async_test]
async fn what_is_no_path_aborts_the_launch() {
    for path in ["private", "/a/../b", "/ä", "/a%20b", "/<id>"] {
        let figment = rocket::Config::figment();
        let figment = configuration(&figment, free_port(), "http://127.0.0.1:9", Dict::new());
        let rocket = rocket::custom(figment).attach(Logto::fairing().protect(path));
        let error = rocket.ignite().await.expect_err(path);
        // One that nobody has looked at panics when it is dropped.
        assert!(error.to_string().contains("fairing"), "{error}");
        let said = lines_with(&format!(".protect({path:?}): must be a path"));
        assert!(!said.is_empty(), "{path}");
    }
}
