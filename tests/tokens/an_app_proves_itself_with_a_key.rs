//! `private_key_jwt` (RFC 7523): at every endpoint that authenticates clients the app
//! proves itself by a JWT that it has signed, with a new one for each request, and
//! nothing that could be used again leaves it.

use logto_dev_provider::{DevProvider, Endpoint, SeedMachine, Settings};
use rocket::figment::value::{Dict, Value};
use rocket::serde::json::{Value as Json, json};
use rocket::{Build, Rocket, State, get, post, routes};
use rocket_logto::{
    AccessToken, Bearer, Error, Logto, LogtoService, MachineToken, SubjectToken, TokenFor, User,
};

use crate::support::api_app::{ApiApp, PERSONAL_ACCESS_TOKEN};
use crate::support::app::{ALICE, CLIENT_ID, CLIENT_SECRET, TestApp, absent, keys, settings};
use crate::support::browser::{Browser, Response};
use crate::support::client_key::{ALGORITHMS, ClientKey, Proven, are_proven};
use crate::support::log::{lines_with, reason_of};
use crate::support::refusal::reference;
use crate::support::signer::header_of;
use crate::support::targets::{Read, SHOPPING, Shopping};

const ROBOT: &str = "robot";

#[get("/protected")]
fn protected(user: User) -> String {
    user.sub().to_owned()
}

#[get("/shopping")]
fn shopping(token: AccessToken<Shopping>) -> String {
    token.scopes().collect()
}

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

#[get("/machine")]
fn machine(token: MachineToken<Read>) -> String {
    token.scopes().collect()
}

#[get("/personal")]
async fn personal(logto: &State<LogtoService>) -> Result<String, Error> {
    let token = SubjectToken::personal_access_token(PERSONAL_ACCESS_TOKEN);
    let wanted = TokenFor::resource(SHOPPING).scope("read");
    let token = logto.exchange_token(token, wanted).await?;
    Ok(token.scopes().collect())
}

fn rocket() -> Rocket<Build> {
    let handlers = routes![protected, shopping, refresh, cart, machine, personal];
    rocket::build().mount("/", handlers)
}

/// A provider that knows the app by one key and the machine by the other.
fn registered(app: &ClientKey, machine: &ClientKey) -> Settings {
    let mut settings = settings();
    settings.offers_par = true;
    settings.client_secret = None;
    settings.client_jwks = vec![app.public_jwk()];
    let mut robot = SeedMachine::new(ROBOT, "");
    robot.jwks = vec![machine.public_jwk()];
    robot.roles = vec!["shopper".into()];
    settings.seed.machines.push(robot);
    settings
}

