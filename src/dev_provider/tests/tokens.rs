//! The token and userinfo endpoints.

use super::*;

/// The names in an object and the JSON type of each: what of a claim set does
/// not depend on who the user is.
fn shape(object: &Value) -> Vec<(String, &'static str)> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let mut shape: Vec<_> = object
        .as_object()
        .unwrap()
        .iter()
        .map(|(n, v)| (n.clone(), kind(v)))
        .collect();
    shape.sort();
    shape
}

#[rocket::async_test]
async fn claims_are_absent_and_null_as_at_logto() {
    let world = World::new().await;
    let alice = world.tokens("alice").await;
    let (_, id_token) = decoded(alice["id_token"].as_str().unwrap());
    let recorded_id_token: Value = serde_json::from_str(include_str!(
        "../../../tests/fixtures/logto/05-id-token-decoded.json"
    ))
    .unwrap();
    assert_eq!(shape(&id_token), shape(&recorded_id_token["payload"]));
    let userinfo = world
        .userinfo(alice["access_token"].as_str().unwrap())
        .await;
    assert_eq!(userinfo.status, 200);
    let full = recorded("06-userinfo-full-alice");
    assert_eq!(shape(&userinfo.json()), shape(&full["body"]));
    assert_eq!(userinfo.json()["custom_data"], full["body"]["custom_data"]);
    assert_eq!(
        shape(&userinfo.json()["address"]),
        shape(&full["body"]["address"])
    );
    assert_eq!(
        userinfo.json()["organization_data"][1]["description"],
        Value::Null
    );

    let bob = world.tokens("bob").await;
    let userinfo = world
        .userinfo(bob["access_token"].as_str().unwrap())
        .await
        .json();
    let recorded = recorded("11b-userinfo-bob-no-email-no-name");
    assert_eq!(shape(&userinfo), shape(&recorded["body"]));
    assert_eq!(userinfo["username"], "bob");
    assert_eq!(userinfo["preferred_username"], "bob");
    assert_eq!(userinfo["email_verified"], false);
}

#[rocket::async_test]
async fn userinfo_takes_get_and_post_and_only_its_own_tokens() {
    let world = World::new().await;
    let tokens = world
        .tokens_for("alice", &[("scope", "openid email"), ("prompt", "")])
        .await;
    let token = tokens["access_token"].as_str().unwrap();
    assert!(tokens.get("refresh_token").is_none());
    let by_body = world.post("/oidc/me", &[("access_token", token)]).await;
    assert_eq!(by_body.json(), world.userinfo(token).await.json());
    assert_eq!(
        shape(&by_body.json()),
        shape(&recorded("07c-userinfo-downscoped")["body"])
    );

    world
        .get("/oidc/me")
        .await
        .assert_like("e-userinfo-no-token");
    world
        .userinfo("garbage")
        .await
        .assert_like("e-userinfo-garbage-token");
    let all = world.tokens("alice").await;
    let jwt = world
        .refresh(&all["refresh_token"], &[("resource", SHOPPING)])
        .await
        .json();
    let answer = world.userinfo(jwt["access_token"].as_str().unwrap()).await;
    answer.assert_like("08b-userinfo-with-resource-jwt");
    world
        .provider
        .hooks()
        .advance_clock(Duration::from_secs(3600));
    world
        .userinfo(token)
        .await
        .assert_like("e-userinfo-garbage-token");
}

#[rocket::async_test]
async fn offline_access_needs_prompt_consent() {
    let world = World::new().await;
    let scope = ("scope", "openid offline_access");
    let with = world.tokens_for("alice", &[scope]).await;
    assert_eq!(with["scope"], "openid offline_access");
    assert_eq!(with["refresh_token"].as_str().unwrap().len(), 43);
    let without = world
        .tokens_for("alice", &[scope, ("prompt", "login")])
        .await;
    assert_eq!(
        shape(&without),
        shape(&recorded("12c-offline_access-without-prompt-consent")["body"])
    );
    assert_eq!(without["scope"], "openid");
}

