//! The authorization request says what was configured and asked for, once,
//! and nothing else.

use rocket::figment::value::{Dict, Value};
use rocket::{State, get, routes};
use rocket_logto::{DirectSignIn, FirstScreen, Identifier, Prompt, SignIn};
use url::Url;

use crate::support::app::{ALICE, CLIENT_ID, TestApp, absent, keys, settings};
use crate::support::browser::{Browser, query};
use crate::support::log::lines_with;
use crate::support::pages::pages;
use crate::support::serve::{Served, free_port};
use logto_dev_provider::{DevProvider, Endpoint};

const RANDOM: [&str; 3] = ["state", "nonce", "code_challenge"];

/// The parameters of a request, in alphabetical order, but the random ones.
fn parameters(url: &Url) -> Vec<(String, String)> {
    let mut all: Vec<_> = url.query_pairs().into_owned().collect();
    all.retain(|(name, _)| !RANDOM.contains(&name.as_str()));
    all.sort();
    all
}

/// What every request of `app` must hold, with `changes` in it: a name given
/// there takes the place of the default; an empty value takes it away.
fn expected(app: &Served, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let redirect_uri = app.url("/callback");
    let defaults = [
        ("client_id", CLIENT_ID),
        ("redirect_uri", &redirect_uri),
        ("response_type", "code"),
        ("scope", "openid offline_access profile"),
        ("prompt", "consent"),
        ("code_challenge_method", "S256"),
    ];
    let kept = |(name, _): &&(&str, &str)| !changes.iter().any(|(other, _)| other == name);
    let mut all: Vec<_> = defaults
        .iter()
        .filter(kept)
        .chain(changes.iter().filter(|(_, value)| !value.is_empty()))
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    all.sort();
    all
}

async fn request(app: &Served, path: &str) -> Url {
    let answer = Browser::new().navigate(app.url(path)).await;
    assert_eq!(answer.status(), 303, "{path}: {}", answer.text());
    answer.location().expect("a Location")
}

fn list<const N: usize>(items: [&str; N]) -> Value {
    Value::from(items.map(str::to_owned).to_vec())
}

#[rocket::async_test]
async fn what_is_configured_is_asked_for() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let organizations = "urn:logto:scope:organizations";
    type Case = (&'static str, Dict, Vec<(&'static str, &'static str)>);
    let cases: [Case; 11] = [
        ("nothing", keys([]), vec![]),
        (
            "scopes, some twice, some reserved",
            keys([("scopes", list(["email", "profile", "email", "phone"]))]),
            vec![("scope", "openid offline_access profile email phone")],
        ),
        (
            "scopes as text",
            keys([("scopes", "email  custom_data".into())]),
            vec![("scope", "openid offline_access profile email custom_data")],
        ),
        (
            "no reserved scopes",
            keys([
                ("scopes", list(["email"])),
                ("include_reserved_scopes", false.into()),
            ]),
            vec![("scope", "openid email")],
        ),
        (
            "resources, one twice",
            keys([(
                "resources",
                list(["https://b.example/api", "urn:a", "https://b.example/api"]),
            )]),
            vec![("resource", "https://b.example/api"), ("resource", "urn:a")],
        ),
        (
            "organizations",
            keys([("scopes", list([organizations]))]),
            vec![
                (
                    "scope",
                    "openid offline_access profile urn:logto:scope:organizations",
                ),
                ("resource", "urn:logto:resource:organizations"),
            ],
        ),
        (
            "organizations, their resource written out",
            keys([
                ("scopes", list([organizations])),
                ("resources", list(["urn:logto:resource:organizations"])),
            ]),
            vec![
                (
                    "scope",
                    "openid offline_access profile urn:logto:scope:organizations",
                ),
                ("resource", "urn:logto:resource:organizations"),
            ],
        ),
        (
            "two prompts",
            keys([("prompt", list(["login", "consent"]))]),
            vec![("prompt", "login consent")],
        ),
        (
            "no prompt",
            keys([("prompt", list([]))]),
            vec![("prompt", "")],
        ),
        (
            "free parameters, one a number, one true",
            keys([(
                "extra_params",
                Value::from(keys([
                    ("audience", "a b&c=ü".into()),
                    ("depth", 7.into()),
                    ("once", true.into()),
                ])),
            )]),
            vec![("audience", "a b&c=ü"), ("depth", "7"), ("once", "true")],
        ),
        (
            "another callback",
            keys([(
                "routes",
                Value::from(keys([("callback", "/auth/done".into())])),
            )]),
            vec![("redirect_uri", "callback")],
        ),
    ];
    for (case, logto, mut changes) in cases {
        let port = free_port();
        let app = TestApp::serve(port, &provider.endpoint(), logto, pages()).await;
        let callback = app.url("/auth/done");
        for (name, value) in &mut changes {
            if *name == "redirect_uri" {
                *value = callback.clone().leak();
            }
        }
        let url = request(&app, "/sign-in").await;
        let endpoint = format!("{}/auth", provider.issuer());
        assert_eq!(url.as_str().split('?').next(), Some(&*endpoint), "{case}");
        assert_eq!(parameters(&url), expected(&app, &changes), "{case}");
    }
}

