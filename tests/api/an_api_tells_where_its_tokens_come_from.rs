//! The metadata of API resources (RFC 9728), and the refusals that lead there: a client that
//! knows nothing but the address of the API finds out who issues tokens for it, and which
//! scopes to ask for.

use reqwest::Method;
use rocket::figment::value::{Dict, Value};
use rocket::http::uri::Host;
use rocket::request::{FromRequest, Outcome};
use rocket::{Build, Phase, Request, Rocket, get, routes};
use rocket_logto::{
    Bearer, BearerAudience, BearerError, ExpectedAudience, Logto, Permission, Resource,
};
use serde_json::{Value as Json, json};

use crate::support::api_app::{ApiApp, call};
use crate::support::app::{TestApp, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::targets::{ORDERS, Read, ReadOrders, SHOPPING, Shopping, ViewReports};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const SHOPPING_METADATA: &str =
    "https://shopping.your-app.com/.well-known/oauth-protected-resource/api";

struct Write;
impl Permission for Write {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["write"];
}

/// Asked for on the way, and by no signature.
struct Delete;
impl Permission for Delete {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["delete"];
}

/// Its indicator is no address of the web.
struct Named;
impl Resource for Named {
    const INDICATOR: &'static str = "urn:example:stock";
}
struct ReadStock;
impl Permission for ReadStock {
    type Audience = Named;
    const SCOPES: &'static [&'static str] = &["stock"];
}

/// Where this API is, which another environment has elsewhere.
struct Here(String);
struct Configured;
impl BearerAudience for Configured {
    fn expected(request: &Request<'_>) -> Option<ExpectedAudience> {
        let here = request.rocket().state::<Here>()?;
        Some(ExpectedAudience::new(&here.0))
    }

    fn resource<Stage: Phase>(rocket: &Rocket<Stage>) -> Option<String> {
        Some(rocket.state::<Here>()?.0.clone())
    }
}
struct Look;
impl Permission for Look {
    type Audience = Configured;
    const SCOPES: &'static [&'static str] = &["look", "look \"twice\\"];
}

#[get("/cart")]
fn cart(_caller: Bearer<Read>) {}

#[get("/both")]
fn both(_reader: Bearer<Read>, _writer: Bearer<Write>) {}

#[get("/at-once")]
fn at_once(_caller: Bearer<(Read, Write)>) {}

#[get("/two-apis/<org_id>")]
fn two_apis(org_id: &str, _caller: Option<Bearer<Read>>, other: Bearer<ReadOrders>) {
    assert_eq!(other.organization_id(), Some(org_id));
}

#[get("/delete")]
fn delete(caller: Bearer<Read>) -> Result<(), BearerError> {
    caller.require::<Delete>()
}

#[get("/reports/<org_id>")]
fn reports(org_id: &str, caller: Bearer<ViewReports>) {
    assert_eq!(caller.organization_id(), Some(org_id));
}

#[get("/stock")]
fn stock(_caller: Bearer<ReadStock>) {}

#[get("/look")]
fn look(_caller: Bearer<Look>) {}

/// A guard of the app's own that asks for one of the library's.
struct Writer;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Writer {
    type Error = BearerError;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Writer, BearerError> {
        request.guard::<Bearer<Write>>().await.map(|_| Writer)
    }
}

#[get("/writer")]
fn writer(_caller: Writer) {}

fn rocket() -> Rocket<Build> {
    rocket::build().mount(
        "/",
        routes![cart, both, at_once, two_apis, delete, reports, stock],
    )
}

async fn app(logto: Dict, rocket: Rocket<Build>) -> ApiApp {
    let provider = logto_dev_provider::DevProvider::start(settings()).await;
    let rocket = rocket.attach(Logto::api().protects::<Delete>());
    ApiApp::attached(provider.expect("a provider"), logto, rocket).await
}

async fn ask(app: &ApiApp, path: &str) -> Response {
    let browser = Browser::new();
    let request = browser.request(Method::GET, app.url(path));
    request
        .header("origin", "https://client.example")
        .send()
        .await
}

/// The parameters of a challenge, by a reader that knows quoted strings.
fn parameters(answer: &Response) -> Vec<(String, String)> {
    let challenge = answer.header("www-authenticate").expect("a challenge");
    let mut rest = challenge.strip_prefix("Bearer").expect("the scheme");
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a parameter");
        let mut text = String::new();
        let mut characters = value.chars();
        loop {
            match characters.next().expect("the end of the string") {
                '"' => break,
                '\\' => text.extend(characters.next()),
                other => text.push(other),
            }
        }
        rest = characters.as_str();
        found.push((name.trim_matches([',', ' ']).to_owned(), text));
    }
    found
}

