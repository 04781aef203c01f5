//! Every recording of a real Logto, played again: the same request, with ids and tokens of
//! this provider in place of the recorded ones, has an answer of the same status, kind,
//! members and errors. A recording that is neither played nor excused here fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Map;

use super::third_parties::Host;
use super::*;

/// What the provider does not answer as it was recorded, and why.
const EXCUSED: [(&str, &str); 7] = [
    (
        "03-authorize-and-sign-in-chain",
        "Logto's sign-in pages and their API; here a page of buttons is in their place",
    ),
    (
        "e-signin-wrong-password",
        "the same API; nobody has a password here",
    ),
    (
        "e-signin-suspended-user",
        "the same API; a suspended user has no button to press",
    ),
    (
        "20b-third-party-consent-info",
        "the consent page of third-party applications",
    ),
    (
        "12f-always-issue-refresh-token",
        "an application's switch of that name, which is off",
    ),
    (
        "15-introspection-jwt-at",
        "Logto 1.41; since 1.42 it is 32-introspection-jwt",
    ),
    (
        "15-introspection-opaque-at",
        "Logto 1.41; since 1.42 it is 32-introspection-opaque",
    ),
];

/// Of the metadata: what the provider does not have, what only Logto 1.41 has, and what Logto
/// does not have.
const NOT_IN_METADATA: [&str; 3] = [
    "device_authorization_endpoint",
    "request_parameter_supported",
    "client_id_metadata_document_supported",
];

const MANAGEMENT: &str = "https://default.logto.app/api";
const INITECH: &str = "o3859f5elz3w";
const REFRESHABLE: u64 = 14 * 24 * 60 * 60;

#[tokio::test]
async fn every_recording_is_answered_as_logto_answered() {
    let mut played = 0;
    let mut failures = Vec::new();
    for (name, recording) in all() {
        if EXCUSED.iter().any(|(excused, _)| *excused == name) {
            continue;
        }
        let (recorded, answer) = play(&name, &recording).await;
        let mut found = compare(&recorded, &answer);
        found.extend(compare_tokens(&name, &recording, &answer));
        failures.extend(found.into_iter().map(|why| format!("{name}: {why}")));
        played += 1;
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(played > 100, "{played}");
}

#[test]
fn no_excuse_is_for_nothing() {
    let names: BTreeSet<String> = all().into_keys().collect();
    for (excused, why) in EXCUSED {
        assert!(names.contains(excused), "{excused}: {why}");
    }
}

/// All recordings by name, of both folders.
fn all() -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for folder in FOLDERS {
        let folder = format!("{}/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in fs::read_dir(&folder).expect("recordings") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let name = path.file_stem().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("a recording");
            let recording = serde_json::from_str(&text).expect("JSON");
            let twice = all.insert(name.clone().into_owned(), recording);
            assert!(twice.is_none(), "{name} is in both folders");
        }
    }
    all
}