fn robot(key_file: String, alg: &str) -> Value {
    let members = [
        ("app_id", ROBOT),
        ("app_key_file", &key_file),
        ("app_key_alg", alg),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::from(Dict::from(members))
}

fn table(key_file: String, machine: Value) -> Dict {
    keys([
        ("app_secret", absent()),
        ("app_key_file", key_file.into()),
        ("machine", machine),
        ("scopes", vec!["read"].into()),
        ("resources", vec![SHOPPING].into()),
        ("introspect_opaque_tokens", true.into()),
    ])
}

async fn page(app: &TestApp, browser: &Browser, path: &str) -> String {
    let page = browser.navigate(app.url(path)).await;
    assert_eq!(page.status(), 200, "{path}: {}", page.text());
    page.text()
}

/// What came to the endpoints that authenticate clients, in a whole session of Alice's.
async fn session(app: &TestApp) -> Vec<Proven> {
    let browser = Browser::new();
    let signed_in = app.sign_in(&browser, "/protected", ALICE).await;
    assert_eq!(signed_in.text(), ALICE);
    assert_eq!(page(app, &browser, "/shopping").await, "read");
    let refreshed = browser.post_form(app.url("/refresh"), &[]).await;
    assert_eq!(refreshed.text(), ALICE);
    assert_eq!(page(app, &browser, "/personal").await, "read");
    let cart = Browser::new();
    let cart = cart.request(reqwest::Method::GET, app.url("/cart"));
    let cart = cart
        .header("authorization", "Bearer an-opaque-token")
        .send()
        .await;
    assert_eq!(cart.status(), 401, "{}", cart.text());
    let sign_out = browser.post_form(app.url("/sign-out"), &[]).await;
    assert_eq!(sign_out.status(), 303, "{}", sign_out.text());
    let endpoints = [
        (Endpoint::PushedAuth, 1),
        // Of the code, the resource, the refresh and the exchange.
        (Endpoint::Token, 4),
        (Endpoint::Introspection, 1),
        (Endpoint::Revocation, 1),
    ];
    let mut all = Vec::new();
    for (endpoint, count) in endpoints {
        let received = app.provider.requests_to(endpoint);
        assert_eq!(received.len(), count, "{endpoint:?}: {received:#?}");
        all.extend(received.iter().map(Proven::from));
    }
    all
}

#[rocket::async_test]
async fn at_every_endpoint_by_every_algorithm() {
    for alg in ALGORITHMS {
        let (own, of_robot) = (ClientKey::make(alg), ClientKey::make(alg));
        let mut logto = table(own.pkcs8(), robot(of_robot.pkcs8(), alg));
        logto.insert("app_key_alg".into(), alg.into());
        let app = TestApp::with_settings(registered(&own, &of_robot), logto, rocket()).await;
        let issuer = app.provider.issuer();
        let requests = session(&app).await;
        are_proven(&requests, &own, alg, CLIENT_ID, &issuer);

        app.provider.clear_requests();
        assert_eq!(page(&app, &Browser::new(), "/machine").await, "read");
        let machine = app.provider.requests_to(Endpoint::Token);
        assert_eq!(machine.len(), 1);
        let machine: Vec<_> = machine.iter().map(Proven::from).collect();
        are_proven(&machine, &of_robot, alg, ROBOT, &issuer);
        // The operator has to know what to register.
        let line = format!(
            "client {CLIENT_ID} proves itself with its key, kid {}",
            own.thumbprint()
        );
        assert_eq!(lines_with(&line).len(), 1, "{line}");
    }
}

#[rocket::async_test]
async fn the_assertion_can_name_the_token_endpoint_everywhere() {
    let (own, of_robot) = (ClientKey::make("ES256"), ClientKey::make("ES256"));
    let mut logto = table(own.pkcs8(), robot(of_robot.pkcs8(), "ES256"));
    logto.insert("client_assertion_audience".into(), "token_endpoint".into());
    let app = TestApp::with_settings(registered(&own, &of_robot), logto, rocket()).await;
    let requests = session(&app).await;
    let audience = format!("{}/token", app.provider.issuer());
    are_proven(&requests, &own, "ES256", CLIENT_ID, &audience);
}

/// The method decides: keys can be rolled out before they count.
#[rocket::async_test]
async fn of_a_secret_and_a_key_the_one_counts_that_the_method_names() {
    let (own, of_robot) = (ClientKey::make("ES256"), ClientKey::make("ES256"));
    for (method, by_key) in [
        ("private_key_jwt", true),
        ("client_secret_basic", false),
        ("client_secret_post", false),
    ] {
        let mut settings = registered(&own, &of_robot);
        settings.client_secret = Some(CLIENT_SECRET.into());
        let mut logto = table(own.pkcs8(), robot(of_robot.pkcs8(), "ES256"));
        logto.insert("app_secret".into(), CLIENT_SECRET.into());
        logto.insert("token_endpoint_auth_method".into(), method.into());
        let app = TestApp::with_settings(settings, logto, rocket()).await;
        for request in session(&app).await {
            let path = &request.path;
            assert_eq!(
                request.value("client_assertion").is_some(),
                by_key,
                "{method} {path}"
            );
            let basic = request.authorization.is_some();
            assert_eq!(basic, method == "client_secret_basic", "{method} {path}");
            let post = request.value("client_secret").is_some();
            assert_eq!(post, method == "client_secret_post", "{method} {path}");
        }
        // The machine has nothing but its key.
        app.provider.clear_requests();
        assert_eq!(page(&app, &Browser::new(), "/machine").await, "read");
        let machine = &app.provider.requests_to(Endpoint::Token)[0];
        assert!(machine.form_value("client_assertion").is_some(), "{method}");
    }
}

#[rocket::async_test]
async fn a_key_that_is_not_registered_signs_nobody_in() {
    let (own, other) = (ClientKey::make("ES256"), ClientKey::make("ES256"));
    let logto = table(other.pkcs8(), robot(other.pkcs8(), "ES256"));
    let app = TestApp::with_settings(registered(&own, &own), logto, rocket()).await;
    let page = Browser::new().navigate(app.url("/sign-in")).await;
    assert_eq!(page.status(), 500, "{}", page.text());
    let reference = reference(&page);
    assert_eq!(reason_of(&reference), "pushed_request_oidc.invalid_client");
    let line = lines_with(&reference).join("");
    assert!(line.contains("no registered key has this kid"), "{line}");
}

/// A service that calls an API, as its operator has its key: in this file, with these
/// keys of the `machine` table besides.
async fn service(provider: Settings, machine: Value) -> (ApiApp, Response) {
    let provider = DevProvider::start(provider).await.expect("a provider");
    let logto = keys([("machine", machine)]);
    let rocket = rocket::build()
        .mount("/", routes![machine_token, forget])
        .attach(Logto::api());
    let app = ApiApp::attached(provider, logto, rocket).await;
    let answer = Browser::new().fetch_json(app.url("/token")).await;
    (app, answer)
}

#[get("/token")]
fn machine_token(token: MachineToken<Read>) -> Json {
    json!({ "scopes": token.scopes().collect::<Vec<_>>() })
}

#[post("/forget")]
fn forget(logto: &State<LogtoService>) {
    logto.forget_machine_tokens();
}

#[rocket::async_test]
async fn a_key_is_read_from_any_format() {
    let cases: [(&str, &str, fn(&ClientKey) -> String); 8] = [
        ("PKCS #8", "", |key| key.pkcs8()),
        ("SEC1 or PKCS #1", "", |key| key.traditional()),
        ("a curve's parameters before the key", "", |key| {
            key.openssl(&["ecparam", "-name", "prime256v1", "-out", "parameters.pem"]);
            let both = key.text("parameters.pem") + &key.text("pkcs8.pem");
            key.file("both.pem", both)
        }),
        (
            "a certificate beside it, Windows line ends, text around",
            "",
            |key| {
                let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
                let text = format!(
                    "Bag Attributes: <none>\n{certificate}{}",
                    key.text("pkcs8.pem")
                );
                key.file("bundle.pem", text.replace('\n', "\r\n"))
            },
        ),
        ("a JWK", "", |key| key.jwk_file(json!({ "use": "sig" }))),
        ("a JWK with a name of its own", "k1", |key| {
            key.jwk_file(json!({ "kid": "k1" }))
        }),
        ("a JWK with a byte order mark and padding", "", |key| {
            let text = key.jwk(json!({ "key_ops": ["sign"] })).to_string();
            key.file("marked.jwk", format!("\u{feff}\n{text}\n"))
        }),
        ("a set", "k2", |key| {
            let set = json!({ "keys": [key.public_jwk(), key.jwk(json!({ "kid": "k2" }))] });
            key.file("set.json", set.to_string())
        }),
    ];
    for alg in ["ES256", "ES384", "RS256", "EdDSA"] {
        let key = ClientKey::make(alg);
        for (case, kid, file) in cases {
            // These have the one format only.
            if alg == "EdDSA" && case.starts_with("SEC1") {
                continue;
            }
            let mut provider = registered(&key, &key);
            let kid = if kid.is_empty() {
                key.thumbprint()
            } else {
                kid.into()
            };
            let machines = &mut provider.seed.machines;
            let known = machines.iter_mut().find(|machine| machine.id == ROBOT);
            known.expect("the robot").jwks[0]["kid"] = kid.clone().into();
            let members = keys([
                ("app_id", ROBOT.into()),
                ("app_key_file", file(&key).into()),
            ]);
            let (app, answer) = service(provider, members.into()).await;
            assert_eq!(answer.status(), 200, "{alg}, {case}: {}", answer.text());
            let request = &app.token_requests()[0];
            let assertion = request
                .form_value("client_assertion")
                .expect("an assertion");
            assert_eq!(header_of(assertion)["kid"], kid, "{alg}, {case}");
        }
    }
}

/// The configuration pins it, else the JWK does, else it is one that the provider
/// announces.
#[rocket::async_test]
async fn the_algorithm_is_the_one_that_is_written_or_announced() {
    let key = ClientKey::make("RS256");
    let cases = [
        (None, json!({}), json!(["ES256", "PS256"]), "PS256"),
        (None, json!({}), json!(["PS256", "RS256"]), "RS256"),
        (None, json!({}), json!(null), "RS256"),
        // What the provider says of itself may be wrong: it is asked all the same.
        (None, json!({}), json!(["HS256"]), "RS256"),
        (
            None,
            json!({ "alg": "PS256" }),
            json!(["PS256", "RS256"]),
            "PS256",
        ),
        (Some("PS256"), json!({}), json!(["RS256"]), "PS256"),
        (
            Some("PS256"),
            json!({ "alg": "PS256" }),
            json!(null),
            "PS256",
        ),
    ];
    for (pinned, members, announced, alg) in cases {
        let provider = DevProvider::start(registered(&key, &key))
            .await
            .expect("a provider");
        let names = announced.clone();
        provider
            .hooks()
            .respond(Endpoint::Discovery, move |_, reply| {
                reply.edit_json(|metadata| {
                    metadata["token_endpoint_auth_signing_alg_values_supported"] = names.clone();
                });
            });
        let mut machine = keys([
            ("app_id", ROBOT.into()),
            ("app_key_file", key.jwk_file(members.clone()).into()),
        ]);
        if let Some(alg) = pinned {
            machine.insert("app_key_alg".into(), alg.into());
        }
        let rocket = rocket::build()
            .mount("/", routes![machine_token])
            .attach(Logto::api());
        let logto = keys([("machine", machine.into())]);
        let app = ApiApp::attached(provider, logto, rocket).await;
        let answer = Browser::new().fetch_json(app.url("/token")).await;
        assert_eq!(
            answer.status(),
            200,
            "{pinned:?} {members} {announced}: {}",
            answer.text()
        );
        let request = &app.token_requests()[0];
        let assertion = request
            .form_value("client_assertion")
            .expect("an assertion");
        key.verified(assertion, alg);
    }
}

/// Entra ID finds a key by its certificate.
#[rocket::async_test]
async fn a_certificate_beside_the_key_is_named() {
    let key = ClientKey::make("RS256");
    let request = [
        "req",
        "-x509",
        "-key",
        "pkcs8.pem",
        "-subj",
        "/CN=robot",
        "-out",
        "cert.pem",
    ];
    key.openssl(&request);
    key.openssl(&[
        "x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der",
    ]);
    let der = std::fs::read(key.path("cert.der")).expect("a certificate");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
    let both = key.file("both.pem", key.text("cert.pem") + &key.text("pkcs8.pem"));
    let members = keys([("app_id", ROBOT.into()), ("app_key_file", both.into())]);
    let (app, answer) = service(registered(&key, &key), members.into()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let request = &app.token_requests()[0];
    let assertion = request
        .form_value("client_assertion")
        .expect("an assertion");
    let thumbprint = crate::support::signer::base64url(hash.as_ref());
    assert_eq!(header_of(assertion)["x5t#S256"], thumbprint);
}

/// A new key counts from the next launch on.
#[rocket::async_test]
async fn a_key_file_is_read_once() {
    let (first, second) = (ClientKey::make("ES256"), ClientKey::make("ES256"));
    let file = first.file("current.pem", first.text("pkcs8.pem"));
    let members = || {
        keys([
            ("app_id", ROBOT.into()),
            ("app_key_file", file.clone().into()),
        ])
    };
    let provider = || registered(&first, &first);
    let (app, answer) = service(provider(), members().into()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    std::fs::write(&file, second.text("pkcs8.pem")).expect("a file");
    // With another file in its place the app goes on with the key it has read.
    let browser = Browser::new();
    let forgotten = browser.post_form(app.url("/forget"), &[]).await;
    assert_eq!(forgotten.status(), 200);
    let again = browser.fetch_json(app.url("/token")).await;
    assert_eq!(again.status(), 200, "{}", again.text());
    assert_eq!(app.token_requests().len(), 2);
    let (_, answer) = service(provider(), members().into()).await;
    assert_eq!(answer.status(), 500, "{}", answer.text());
    let (_, answer) = service(registered(&second, &second), members().into()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}