#[rocket::async_test]
async fn a_code_works_once_and_a_second_use_kills_what_it_gave() {
    let world = World::new().await;
    let code = world.code("alice", &[]).await;
    let tokens = world.exchange(&code).await.json();
    world
        .exchange(&code)
        .await
        .assert_like("e-token-reused-code");
    let refreshed = world.refresh(&tokens["refresh_token"], &[]).await;
    refreshed.assert_like("e-refresh-after-code-reuse");
    let userinfo = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    userinfo.assert_like("e-userinfo-after-code-reuse");
}

#[rocket::async_test]
async fn codes_are_bound_and_short_lived() {
    let world = World::new().await;
    let code = world.code("alice", &[]).await;
    let post = async |verifier: Option<&str>, redirect_uri: &str| {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
        ];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        world.client_post("/oidc/token", &form).await
    };
    post(None, CALLBACK)
        .await
        .assert_like("e-token-missing-pkce-verifier");
    let wrong = "FXaByTHixxULAkjzY_U2Gl7NCU1tomAGS1dZgliXJO361PuuPl1ekghdNlNX8wJy";
    post(Some(wrong), CALLBACK)
        .await
        .assert_like("e-token-wrong-pkce-verifier");
    let other_uri = "http://127.0.0.1:3000/callback";
    post(Some(VERIFIER), other_uri)
        .await
        .assert_like("e-token-redirect-uri-mismatch");
    world
        .exchange("garbage")
        .await
        .assert_like("e-token-garbage-code");
    world
        .provider
        .hooks()
        .advance_clock(Duration::from_secs(60));
    post(Some(VERIFIER), CALLBACK)
        .await
        .assert_like("e-token-expired-code");

    // A verifier where no challenge was sent is a downgrade.
    let changes = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = world.code("alice", &changes).await;
    assert_eq!(world.exchange(&code).await.status, 400);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    assert_eq!(world.client_post("/oidc/token", &form).await.status, 200);
}

#[rocket::async_test]
async fn clients_authenticate_by_header_or_body_but_not_both() {
    let world = World::new().await;
    let grant = ("grant_type", "refresh_token");
    let token = ("refresh_token", "garbage");
    let send = async |header: Option<String>, more: &[(&str, &str)]| {
        let form: Vec<_> = [grant, token]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let mut request = world.form("/oidc/token", &form);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        world.send(request).await
    };
    let (id, secret) = (("client_id", "the-app"), ("client_secret", "s3cret: +%&"));
    send(Some(basic("the-app", "s3cret: +%&")), &[])
        .await
        .assert_like("e-refresh-garbage");
    send(None, &[id, secret])
        .await
        .assert_like("e-refresh-garbage");
    send(None, &[id])
        .await
        .assert_like("e-token-no-client-auth");
    let wrong = ("client_secret", "wrong");
    send(None, &[id, wrong])
        .await
        .assert_like("e-token-wrong-client-secret-post");
    let header = Some(basic("the-app", "wrong"));
    send(header, &[])
        .await
        .assert_like("e-token-wrong-client-secret-basic");
    let header = Some(basic("nosuchclient", "x"));
    send(header, &[])
        .await
        .assert_like("e-token-unknown-client");
    let both = send(Some(basic("the-app", "s3cret: +%&")), &[id, secret]).await;
    assert_eq!(
        (both.status, &both.json()["error"]),
        (400, &"invalid_request".into())
    );
    let raw = STANDARD.encode("the-app:s3cret: +%&");
    assert_eq!(
        send(Some(format!("Basic {raw}")), &[]).await.status,
        401,
        "not form-urlencoded"
    );
    assert_eq!(send(Some("Basic ???".into()), &[]).await.status, 400);

    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "x"),
    ];
    world
        .client_post("/oidc/token", &form)
        .await
        .assert_like("e-token-unsupported-grant");
    let twice = world
        .client_post("/oidc/token", &[grant, token, token])
        .await;
    assert_eq!(twice.json()["error"], "invalid_request");
}