/// A provider in the state the recording was made in, and its answer.
async fn play(name: &str, recording: &Value) -> (Value, Answer) {
    let text = recording.to_string();
    let is_public = name.starts_with("16") || name == "e-auth-spa-without-pkce";
    let world = World::with(|settings| {
        settings.redirect_uris = ["3000", "4099", "4010"]
            .map(|port| format!("http://localhost:{port}/callback"))
            .to_vec();
        settings.post_logout_redirect_uris = ["3000", "4099"]
            .map(|port| format!("http://localhost:{port}/"))
            .to_vec();
        settings.sid = text.contains("\"sid\"");
        settings.dynamic_registration = name.contains("third-party");
        settings.allow_token_exchange = name != "e-token-exchange-not-allowed-for-app";
        if is_public {
            settings.client_secret = None;
        }
    })
    .await;
    prepare_seed(&world, name, recording);
    match name {
        "20-third-party-token" | "e-auth-third-party-scope-not-allowed" => {
            let answer = as_third_party(&world, name).await;
            return (recording["response"].clone(), answer);
        }
        "19-backchannel-logout-request" | "37-backchannel-logout-request" => {
            return (Value::Null, logout_request(&world, name).await);
        }
        _ => {}
    }
    let steps = recording["steps"].as_array().cloned();
    let steps = steps.unwrap_or_else(|| vec![recording.clone()]);
    let mut values = BTreeMap::new();
    let cookie = prepare(&world, name, &steps[0]["request"], &mut values).await;
    if steps[0]["request"].is_null() {
        // Only what was in a token or a document was kept.
        return match recording.get("payload") {
            Some(_) => {
                let scope = match name {
                    "19a-id-token-of-backchannel-client" => "openid profile email",
                    _ => ALL_SCOPES,
                };
                let changes = [("resource", SHOPPING), ("scope", scope)];
                let tokens = world.tokens_for(user_of(name), &changes).await;
                (Value::Null, answer_with(tokens))
            }
            None => {
                let body = json_response(recording.clone());
                (
                    body,
                    world.get("/oidc/.well-known/openid-configuration").await,
                )
            }
        };
    }
    // Of a page that submits itself only where it leads to matters: with a hint, the
    // provider goes there at once.
    let leads_on = [
        "18-end-session-with-hint",
        "18g-end-session-without-idp-session",
    ];
    let request = replayed(&world, &steps[0]["request"], &values, cookie.as_deref());
    let answer = world.send(request).await;
    let last = steps.last().expect("a step")["response"].clone();
    match name {
        _ if leads_on.contains(&name) => (last, answer),
        "18d-end-session-client_id-only" => {
            assert_eq!((answer.status, 200), (200, 200), "it asks: {}", answer.text);
            let form = [
                ("client_id", "the-app"),
                ("post_logout_redirect_uri", "http://localhost:3000/"),
                ("state", "q"),
            ];
            let request = world.form("/oidc/session/end/confirm", &form);
            let request = request.header(COOKIE, cookie.expect("a session"));
            (last, world.send(request).await)
        }
        // The button of an account in place of Logto's own API.
        "e-auth-unknown-scope" => {
            let page = answer;
            assert_eq!(page.status, 200, "{}", page.text);
            let alice = "alice4hy6kz2";
            let interaction = interaction(&page.text);
            let form = [("interaction", interaction.as_str()), ("user", alice)];
            (last, world.post("/sign-in", &form).await)
        }
        _ => (steps[0]["response"].clone(), answer),
    }
}

/// The answer to a client that is somebody else's. There it was registered by an operator;
/// here it registers itself.
async fn as_third_party(world: &World, name: &str) -> Answer {
    let client = world
        .register(&serde_json::json!({
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": match name {
                "20-third-party-token" => "profile email",
                _ => "email",
            },
        }))
        .await
        .json();
    let [id, secret] = ["client_id", "client_secret"].map(|name| client[name].as_str().unwrap());
    let changes = [
        ("client_id", id),
        ("scope", "openid profile email offline_access"),
    ];
    if name.starts_with("e-auth") {
        return world.get(&world.auth_path(&changes)).await;
    }
    let code = world.allowed("alice", &changes).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let request = world.form("/oidc/token", &form);
    world
        .send(request.header(AUTHORIZATION, basic(id, secret)))
        .await
}

/// The logout token that the provider itself sends, as if it were an answer.
async fn logout_request(world: &World, name: &str) -> Answer {
    let app = Host::start().await;
    app.answers("200 OK", "", "");
    let uri = format!("{}/bc", app.origin);
    world.provider.set_backchannel_logout_uri(Some(uri));
    if name.starts_with("19") {
        world.provider.hooks().logout_tokens_without_exp();
    }
    let cookie = world.sign_in("alice", &[]).await.cookie();
    let form = world.form("/oidc/session/end/confirm", &[("client_id", "the-app")]);
    world.send(form.header(COOKIE, cookie)).await;
    let sent = async {
        while app.asked() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let sent = tokio::time::timeout(Duration::from_secs(10), sent).await;
    sent.expect("a request");
    let request = app.last_request();
    let (head, body) = request.split_once("\r\n\r\n").expect("a request");
    assert!(head.starts_with("POST /bc "), "{head}");
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    answer_with(serde_json::json!(form))
}

fn user_of(name: &str) -> &'static str {
    match name {
        "11-bob-token-no-email-no-name"
        | "11b-userinfo-bob-no-email-no-name"
        | "11c-bob-api-resource-token-read-only"
        | "09e-organization-token-member-without-role" => "bob",
        "08f-api-resource-token-without-scopes" => "zoe",
        _ => "alice",
    }
}