fn parameter(answer: &Response, name: &str) -> Option<String> {
    let found = parameters(answer).into_iter().filter(|(of, _)| of == name);
    let mut values: Vec<_> = found.map(|(_, value)| value).collect();
    assert!(values.len() < 2, "{name} once: {values:?}");
    values.pop()
}

#[rocket::async_test]
async fn each_resource_has_its_document() {
    let app = app(Dict::new(), rocket()).await;
    // Of two resources on one path, and of none without.
    for (path, resource, name, scopes) in [
        ("/api", SHOPPING, None, json!(["delete", "read", "write"])),
        ("/api", ORDERS, Some("Orders"), json!(["orders:read"])),
    ] {
        let host = resource.split('/').nth(2).expect("a host");
        assert!(Host::parse(host).is_ok());
        let browser = Browser::new();
        let request = browser.request(Method::GET, app.url(&format!("{WELL_KNOWN}{path}")));
        let answer = request.header("host", host).send().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
        assert!(answer.set_cookies().is_empty());
        let document: Json = answer.json();
        let mut expected = json!({
            "resource": resource,
            "authorization_servers": [app.provider.issuer()],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ["ES256", "PS256", "EdDSA", "ES384", "RS256"],
            "scopes_supported": scopes,
        });
        if let Some(name) = name {
            expected["resource_name"] = name.into();
        }
        assert_eq!(document, expected);
    }
    for path in [
        "",
        "/",
        "/apis",
        "/ap",
        "/api/x",
        "/API",
        "/urn:example:stock",
    ] {
        let answer = ask(&app, &format!("{WELL_KNOWN}{path}")).await;
        assert_eq!(answer.status(), 404, "{path}: {}", answer.text());
    }
    let browser = Browser::new();
    for (method, status) in [
        (Method::HEAD, 200),
        (Method::OPTIONS, 204),
        (Method::POST, 404),
        (Method::DELETE, 404),
    ] {
        let url = app.url(&format!("{WELL_KNOWN}/api"));
        let answer = browser.request(method.clone(), url).send().await;
        assert_eq!(answer.status(), status, "{method}");
        if method == Method::OPTIONS {
            for (name, value) in [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
                ("access-control-allow-headers", "*"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{name}");
            }
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

/// What needs a token, what it needs, and what was asked for before, comes with the refusal.
#[rocket::async_test]
async fn a_refusal_names_all_scopes_and_the_document() {
    let app = app(Dict::new(), rocket()).await;
    let token = |scope| app.token(&[("resource", SHOPPING)], scope);
    let (reader, writer) = (token("read").await, token("write").await);
    let shopping = Some(SHOPPING_METADATA);
    let orders = "https://orders.your-app.com/.well-known/oauth-protected-resource/api";
    for (path, token, status, error, scope, metadata) in [
        ("/cart", "", 401, None, "read", shopping),
        (
            "/cart",
            "nonsense",
            401,
            Some("invalid_token"),
            "read",
            shopping,
        ),
        (
            "/cart",
            &writer,
            403,
            Some("insufficient_scope"),
            "read",
            shopping,
        ),
        ("/both", "", 401, None, "read", shopping),
        // Not "write" alone: with a token for that the first guard would refuse.
        (
            "/both",
            &reader,
            403,
            Some("insufficient_scope"),
            "read write",
            shopping,
        ),
        ("/at-once", "", 401, None, "read write", shopping),
        (
            "/at-once",
            &reader,
            403,
            Some("insufficient_scope"),
            "read write",
            shopping,
        ),
        (
            "/at-once",
            &writer,
            403,
            Some("insufficient_scope"),
            "read write",
            shopping,
        ),
        (
            "/delete",
            &reader,
            403,
            Some("insufficient_scope"),
            "read delete",
            shopping,
        ),
        // Those of another API are not asked for together.
        (
            "/two-apis/x",
            &reader,
            401,
            Some("invalid_token"),
            "orders:read",
            Some(orders),
        ),
        // An organization, and a name, have no document.
        ("/reports/x", "", 401, None, "view:reports", None),
        ("/stock", "", 401, None, "stock", None),
    ] {
        let case = format!("{path} {error:?}");
        let answer = match token {
            "" => Browser::new().get(app.url(path)).await,
            token => call(&app.url(path), token).await,
        };
        assert_eq!(answer.status(), status, "{case}: {}", answer.text());
        assert_eq!(parameter(&answer, "error").as_deref(), error, "{case}");
        assert_eq!(
            parameter(&answer, "scope").as_deref(),
            Some(scope),
            "{case}"
        );
        let told = parameter(&answer, "resource_metadata");
        assert_eq!(told.as_deref(), metadata, "{case}");
        if status == 403 {
            let body: Json = answer.json();
            assert_eq!(body["scope"], scope, "{case}");
        }
    }
    let answer = call(&app.url("/cart?access_token=x"), &reader).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(parameter(&answer, "scope"), None, "that would not help");
}

/// With an indicator that only the configuration knows, and names that need quoting.
#[rocket::async_test]
async fn a_client_finds_its_way_from_the_refusal() {
    let port = crate::support::serve::free_port();
    let here = format!("http://127.0.0.1:{port}/look");
    let provider = logto_dev_provider::DevProvider::start(settings()).await;
    let provider = provider.expect("a provider");
    let rocket = rocket::build()
        .mount("/", routes![look])
        .manage(Here(here.clone()));
    let rocket = crate::support::api_app::configured(
        rocket.attach(Logto::api()),
        &provider.endpoint(),
        Dict::new(),
    );
    let _app = crate::support::serve::Served::start_on(port, rocket).await;
    let browser = Browser::new();
    let refusal = browser.get(&here).await;
    assert_eq!(refusal.status(), 401);
    assert_eq!(
        parameter(&refusal, "scope").as_deref(),
        Some("look look \"twice\\")
    );
    let address = parameter(&refusal, "resource_metadata").expect("an address");
    for address in [&address, &format!("http://127.0.0.1:{port}{WELL_KNOWN}")] {
        let document: Json = browser.get(address).await.json();
        assert_eq!(document["resource"], here);
        assert_eq!(
            document["authorization_servers"],
            json!([provider.issuer()])
        );
    }
}

#[rocket::async_test]
async fn it_can_be_moved_or_turned_off() {
    let route = |value: Value| {
        keys([(
            "routes",
            Dict::from([("resource_metadata".into(), value)]).into(),
        )])
    };
    let moved = app(route("/.well-known/meta".into()), rocket()).await;
    assert_eq!(ask(&moved, "/.well-known/meta/api").await.status(), 200);
    assert_eq!(
        ask(&moved, &format!("{WELL_KNOWN}/api")).await.status(),
        404
    );
    let refusal = Browser::new().get(moved.url("/cart")).await;
    let address = parameter(&refusal, "resource_metadata");
    assert_eq!(
        address.as_deref(),
        Some("https://shopping.your-app.com/.well-known/meta/api")
    );
    let off = app(route(false.into()), rocket()).await;
    assert_eq!(ask(&off, &format!("{WELL_KNOWN}/api")).await.status(), 404);
    let refusal = Browser::new().get(off.url("/cart")).await;
    assert_eq!(
        refusal.header("www-authenticate"),
        Some("Bearer scope=\"read\"")
    );
}

/// No signature shows it to the launch, so nobody has declared it.
#[rocket::async_test]
async fn a_guard_of_the_apps_own_is_met_when_it_refuses() {
    let rocket = rocket::build().mount("/", routes![writer]);
    let provider = logto_dev_provider::DevProvider::start(settings()).await;
    let provider = provider.expect("a provider");
    let rocket = rocket.attach(Logto::api());
    let app = ApiApp::attached(provider, Dict::new(), rocket).await;
    for _ in 0..2 {
        let refusal = Browser::new().get(app.url("/writer")).await;
        assert_eq!(refusal.status(), 401, "{}", refusal.text());
        let metadata = parameter(&refusal, "resource_metadata");
        assert_eq!(metadata.as_deref(), Some(SHOPPING_METADATA));
        let document: Json = ask(&app, &format!("{WELL_KNOWN}/api")).await.json();
        assert_eq!(document["resource"], SHOPPING);
        assert_eq!(document["scopes_supported"], json!(["write"]));
    }
}

/// Also where users sign in, behind a sign-in for all the rest, and below a path.
#[rocket::async_test]
async fn an_app_with_users_has_it_at_the_root_of_the_host() {
    let logto = keys([("base_url", "http://127.0.0.1/shop".into())]);
    let fairing = Logto::fairing().protect("/").protects::<Delete>();
    let rocket = rocket::build().mount("/shop", routes![cart]);
    let app = TestApp::with_fairing(logto, fairing, rocket).await;
    let browser = Browser::new();
    let origin = app.url("/");
    let origin = origin
        .split("/shop")
        .next()
        .expect("the origin")
        .trim_end_matches('/');
    for path in ["", "/", "/api"] {
        let answer = browser.get(format!("{origin}{WELL_KNOWN}{path}")).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let document: Json = answer.json();
        assert_eq!(document["resource"], SHOPPING);
        assert_eq!(document["scopes_supported"], json!(["delete", "read"]));
    }
    // Nothing else is open with it.
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/..;/secret",
    ] {
        let answer = browser.get(format!("{origin}{WELL_KNOWN}{path}")).await;
        assert_ne!(answer.status(), 200, "{path}");
    }
}