#[rocket::async_test]
async fn public_clients_need_no_secret_but_pkce() {
    let world = World::with(|settings| settings.client_secret = None).await;
    let changes = [("code_challenge", ""), ("code_challenge_method", "")];
    let refused = world.get(&world.auth_path(&changes)).await;
    let logto = recorded("e-auth-spa-without-pkce");
    let logto = Url::parse(logto["headers"]["location"].as_str().unwrap()).unwrap();
    let logto: HashMap<String, String> = logto.query_pairs().into_owned().collect();
    assert_eq!(
        refused.location_params()["error_description"],
        logto["error_description"]
    );

    let code = world.code("alice", &[]).await;
    let form = [
        ("client_id", "the-app"),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let tokens = world.post("/oidc/token", &form).await.json();
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let form = [
        ("client_id", "the-app"),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    let refreshed = world.post("/oidc/token", &form).await.json();
    assert_ne!(
        refreshed["refresh_token"], refresh_token,
        "public clients rotate at every use"
    );
}

#[rocket::async_test]
async fn confidential_clients_keep_a_refresh_token_for_most_of_its_life() {
    let world = World::new().await;
    let tokens = world.tokens("alice").await;
    let first = &tokens["refresh_token"];
    let refreshed = world.refresh(first, &[]).await.json();
    assert_eq!(&refreshed["refresh_token"], first);
    assert_eq!(
        shape(&refreshed),
        shape(&recorded("07-refresh-response-confidential")["body"])
    );
    let (_, claims) = decoded(refreshed["id_token"].as_str().unwrap());
    assert_eq!(claims["nonce"], "the-nonce");

    let day = Duration::from_secs(24 * 60 * 60);
    world.provider.hooks().advance_clock(day * 10);
    let refreshed = world.refresh(first, &[]).await.json();
    assert_ne!(&refreshed["refresh_token"], first);
    world.provider.hooks().advance_clock(day * 14);
    let expired = world.refresh(&refreshed["refresh_token"], &[]).await;
    expired.assert_like("e-refresh-garbage");
}

#[rocket::async_test]
async fn rotated_refresh_tokens_work_three_seconds_more_then_kill_the_grant() {
    let world = World::new().await;
    let hooks = world.provider.hooks();
    hooks.rotate_refresh_tokens(true);
    let first = world.tokens("alice").await["refresh_token"].clone();
    let second = world.refresh(&first, &[]).await.json()["refresh_token"].clone();
    assert_ne!(first, second);
    hooks.advance_clock(Duration::from_secs(3));
    let again = world.refresh(&first, &[]).await;
    assert_eq!(again.status, 200);
    let third = again.json()["refresh_token"].clone();
    assert_ne!(second, third);
    hooks.advance_clock(Duration::from_secs(1));
    world
        .refresh(&first, &[])
        .await
        .assert_like("e-refresh-reuse-rotated-token");
    world
        .refresh(&second, &[])
        .await
        .assert_like("e-refresh-new-token-after-reuse-detection");
    world
        .refresh(&third, &[])
        .await
        .assert_like("e-refresh-new-token-after-reuse-detection");
}

#[rocket::async_test]
async fn scope_narrows_but_never_widens() {
    let world = World::new().await;
    let token = world.tokens("alice").await["refresh_token"].clone();
    let narrow = world
        .refresh(&token, &[("scope", "openid email")])
        .await
        .json();
    let logto = recorded("07b-refresh-downscoped");
    assert_eq!(narrow["scope"], logto["body"]["scope"]);
    let (_, claims) = decoded(narrow["id_token"].as_str().unwrap());
    let (_, recorded_claims) = decoded(logto["body"]["id_token"].as_str().unwrap());
    assert_eq!(shape(&claims), shape(&recorded_claims));
    let without_openid = world.refresh(&token, &[("scope", "email")]).await.json();
    assert!(without_openid.get("id_token").is_none());
    let wide = world
        .refresh(&token, &[("scope", "openid profile nonsense")])
        .await;
    wide.assert_like("07d-refresh-scope-not-granted");
}

/// Asks for a token and compares response and access token with a recording.
async fn assert_token_like(world: &World, token: &Value, asked: &[(&str, &str)], fixture: &str) {
    let answer = world.refresh(token, asked).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let ours = answer.json();
    let logto = &recorded(fixture)["body"];
    assert_eq!(shape(&ours), shape(logto), "{fixture}");
    let words = |scope: &Value| {
        let mut words: Vec<String> = scope
            .as_str()
            .unwrap()
            .split(' ')
            .map(str::to_owned)
            .collect();
        words.sort();
        words
    };
    assert_eq!(words(&ours["scope"]), words(&logto["scope"]), "{fixture}");
    let (header, claims) = decoded(ours["access_token"].as_str().unwrap());
    let (logto_header, logto_claims) = decoded(logto["access_token"].as_str().unwrap());
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&logto_header["typ"], &logto_header["alg"])
    );
    assert_eq!(shape(&claims), shape(&logto_claims), "{fixture}");
    assert_eq!(claims["scope"], ours["scope"]);
    let (_, value) = *asked
        .iter()
        .find(|(name, _)| *name == "resource")
        .unwrap_or(&("", ""));
    if !value.is_empty() {
        assert_eq!(claims["aud"], value);
    }
}