/// Of a provider that `issuer` names, nothing is known but what it says itself.
#[rocket::async_test]
async fn at_another_provider_only_what_openid_connect_knows_is_asked_for() {
    type Metadata = fn(&mut serde_json::Value);
    let announced: Metadata = |_| {};
    let not_announced: Metadata = |metadata| {
        metadata["scopes_supported"] = serde_json::json!(["openid", "profile", "email"]);
    };
    let says_nothing: Metadata = |metadata| metadata["scopes_supported"] = serde_json::Value::Null;
    // By the shape of its endpoints, which the stand-in need not have.
    let keycloak: Metadata = |metadata| {
        let endpoint = metadata["authorization_endpoint"].as_str().unwrap();
        let endpoint = endpoint.replace("/oidc/auth", "/realms/a/protocol/openid-connect/auth");
        metadata["authorization_endpoint"] = endpoint.into();
    };
    type Case = (
        &'static str,
        Metadata,
        Dict,
        Vec<(&'static str, &'static str)>,
    );
    let cases: [Case; 10] = [
        (
            "offline_access is announced",
            announced,
            keys([]),
            vec![("scope", "openid profile offline_access")],
        ),
        (
            "it is not",
            not_announced,
            keys([]),
            vec![("scope", "openid profile")],
        ),
        (
            "no scope is",
            says_nothing,
            keys([]),
            vec![("scope", "openid profile")],
        ),
        (
            "a Keycloak, which announces it",
            keycloak,
            keys([]),
            vec![("scope", "openid profile")],
        ),
        (
            "a Keycloak, and the configuration asks for it",
            keycloak,
            keys([("scopes", list(["offline_access", "email"]))]),
            vec![("scope", "openid profile offline_access email")],
        ),
        (
            "the configuration asks for what is not announced",
            not_announced,
            keys([("scopes", list(["offline_access"]))]),
            vec![("scope", "openid profile offline_access")],
        ),
        (
            "more scopes",
            announced,
            keys([("scopes", list(["email", "profile"]))]),
            vec![("scope", "openid profile email offline_access")],
        ),
        (
            "no reserved scopes",
            announced,
            keys([("include_reserved_scopes", false.into())]),
            vec![("scope", "openid")],
        ),
        (
            "a prompt",
            announced,
            keys([("prompt", list(["consent"]))]),
            vec![
                ("scope", "openid profile offline_access"),
                ("prompt", "consent"),
            ],
        ),
        (
            "no prompt, said so",
            announced,
            keys([("prompt", list([]))]),
            vec![("scope", "openid profile offline_access")],
        ),
    ];
    for (case, metadata, more, mut changes) in cases {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        provider
            .hooks()
            .respond(Endpoint::Discovery, move |_, reply| {
                reply.edit_json(metadata)
            });
        let mut logto = keys([("endpoint", absent()), ("issuer", provider.issuer().into())]);
        logto.extend(more);
        if !changes.iter().any(|(name, _)| *name == "prompt") {
            changes.push(("prompt", ""));
        }
        let app = TestApp::serve(free_port(), "http://localhost:1", logto, pages()).await;
        let url = request(&app, "/sign-in").await;
        assert_eq!(parameters(&url), expected(&app, &changes), "{case}");
    }
}

/// The session lives all the same, and the log says what the operator can do.
#[rocket::async_test]
async fn a_provider_that_gives_no_refresh_token_without_consent_is_told_once() {
    let mut app = TestApp::start(pages()).await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    let logto = keys([
        ("endpoint", absent()),
        ("issuer", app.provider.issuer().into()),
    ]);
    let told = || lines_with("a sign-in asked for offline_access and got no refresh token").len();
    let before = told();
    app.restart(logto, pages()).await;
    for _ in 0..2 {
        let browser = Browser::new();
        let hops = browser.navigate_following(app.url("/protected"), 10).await;
        assert_eq!(hops.last().expect("a page").text(), ALICE);
    }
    assert!(told() > before, "not told");
    let line = lines_with("got no refresh token").pop().expect("a line");
    assert!(line.contains("logto.prompt = [\"consent\"]"), "{line}");
}

