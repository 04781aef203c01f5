//! The token and userinfo endpoints.

use super::*;

#[tokio::test]
async fn claims_are_absent_and_null_as_at_logto() {
    let world = World::new().await;
    // TOML has no null.
    world.provider.edit_seed(|seed| {
        let custom_data = &mut seed.user_mut("alice").unwrap().custom_data;
        custom_data.insert("nothing".into(), Value::Null);
    });
    let alice = world.tokens("alice").await;
    let (_, id_token) = decoded(alice["id_token"].as_str().unwrap());
    let recorded_id_token = recording("05-id-token-decoded");
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

#[tokio::test]
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
    world.provider.advance_clock(Duration::from_secs(3600));
    world
        .userinfo(token)
        .await
        .assert_like("e-userinfo-garbage-token");
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

#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
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