#[rocket::async_test]
async fn tokens_for_resources_and_organizations_are_as_at_logto() {
    let world = World::new().await;
    let alice = world.tokens("alice").await["refresh_token"].clone();
    let (acme, globex) = (
        ("organization_id", "acme5obvzg01"),
        ("organization_id", "globexfrcji1"),
    );
    let (shopping, orders) = (("resource", SHOPPING), ("resource", ORDERS));
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[shopping], "08-token-for-api-resource"),
        (
            &[shopping, ("scope", "read")],
            "08c-token-for-api-resource-downscoped",
        ),
        (&[orders], "08d-token-for-orders-resource-without-org"),
        (&[acme], "09-organization-token-acme"),
        (&[globex], "09-organization-token-globex"),
        (
            &[acme, ("scope", "manage:members")],
            "09b-organization-token-scope-filter",
        ),
        (
            &[acme, ("resource", ORGANIZATIONS)],
            "09c-organization-token-with-org-resource",
        ),
        (&[acme, orders], "10-org-scoped-api-token-acme-orders"),
        (&[acme, shopping], "10-org-scoped-api-token-acme-shopping"),
        (&[globex, orders], "10-org-scoped-api-token-globex-orders"),
        (
            &[globex, shopping],
            "10-org-scoped-api-token-globex-shopping",
        ),
    ];
    for (asked, fixture) in cases {
        assert_token_like(&world, &alice, asked, fixture).await;
    }
    let answer = world.refresh(&alice, &[acme]).await.json();
    let (_, claims) = decoded(answer["access_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "urn:logto:organization:acme5obvzg01");
    let answer = world.refresh(&alice, &[acme, orders]).await.json();
    let (_, claims) = decoded(answer["access_token"].as_str().unwrap());
    assert_eq!(claims["organization_id"], "acme5obvzg01");

    let bob = world.tokens("bob").await["refresh_token"].clone();
    let no_role = "09e-organization-token-member-without-role";
    assert_token_like(&world, &bob, &[acme], no_role).await;
    let read_only = "11c-bob-api-resource-token-read-only";
    assert_token_like(&world, &bob, &[shopping], read_only).await;
}

#[rocket::async_test]
async fn a_resource_at_the_code_exchange_counts_an_organization_does_not() {
    let world = World::new().await;
    let exchange = async |more: (&str, &str)| {
        let code = world.code("alice", &[("resource", SHOPPING)]).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            more,
        ];
        world.client_post("/oidc/token", &form).await.json()
    };
    let jwt = exchange(("resource", SHOPPING)).await;
    assert_eq!(
        jwt["scope"],
        recorded("08e-code-exchange-with-resource")["body"]["scope"]
    );
    assert_eq!(
        decoded(jwt["access_token"].as_str().unwrap()).1["aud"],
        SHOPPING
    );
    let opaque = exchange(("organization_id", "acme5obvzg01")).await;
    assert_eq!(opaque["access_token"].as_str().unwrap().len(), 43);
}