#[rocket::async_test]
async fn state_nonce_and_challenge_are_new_and_unguessable_each_time() {
    let app = TestApp::start(pages()).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        let url = request(&app.app, "/sign-in").await;
        for name in RANDOM {
            let value = query(&url, name).unwrap_or_default();
            // 128 bits, base64url (RFC 6749 section 10.10).
            assert!(value.len() >= 22, "{name}={value}");
            assert!(seen.insert(value), "{name} came twice");
        }
        assert_eq!(query(&url, "code_challenge").unwrap().len(), 43);
    }
}

/// One `SignIn`, and what it changes in the request.
type Start = (SignIn, Vec<(&'static str, &'static str)>);

fn starts() -> Vec<Start> {
    let new = SignIn::new;
    vec![
        (new(), vec![]),
        (
            new().first_screen(FirstScreen::SignIn),
            vec![("first_screen", "sign_in")],
        ),
        (
            new().first_screen(FirstScreen::Register),
            vec![("first_screen", "register")],
        ),
        (
            new()
                .first_screen(FirstScreen::ResetPassword)
                .identifier(Identifier::Email),
            vec![("first_screen", "reset_password"), ("identifier", "email")],
        ),
        (
            new()
                .first_screen(FirstScreen::IdentifierSignIn)
                .identifier(Identifier::Email)
                .identifier(Identifier::Phone)
                .identifier(Identifier::Email)
                .identifier(Identifier::Username),
            vec![
                ("first_screen", "identifier:sign_in"),
                ("identifier", "email phone username"),
            ],
        ),
        (
            new().first_screen(FirstScreen::IdentifierRegister),
            vec![("first_screen", "identifier:register")],
        ),
        (
            new()
                .first_screen(FirstScreen::SingleSignOn)
                .identifier(Identifier::Email),
            vec![("first_screen", "single_sign_on")],
        ),
        (new().identifier(Identifier::Email), vec![]),
        (
            new().direct_sign_in(DirectSignIn::Social("github".into())),
            vec![("direct_sign_in", "social:github")],
        ),
        (
            new().direct_sign_in(DirectSignIn::Sso("c0nnect0r".into())),
            vec![("direct_sign_in", "sso:c0nnect0r")],
        ),
        (
            new()
                .login_hint("a+b&c@example.com")
                .one_time_token("once=&?")
                .ui_locales("de-DE en")
                .organization_id("acme5obvzg01"),
            vec![
                ("login_hint", "a+b&c@example.com"),
                ("one_time_token", "once=&?"),
                ("ui_locales", "de-DE en"),
                ("organization_id", "acme5obvzg01"),
            ],
        ),
        (new().prompt([Prompt::None]), vec![("prompt", "none")]),
        (
            new().prompt([Prompt::Login, Prompt::Consent]),
            vec![("prompt", "login consent")],
        ),
        (new().prompt([]), vec![("prompt", "")]),
        (
            new()
                .param("utm_source", "ü &=")
                .param("claims_locales", "de"),
            vec![("utm_source", "ü &="), ("claims_locales", "de")],
        ),
    ]
}

#[get("/start/<case>")]
fn start(case: usize, starts: &State<Vec<SignIn>>) -> SignIn {
    starts[case].clone()
}

#[rocket::async_test]
async fn what_a_handler_asks_for_is_sent() {
    let (sign_ins, changes): (Vec<_>, Vec<_>) = starts().into_iter().unzip();
    let rocket = rocket::build()
        .mount("/", routes![start])
        .manage(sign_ins.clone());
    let app = TestApp::start(rocket).await;
    for (case, changes) in changes.iter().enumerate() {
        let url = request(&app.app, &format!("/start/{case}")).await;
        let shown = format!("{:?}", sign_ins[case]);
        assert_eq!(parameters(&url), expected(&app.app, changes), "{shown}");
    }
}