/// Users and organizations as they were when it was recorded: claims that are absent there
/// are absent here.
fn prepare_seed(world: &World, name: &str, recording: &Value) {
    let recorded = claims_in(recording);
    world.provider.edit_seed(|seed| {
        seed.organizations
            .push(SeedOrganization::new(INITECH, "Initech"));
        let Some(recorded) = recorded else {
            return;
        };
        let text = |name: &str| {
            recorded
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let user = seed.user_mut(user_of(name)).expect("a user");
        let profile = &mut user.profile;
        for (name, field) in [
            ("family_name", &mut profile.family_name),
            ("given_name", &mut profile.given_name),
            ("middle_name", &mut profile.middle_name),
            ("nickname", &mut profile.nickname),
            ("profile", &mut profile.profile),
            ("website", &mut profile.website),
            ("gender", &mut profile.gender),
            ("birthdate", &mut profile.birthdate),
            ("zoneinfo", &mut profile.zoneinfo),
            ("locale", &mut profile.locale),
        ] {
            *field = text(name);
        }
        user.name = text("name");
        user.picture = text("picture");
    });
}

/// The claims about a user in a recording, if it has any.
fn claims_in(recording: &Value) -> Option<&Map<String, Value>> {
    let places = [
        &recording["payload"],
        &recording["id_token_decoded"]["payload"],
        &recording["decoded"]["id_token"]["payload"],
        &recording["response"]["body"],
    ];
    let mut claims = places.into_iter().filter_map(Value::as_object);
    claims.find(|claims| claims.contains_key("sub") && claims.contains_key("updated_at"))
}

type Values = BTreeMap<&'static str, String>;

/// Does what came before the recorded request. Gives the browser's cookie, and puts into
/// `values` what stands in place of the recorded values.
async fn prepare(
    world: &World,
    name: &str,
    request: &Value,
    values: &mut Values,
) -> Option<String> {
    let url = request["url"].as_str().unwrap_or_default();
    let user = user_of(name);
    let resources = [
        ("resource", SHOPPING),
        ("resource", ORDERS),
        ("resource", ORGANIZATIONS),
    ];
    let is_token = url.ends_with("/oidc/token");
    let grant_type = request["form"]["grant_type"].as_str().unwrap_or_default();

    if url.contains("/api/") {
        values.insert("bearer", management_token(world).await);
        return None;
    }
    match name {
        // Rotated twice, whatever its name says: PS256 and RS256 only.
        "30-discovery-rsa-current-ec-previous"
        | "30-jwks-rsa-current"
        | "30-token-authorization-code-rs256" => {
            world.provider.rotate_keys(SigningAlg::Rs256);
            world.provider.rotate_keys(SigningAlg::Rs256);
        }
        "31-discovery-ec-current-rsa-previous" | "31-jwks-ec-current-rsa-previous" => {
            world.provider.rotate_keys(SigningAlg::Rs256);
            world.provider.rotate_keys(SigningAlg::Es384);
        }
        _ => {}
    }
    // Sign-in, as the recording says in its answer or in its request.
    let offline = [&resources[..], &[("scope", ALL_SCOPES)]].concat();
    let online = [("scope", "openid profile email"), ("prompt", "")];
    if is_token && grant_type == "authorization_code" {
        let changes: Vec<(&str, &str)> = match name {
            "12-token-openid-only-no-refresh" | "12d-token-client_secret_post" => {
                vec![("scope", "openid"), ("prompt", "")]
            }
            "12c-offline_access-without-prompt-consent" => {
                vec![("scope", "openid offline_access"), ("prompt", "")]
            }
            "12e-no-pkce-confidential" => vec![
                ("scope", "openid"),
                ("prompt", ""),
                ("code_challenge", ""),
                ("code_challenge_method", ""),
            ],
            "13c-id-token-with-max_age" => {
                vec![("scope", "openid"), ("prompt", ""), ("max_age", "3600")]
            }
            _ => offline.clone(),
        };
        let scope = scope_of(name);
        let mut changes = changes;
        if let Some(scope) = &scope {
            changes.retain(|(name, _)| *name != "scope");
            changes.push(("scope", scope));
        }
        if name.starts_with("30-") {
            changes.push(("redirect_uri", "http://localhost:4099/callback"));
        }
        let code = world.code(user, &changes).await;
        match name {
            "e-token-garbage-code" => return None,
            "e-token-expired-code" => world.provider.advance_clock(Duration::from_secs(61)),
            "e-token-reused-code" => drop(world.exchange(&code).await),
            _ => {}
        }
        values.insert("code", code);
        if name != "e-token-wrong-pkce-verifier" {
            values.insert("code_verifier", VERIFIER.into());
        }
        return None;
    }
    if is_token && grant_type == "refresh_token" {
        if name == "e-refresh-garbage" {
            return None;
        }
        let refresh_token = refresh_token(world, name, user, &offline).await;
        values.insert("refresh_token", refresh_token);
        return None;
    }
    if is_token && grant_type.ends_with("token-exchange") {
        let pat = "pat_alice_known_to_everyone".to_owned();
        match name {
            "e-token-exchange-bad-pat" => {}
            "33-token-exchange-impersonation"
            | "e-token-exchange-used-subject-token"
            | "e-token-exchange-not-allowed-for-app" => {
                let subject = subject_token(world).await;
                if name == "e-token-exchange-used-subject-token" {
                    let form = [
                        ("grant_type", grant_type),
                        ("subject_token", subject.as_str()),
                        (
                            "subject_token_type",
                            "urn:ietf:params:oauth:token-type:access_token",
                        ),
                    ];
                    assert_eq!(world.client_post("/oidc/token", &form).await.status, 200);
                }
                values.insert("subject_token", subject);
            }
            _ => drop(values.insert("subject_token", pat)),
        }
        if name == "e-token-exchange-application-access" {
            assert!(world.provider.set_access("alice", false));
        }
        return None;
    }
    if url.ends_with("/oidc/me") {
        prepare_userinfo(world, name, user, values).await;
        return None;
    }
    if url.contains("/oidc/token/") {
        let tokens = world.tokens(user).await;
        let shopping = world
            .refresh(&tokens["refresh_token"], &[("resource", SHOPPING)])
            .await
            .json();
        let token = match name {
            "15-introspection-garbage" => return None,
            "15-introspection-refresh" | "15c-revocation-refresh-token" => &tokens["refresh_token"],
            "15b-revocation-jwt-at" | "32-introspection-jwt" => &shopping["access_token"],
            _ => &tokens["access_token"],
        };
        values.insert("token", text(token));
        return None;
    }
    if url.contains("/oidc/session/end") {
        let signed_in = world.sign_in(user, &online).await;
        let tokens = world
            .exchange(&signed_in.location_params()["code"])
            .await
            .json();
        if url.contains("id_token_hint=") && name != "e-end-session-garbage-hint" {
            values.insert("id_token_hint", text(&tokens["id_token"]));
        }
        if name == "31-end-session-hint-of-other-key-type" {
            world.provider.rotate_keys(SigningAlg::Rs256);
            world.provider.rotate_keys(SigningAlg::Rs256);
        }
        let is_elsewhere = name == "18g-end-session-without-idp-session";
        return (!is_elsewhere).then(|| signed_in.cookie());
    }
    if url.contains("/oidc/auth") {
        let has_session = ["13-", "13b", "13d"]
            .iter()
            .any(|start| name.starts_with(start));
        if !has_session {
            return None;
        }
        let consented = [("scope", "openid profile"), ("prompt", "")];
        return Some(world.sign_in(user, &consented).await.cookie());
    }
    None
}

/// The scopes of the recorded sign-in, where its answer tells them all.
fn scope_of(name: &str) -> Option<String> {
    let recording = all().remove(name)?;
    let scope = recording["response"]["body"]["scope"].as_str()?;
    (scope.starts_with("openid") && !name.starts_with("12")).then(|| scope.to_owned())
}

async fn refresh_token(world: &World, name: &str, user: &str, offline: &[(&str, &str)]) -> String {
    let scope = scope_of(name).filter(|_| name.starts_with("07-") || name.starts_with("31-"));
    let mut changes = offline.to_vec();
    match name {
        "e-organization-token-missing-scope" => {
            changes.push(("scope", "openid offline_access"));
            changes.retain(|(name, value)| *name != "scope" || *value != ALL_SCOPES);
        }
        "e-refresh-resource-not-in-grant" => changes.retain(|(_, value)| *value != ORDERS),
        _ => {
            if let Some(scope) = &scope {
                changes.retain(|(name, _)| *name != "scope");
                changes.push(("scope", scope));
            }
        }
    }
    let code = world.code(user, &changes).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "the-app"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let exchange = || async {
        match world.provider.provider.settings.is_public() {
            true => world.post("/oidc/token", &form).await,
            false => world.exchange(&code).await,
        }
    };
    let tokens = exchange().await.json();
    let token = text(&tokens["refresh_token"]);
    // Confidential clients keep a refresh token for 70 % of its life.
    let grow_old = || {
        world
            .provider
            .advance_clock(Duration::from_secs(REFRESHABLE * 4 / 5))
    };
    match name {
        "07e-refresh-rotated-after-70pct-ttl" => grow_old(),
        "07f-refresh-reuse-old-immediately" => {
            grow_old();
            world.refresh(&tokens["refresh_token"], &[]).await;
        }
        "e-refresh-reuse-rotated-token" => {
            grow_old();
            world.refresh(&tokens["refresh_token"], &[]).await;
            world.provider.advance_clock(Duration::from_secs(10));
        }
        "e-refresh-new-token-after-reuse-detection" => {
            grow_old();
            let new = world.refresh(&tokens["refresh_token"], &[]).await.json();
            world.provider.advance_clock(Duration::from_secs(10));
            world.refresh(&tokens["refresh_token"], &[]).await;
            return text(&new["refresh_token"]);
        }
        "18b-refresh-after-end-session" => world.provider.end_sessions(),
        "e-refresh-after-code-reuse" => drop(exchange().await),
        "e-refresh-after-revocation" => {
            let form = [("token", token.as_str())];
            world.client_post("/oidc/token/revocation", &form).await;
        }
        "e-refresh-deleted-user" => drop(world.post("/delete", &[("user", "alice4hy6kz2")]).await),
        "e-refresh-suspended-user" => assert!(world.provider.suspend("alice", true)),
        "31-refresh-after-key-type-change" => {
            world.provider.rotate_keys(SigningAlg::Rs256);
            world.provider.rotate_keys(SigningAlg::Es384);
        }
        _ if name.contains("access-taken-back") => {
            assert!(world.provider.set_access("alice", false));
        }
        _ => {}
    }
    token
}

async fn prepare_userinfo(world: &World, name: &str, user: &str, values: &mut Values) {
    let scopes = match name {
        "12b-userinfo-openid-only" => "openid",
        "18e-userinfo-after-end-session-no-offline_access" => "openid profile",
        "36-userinfo-application-access-taken-back" => {
            "openid offline_access profile email urn:logto:scope:organizations"
        }
        _ => ALL_SCOPES,
    };
    if ["e-userinfo-garbage-token", "e-userinfo-no-token"].contains(&name) {
        return;
    }
    let scope = match name {
        "06-userinfo-full-alice" | "06b-userinfo-post" => ALL_SCOPES.to_owned(),
        _ => userinfo_scopes(name).unwrap_or_else(|| scopes.to_owned()),
    };
    let consent = if scope.contains("offline_access") {
        "consent"
    } else {
        ""
    };
    let changes = [
        ("resource", SHOPPING),
        ("resource", ORGANIZATIONS),
        ("scope", scope.as_str()),
        ("prompt", consent),
    ];
    let code = world.code(user, &changes).await;
    let tokens = world.exchange(&code).await.json();
    let mut token = text(&tokens["access_token"]);
    match name {
        "07c-userinfo-downscoped" => {
            let narrow = [("scope", "openid email")];
            let narrow = world
                .refresh(&tokens["refresh_token"], &narrow)
                .await
                .json();
            token = text(&narrow["access_token"]);
        }
        "08b-userinfo-with-resource-jwt" => {
            let shopping = [("resource", SHOPPING)];
            let shopping = world
                .refresh(&tokens["refresh_token"], &shopping)
                .await
                .json();
            token = text(&shopping["access_token"]);
        }
        _ if name.starts_with("18") => world.provider.end_sessions(),
        "36-userinfo-application-access-taken-back" => {
            assert!(world.provider.set_access("alice", false));
        }
        "e-userinfo-after-code-reuse" => drop(world.exchange(&code).await),
        "e-userinfo-deleted-user" => drop(world.post("/delete", &[("user", "alice4hy6kz2")]).await),
        "e-userinfo-suspended-user" => assert!(world.provider.suspend("alice", true)),
        _ => {}
    }
    values.insert("bearer", token);
}

/// Which scopes the recorded claims are of.
fn userinfo_scopes(name: &str) -> Option<String> {
    let recording = all().remove(name)?;
    let claims = recording["response"]["body"].as_object()?.clone();
    if !claims.contains_key("sub") || name == "07c-userinfo-downscoped" {
        return None;
    }
    let of = [
        ("username", "profile"),
        ("email", "email"),
        ("phone_number", "phone"),
        ("address", "address"),
        ("custom_data", "custom_data"),
        ("identities", "identities"),
        ("roles", "roles"),
        ("organizations", "urn:logto:scope:organizations"),
        ("organization_roles", "urn:logto:scope:organization_roles"),
    ];
    let known = of.iter().filter(|(claim, _)| claims.contains_key(*claim));
    let scopes: Vec<&str> = known.map(|(_, scope)| *scope).collect();
    let offline = if name.starts_with("12b") {
        ""
    } else {
        " offline_access"
    };
    Some(
        format!("openid{offline} {}", scopes.join(" "))
            .trim()
            .to_owned(),
    )
}

async fn management_token(world: &World) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", MANAGEMENT),
        ("scope", "all"),
    ];
    text(&world.machine(&form).await.json()["access_token"])
}