#[rocket::async_test]
async fn denials_are_as_at_logto() {
    let world = World::new().await;
    let bob = world.tokens("bob").await["refresh_token"].clone();
    let globex = ("organization_id", "globexfrcji1");
    let denied = world.refresh(&bob, &[globex]).await;
    denied.assert_like("e-organization-token-not-member-initech");
    let denied = world.refresh(&bob, &[globex, ("resource", ORDERS)]).await;
    denied.assert_like("e-org-scoped-api-token-not-member-initech-orders");
    let denied = world
        .refresh(&bob, &[("organization_id", "doesnotexist")])
        .await;
    denied.assert_like("e-organization-unknown");
    let denied = world
        .refresh(&bob, &[("resource", "https://unknown.example.com/api")])
        .await;
    denied.assert_like("e-refresh-unknown-resource");

    let changes = [
        ("scope", "openid offline_access read"),
        ("resource", SHOPPING),
    ];
    let narrow = world.tokens_for("alice", &changes).await["refresh_token"].clone();
    let denied = world.refresh(&narrow, &[("resource", ORDERS)]).await;
    denied.assert_like("e-refresh-resource-not-in-grant");
    let denied = world
        .refresh(&narrow, &[("organization_id", "acme5obvzg01")])
        .await;
    denied.assert_like("e-organization-token-missing-scope");
    let capped = world
        .refresh(&narrow, &[("resource", SHOPPING)])
        .await
        .json();
    assert_eq!(capped["scope"], "read", "capped at what sign-in asked for");

    let changes = [("scope", "openid offline_access"), ("resource", SHOPPING)];
    let none = world.tokens_for("alice", &changes).await["refresh_token"].clone();
    let resource = [("resource", SHOPPING)];
    let fixture = "08f-api-resource-token-without-scopes";
    assert_token_like(&world, &none, &resource, fixture).await;
}

#[rocket::async_test]
async fn roles_are_read_again_at_every_refresh() {
    let world = World::new().await;
    let bob = world.tokens("bob").await["refresh_token"].clone();
    world.provider.edit_seed(|seed| {
        seed.organizations[0]
            .members
            .insert("bob".into(), vec!["member".into()]);
        seed.user_mut("bob").unwrap().name = Some("Bob".into());
        seed.user_mut("bob").unwrap().roles.clear();
    });
    let organization = world
        .refresh(&bob, &[("organization_id", "acme5obvzg01")])
        .await
        .json();
    assert_eq!(organization["scope"], "view:reports");
    let (_, claims) = decoded(organization["id_token"].as_str().unwrap());
    assert_eq!(claims["name"], "Bob");
    let resource = world.refresh(&bob, &[("resource", SHOPPING)]).await.json();
    assert_eq!(resource["scope"], "");
}

#[rocket::async_test]
async fn suspended_users_are_out() {
    let world = World::new().await;
    let tokens = world.tokens("bob").await;
    let page = world.get(&world.auth_path(&[])).await;
    let bob = ("user", "bob7d4dc6y32");
    let answer = world.post("/suspend", &[bob, ("suspend", "yes")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
    world
        .refresh(&tokens["refresh_token"], &[])
        .await
        .assert_like("e-refresh-suspended-user");
    let userinfo = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    userinfo.assert_like("e-userinfo-suspended-user");
    let interaction = interaction(&page.text);
    let refused = world
        .post("/sign-in", &[("interaction", &interaction), bob])
        .await;
    assert_eq!(refused.status, 401);
    assert!(refused.text.contains("This account is suspended."));

    world.post("/suspend", &[bob, ("suspend", "no")]).await;
    assert_eq!(
        world.refresh(&tokens["refresh_token"], &[]).await.status,
        200
    );
    let request = world.form("/suspend", &[bob, ("suspend", "yes")]);
    let cross_site = world
        .send(request.header("sec-fetch-site", "cross-site"))
        .await;
    assert_eq!(cross_site.status, 403);
    assert_eq!(
        world.refresh(&tokens["refresh_token"], &[]).await.status,
        200
    );
}

#[rocket::async_test]
async fn parallel_refreshes_with_one_token_all_get_through() {
    let world = World::new().await;
    world.provider.hooks().rotate_refresh_tokens(true);
    let token = world.tokens("alice").await["refresh_token"].clone();
    let all = (0..50).map(|_| world.refresh(&token, &[]));
    let answers = rocket::futures::future::join_all(all).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let requests = world.provider.requests_to(Endpoint::Token);
    assert_eq!(requests.len(), 51);
}