#[rocket::async_test]
async fn a_free_parameter_replaces_nothing_of_the_protocol() {
    let reserved = [
        "client_id",
        "client_secret",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "nonce",
        "prompt",
        "redirect_uri",
        "request",
        "request_uri",
        "resource",
        "response_mode",
        "response_type",
        "scope",
        "state",
    ];
    let sign_ins: Vec<_> = reserved
        .iter()
        .map(|name| SignIn::new().param(*name, "evil"))
        .collect();
    let rocket = rocket::build().mount("/", routes![start]).manage(sign_ins);
    let app = TestApp::start(rocket).await;
    for (case, name) in reserved.iter().enumerate() {
        let url = request(&app.app, &format!("/start/{case}")).await;
        assert!(!url.as_str().contains("evil"), "{name}: {url}");
        assert_eq!(parameters(&url), expected(&app.app, &[]), "{name}");
    }
}

#[rocket::async_test]
async fn a_handlers_parameter_wins_over_the_configured_one() {
    let sign_ins = vec![SignIn::new().param("audience", "this one")];
    let rocket = rocket::build().mount("/", routes![start]).manage(sign_ins);
    let configured = keys([("audience", "that one".into()), ("tenant", "t".into())]);
    let logto = keys([("extra_params", configured.into())]);
    let app = TestApp::with(logto, rocket).await;
    let url = request(&app.app, "/start/0").await;
    let changes = [("audience", "this one"), ("tenant", "t")];
    assert_eq!(parameters(&url), expected(&app.app, &changes));
}

#[rocket::async_test]
async fn the_routes_take_typed_parameters_and_drop_the_rest() {
    let app = TestApp::start(pages()).await;
    let long = format!("/sign-in?login_hint={}", "a".repeat(513));
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)]);
    let cases: [Case; 26] = [
        ("/sign-up", &[("first_screen", "register")]),
        (
            "/sign-up?first_screen=sign_in&login_hint=a",
            &[("first_screen", "register"), ("login_hint", "a")],
        ),
        (
            "/sign-in?first_screen=register",
            &[("first_screen", "register")],
        ),
        (
            "/sign-in?first_screen=identifier%3Asign_in&identifier=email+phone",
            &[
                ("first_screen", "identifier:sign_in"),
                ("identifier", "email phone"),
            ],
        ),
        (
            "/sign-in?first_screen=reset_password&identifier=username",
            &[
                ("first_screen", "reset_password"),
                ("identifier", "username"),
            ],
        ),
        (
            "/sign-in?first_screen=single_sign_on",
            &[("first_screen", "single_sign_on")],
        ),
        (
            "/sign-in?direct_sign_in=social%3Agoogle",
            &[("direct_sign_in", "social:google")],
        ),
        (
            "/sign-in?direct_sign_in=sso:abc123",
            &[("direct_sign_in", "sso:abc123")],
        ),
        (
            "/sign-in?login_hint=a%2Bb%40example.com&one_time_token=t%3D%26",
            &[("login_hint", "a+b@example.com"), ("one_time_token", "t=&")],
        ),
        (
            "/sign-in?ui_locales=de+en&organization_id=acme",
            &[("ui_locales", "de en"), ("organization_id", "acme")],
        ),
        ("/sign-in?first_screen=Register", &[]),
        ("/sign-in?first_screen=", &[]),
        ("/sign-in?first_screen=register%00", &[]),
        (
            "/sign-in?first_screen=identifier%3Asign_in&identifier=email+fax",
            &[("first_screen", "identifier:sign_in")],
        ),
        ("/sign-in?identifier=email", &[]),
        (
            "/sign-in?first_screen=register&identifier=email",
            &[("first_screen", "register")],
        ),
        ("/sign-in?direct_sign_in=google", &[]),
        ("/sign-in?direct_sign_in=saml%3Ax", &[]),
        ("/sign-in?direct_sign_in=social%3A", &[]),
        ("/sign-in?direct_sign_in=social%3Aa+b", &[]),
        ("/sign-in?login_hint=", &[]),
        (&long, &[]),
        (
            "/sign-in?first_screen=nonsense&login_hint=kept",
            &[("login_hint", "kept")],
        ),
        ("/sign-in?interaction_mode=signUp&foo=bar", &[]),
        (
            "/sign-in?scope=evil&redirect_uri=https://evil.example&state=x&nonce=x&prompt=none",
            &[],
        ),
        ("/sign-in?%zz=&&=&%ff=%ff", &[]),
    ];
    for (path, changes) in cases {
        let url = request(&app.app, path).await;
        assert_eq!(parameters(&url), expected(&app.app, changes), "{path}");
    }
}