async fn subject_token(world: &World) -> String {
    let url = format!("{}/api/subject-tokens", world.provider.endpoint());
    let request = world
        .http
        .post(url)
        .bearer_auth(management_token(world).await);
    let request = request.body(r#"{"userId":"bob7d4dc6y32"}"#);
    text(&world.send(request).await.json()["subjectToken"])
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// What stands here in place of a recorded id.
fn ours(value: &str) -> String {
    match value {
        "sz2oitlz9q69aql9v71p5"
        | "l3f3uuiew5zolndm691of"
        | "2lqbtv74rg9sb1cvvg2z1"
        | "jutgrcyq1oso5kl2pwvxl" => "the-app".into(),
        "k7mx3p8qsy3xpsdcbekwv" | "e6vj1cda3nppdgitcqaqe" => "dev-machine".into(),
        "nQMKsVNfP4BdtYhRYKmIMxRRCAnyeQci" => SECRET.into(),
        "https://shopping.example.com/api" => SHOPPING.into(),
        "https://orders.example.com/api" => ORDERS.into(),
        "5inncy8obvzg" | "2diuzwye1jco" => "acme5obvzg01".into(),
        "zphqtmfrcji1" | "ibi6babuh097" => "globexfrcji1".into(),
        "qcw1a16z5jxs" | "96i6pz9i08m2" => "alice4hy6kz2".into(),
        "x8aotgymmfxk" => "bob7d4dc6y32".into(),
        other => other.to_owned(),
    }
}

const SECRET: &str = "s3cret: +%&";

/// The recorded request, at this provider.
fn replayed(
    world: &World,
    request: &Value,
    values: &Values,
    cookie: Option<&str>,
) -> reqwest::RequestBuilder {
    let url = Url::parse(request["url"].as_str().expect("a URL")).expect("a URL");
    let value =
        |name: &str, recorded: &str| values.get(name).cloned().unwrap_or_else(|| ours(recorded));
    let path: Vec<String> = url.path().split('/').map(ours).collect();
    let mut target = Url::parse(&world.provider.endpoint()).expect("an endpoint");
    target.set_path(&path.join("/"));
    if url.query().is_some() {
        let pairs = url.query_pairs().map(|(name, recorded)| {
            let value = value(&name, &recorded);
            (name.into_owned(), value)
        });
        target
            .query_pairs_mut()
            .extend_pairs(pairs.collect::<Vec<_>>());
    }
    let method = request["method"].as_str().expect("a method");
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let mut replayed = world.http.request(method, target);
    for (name, header) in request["headers"].as_object().into_iter().flatten() {
        let header = header.as_str().expect("a header");
        let header = match header.split_once(' ') {
            _ if ["host", "content-length", "cookie"].contains(&name.as_str()) => continue,
            Some(("Bearer", recorded)) => format!("Bearer {}", value("bearer", recorded)),
            Some(("Basic", recorded)) => credentials(recorded),
            _ => header.to_owned(),
        };
        replayed = replayed.header(name, header);
    }
    if let Some(cookie) = cookie {
        replayed = replayed.header(COOKIE, cookie);
    }
    // A form has its order; the objects of the recording have not.
    let body = request["body"].as_str().unwrap_or_default();
    let body = match request["form"].is_object() {
        false => body.replace("x8aotgymmfxk", "bob7d4dc6y32"),
        true => {
            let pairs = url::form_urlencoded::parse(body.as_bytes());
            let pairs = pairs.map(|(name, recorded)| {
                let value = value(&name, &recorded);
                (name.into_owned(), value)
            });
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(pairs.collect::<Vec<_>>()).finish()
        }
    };
    replayed.body(body)
}

/// The credentials of our clients in place of the recorded ones; wrong ones stay wrong.
fn credentials(recorded: &str) -> String {
    let decoded = String::from_utf8(STANDARD.decode(recorded).expect("base64")).expect("text");
    let (id, secret) = decoded.split_once(':').expect("a pair");
    match (ours(id).as_str(), secret) {
        (id, "wrong" | "wrong-secret" | "x") => basic(id, secret),
        ("the-app", _) => basic("the-app", SECRET),
        ("dev-machine", _) => basic("dev-machine", "dev-machine-secret-known-to-everyone"),
        (id, secret) => basic(id, secret),
    }
}

fn json_response(body: Value) -> Value {
    let headers = serde_json::json!({ "content-type": "application/json; charset=utf-8" });
    serde_json::json!({ "status": 200, "headers": headers, "body": body })
}

fn answer_with(body: Value) -> Answer {
    Answer {
        status: 200,
        headers: HeaderMap::new(),
        text: body.to_string(),
    }
}

/// What differs of two answers that should be of one kind.
fn compare(recorded: &Value, answer: &Answer) -> Vec<String> {
    let mut differs = Vec::new();
    if recorded.is_null() {
        return differs;
    }
    let mut same = |what: &str, theirs: String, ours: String| {
        if theirs != ours {
            differs.push(format!(
                "{what}: recorded {theirs}, here {ours} ({})",
                answer.text
            ));
        }
    };
    same(
        "status",
        recorded["status"].to_string(),
        answer.status.to_string(),
    );
    let kind = |text: &str| text.split(';').next().unwrap_or_default().to_owned();
    let recorded_type = recorded["headers"]["content-type"].as_str();
    let is_redirect = recorded["headers"]["location"].is_string();
    if let Some(recorded_type) = recorded_type.filter(|_| !is_redirect) {
        let body_is_empty = recorded["body"].as_str().is_some_and(str::is_empty);
        if !body_is_empty {
            same(
                "content type",
                kind(recorded_type),
                kind(answer.header("content-type")),
            );
        }
    }
    let scheme = |challenge: &str| {
        let scheme = challenge.split(' ').next().unwrap_or_default();
        let has_error = challenge.contains("error=");
        format!("{scheme} {has_error}")
    };
    let challenge = recorded["headers"]["www-authenticate"].as_str();
    same(
        "challenge",
        scheme(challenge.unwrap_or_default()),
        scheme(answer.header("www-authenticate")),
    );
    if is_redirect {
        let location = text(&recorded["headers"]["location"]);
        let location = Url::parse(&location).expect("a location");
        same("location", told(&location), told(&answer.location()));
        return differs;
    }
    match &recorded["body"] {
        Value::Object(_) if answer.header("content-type").contains("json") => {
            compare_objects(&recorded["body"], &answer.json(), &mut differs);
        }
        Value::Array(theirs) => match answer.json() {
            Value::Array(ours) if ours.len() == theirs.len() => {
                for (theirs, ours) in theirs.iter().zip(&ours) {
                    compare_objects(theirs, ours, &mut differs);
                }
            }
            other => differs.push(format!(
                "a list of {} is recorded, here {other}",
                theirs.len()
            )),
        },
        _ => {}
    }
    differs
}

/// Of a redirect: the address, the parameters, and what an error says.
fn told(location: &Url) -> String {
    let address = &location[..url::Position::AfterPath];
    let fragment = location.fragment().unwrap_or_default();
    let pairs = url::form_urlencoded::parse(fragment.as_bytes()).chain(location.query_pairs());
    let told = pairs.map(|(name, value)| match &*name {
        "error" | "error_description" | "scope" => format!("{name}={value}"),
        _ => name.into_owned(),
    });
    let told: BTreeSet<String> = told.collect();
    format!(
        "{address} {told:?} fragment {}",
        location.fragment().is_some()
    )
}

fn compare_objects(theirs: &Value, ours: &Value, differs: &mut Vec<String>) {
    let is_metadata = theirs["issuer"].is_string();
    let mut recorded = shape(theirs);
    if is_metadata {
        recorded.retain(|(name, _)| !NOT_IN_METADATA.contains(&name.as_str()));
    }
    let mut found = shape(ours);
    found.retain(|(name, _)| !(is_metadata && NOT_IN_METADATA.contains(&name.as_str())));
    if recorded != found {
        let only = |of: &[(String, &str)], not: &[(String, &str)]| {
            let only = of.iter().filter(|member| !not.contains(member));
            only.map(|(name, kind)| format!("{name} ({kind})"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (theirs, ours) = (only(&recorded, &found), only(&found, &recorded));
        differs.push(format!(
            "members: only recorded [{theirs}], only here [{ours}]"
        ));
    }
    for name in [
        "error",
        "error_description",
        "code",
        "message",
        "error_uri",
        "token_type",
    ] {
        let is_random = name == "message" && theirs.get("error").is_none();
        if !is_random && theirs.get(name) != ours.get(name) {
            let (theirs, ours) = (theirs.get(name), ours.get(name));
            differs.push(format!("{name}: recorded {theirs:?}, here {ours:?}"));
        }
    }
    if is_metadata {
        let name = "id_token_signing_alg_values_supported";
        let theirs: BTreeSet<String> = serde_json::from_value(theirs[name].clone()).expect("names");
        let ours: BTreeSet<String> = serde_json::from_value(ours[name].clone()).expect("names");
        if theirs != ours {
            differs.push(format!("{name}: recorded {theirs:?}, here {ours:?}"));
        }
    }
    if let (Some(theirs), Some(ours)) = (theirs["keys"].as_array(), ours["keys"].as_array()) {
        let kinds = |keys: &[Value]| {
            let kinds = keys.iter().map(|key| key["kty"].to_string());
            kinds.collect::<Vec<_>>().join(" ")
        };
        if kinds(theirs) != kinds(ours) {
            differs.push(format!(
                "keys: recorded {}, here {}",
                kinds(theirs),
                kinds(ours)
            ));
        }
    }
}

/// The tokens in an answer have the claims of the recorded ones.
fn compare_tokens(name: &str, recording: &Value, answer: &Answer) -> Vec<String> {
    let mut differs = Vec::new();
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    for token in ["id_token", "access_token", "logout_token"] {
        let places = [
            recording.get(format!("{token}_decoded")),
            recording["decoded"].get(token),
            Some(recording).filter(|it| token == "id_token" && it.get("payload").is_some()),
        ];
        let Some(theirs) = places
            .into_iter()
            .flatten()
            .find(|it| it["payload"].is_object())
        else {
            continue;
        };
        let Some(ours) = body[token].as_str() else {
            differs.push(format!("{token}: recorded, and missing here"));
            continue;
        };
        let (header, claims) = decoded(ours);
        let (mut theirs_claims, mut ours_claims) = (shape(&theirs["payload"]), shape(&claims));
        // Of 1.42 on plain oidc-provider: neither is there.
        let is_new = theirs["header"].get("typ").is_none() && token == "id_token";
        for claims in [&mut theirs_claims, &mut ours_claims] {
            claims.retain(|(name, _)| !(is_new && name == "at_hash"));
        }
        if theirs_claims != ours_claims {
            let only = |of: &[(String, &str)], not: &[(String, &str)]| {
                let only = of.iter().filter(|member| !not.contains(member));
                only.map(|(name, kind)| format!("{name} ({kind})"))
                    .collect::<Vec<_>>()
            };
            let (theirs, ours) = (
                only(&theirs_claims, &ours_claims),
                only(&ours_claims, &theirs_claims),
            );
            differs.push(format!(
                "claims of {token}: only recorded {theirs:?}, only here {ours:?}"
            ));
        }
        for member in ["alg", "typ"]
            .iter()
            .filter(|member| !(is_new && **member == "typ"))
        {
            if theirs["header"].get(member) != header.get(member) {
                let (theirs, ours) = (&theirs["header"], &header);
                differs.push(format!("header of {token}: recorded {theirs}, here {ours}"));
            }
        }
        // An empty set of scopes is one: `""`.
        let is_empty = |claims: &Value| claims["scope"].as_str().map(str::is_empty);
        if token == "access_token" && is_empty(&theirs["payload"]) != is_empty(&claims) {
            differs.push(format!(
                "scope of {name}: recorded {}, here {claims}",
                theirs["payload"]
            ));
        }
    }
    differs
}
