//! Tokens without a sign-in: for machines, and by token exchange; and the
//! Management API that goes with them.

use super::*;

const MANAGEMENT: &str = "https://default.logto.app/api";
const MACHINE: &str = "dev-machine";
const ACME: &str = "acme5obvzg01";
const GLOBEX: &str = "globexfrcji1";
const PERSONAL: &str = "pat_alice_known_to_everyone";
const IMPERSONATION: &str = "urn:ietf:params:oauth:token-type:access_token";
const PERSONAL_ACCESS_TOKEN: &str = "urn:logto:token-type:personal_access_token";

/// Parameters of a token request.
type Form<'a> = &'a [(&'a str, &'a str)];

/// The names in an object, in alphabetical order.
fn names(object: &Value) -> Vec<&String> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().collect();
    names.sort();
    names
}

fn credentials<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("grant_type", "client_credentials")], more].concat()
}

#[tokio::test]
async fn a_machines_token_is_as_at_logto() {
    let world = World::new().await;
    let form = credentials(&[("resource", SHOPPING), ("scope", "read write admin")]);
    let answer = world.machine(&form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let recorded = recorded("17-m2m-token");
    let body = answer.json();
    assert_eq!(names(&body), names(&recorded["body"]));
    for name in ["expires_in", "token_type", "scope"] {
        assert_eq!(body[name], recorded["body"][name], "{name}");
    }
    let (header, claims) = decoded(body["access_token"].as_str().unwrap());
    let (recorded_header, recorded_claims) =
        decoded(recorded["body"]["access_token"].as_str().unwrap());
    assert_eq!(header["typ"], recorded_header["typ"]);
    assert_eq!(names(&claims), names(&recorded_claims));
    assert_eq!(claims["sub"], MACHINE);
    assert_eq!(claims["client_id"], MACHINE);
    assert_eq!(claims["aud"], SHOPPING);
    assert_eq!(claims["scope"], "read write");

    let neither = world.machine(&credentials(&[("scope", "read")])).await;
    neither.assert_like("17b-m2m-no-resource");
}

/// Scopes by global roles, by roles in the organization, and none that was not
/// asked for.
#[tokio::test]
async fn a_machines_scopes_are_those_of_its_roles() {
    let world = World::new().await;
    let all = "read write orders:read orders:write view:reports manage:members all";
    let cases: [(Form<'_>, &str, Option<&str>, &str); 6] = [
        (&[("resource", SHOPPING)], SHOPPING, None, "read write"),
        (&[("resource", ORDERS)], ORDERS, None, ""),
        (&[("resource", MANAGEMENT)], MANAGEMENT, None, "all"),
        (
            &[("organization_id", ACME)],
            "urn:logto:organization:acme5obvzg01",
            None,
            "view:reports",
        ),
        (
            &[("resource", ORDERS), ("organization_id", ACME)],
            ORDERS,
            Some(ACME),
            "orders:read",
        ),
        (
            &[("resource", SHOPPING), ("organization_id", ACME)],
            SHOPPING,
            Some(ACME),
            "",
        ),
    ];
    for (target, audience, organization, scope) in cases {
        let form = credentials(&[target, &[("scope", all)]].concat());
        let answer = world.machine(&form).await;
        assert_eq!(answer.status, 200, "{target:?}: {}", answer.text);
        let (_, claims) = decoded(answer.json()["access_token"].as_str().unwrap());
        assert_eq!(claims["aud"], audience, "{target:?}");
        assert_eq!(claims["scope"], scope, "{target:?}");
        let named = claims.get("organization_id").and_then(Value::as_str);
        assert_eq!(named, organization, "{target:?}");

        let answer = world.machine(&credentials(target)).await;
        let (_, claims) = decoded(answer.json()["access_token"].as_str().unwrap());
        assert_eq!(claims["scope"], "", "{target:?}: nothing was asked for");
    }
}

#[tokio::test]
async fn what_a_machine_may_not_have() {
    let world = World::new().await;
    let unknown = "https://unknown.example/api";
    let cases: [(Form<'_>, u16, &str); 4] = [
        (&[("organization_id", GLOBEX)], 403, "access_denied"),
        (&[("organization_id", "nobody")], 403, "access_denied"),
        (&[("resource", unknown)], 400, "invalid_target"),
        (
            &[("resource", SHOPPING), ("resource", ORDERS)],
            400,
            "invalid_target",
        ),
    ];
    for (target, status, error) in cases {
        let answer = world.machine(&credentials(target)).await;
        assert_eq!(answer.status, status, "{target:?}: {}", answer.text);
        assert_eq!(answer.json()["error"], error, "{target:?}");
    }
    // The app has users; a machine has none.
    let form = credentials(&[("resource", SHOPPING)]);
    let app = world.client_post("/oidc/token", &form).await;
    assert_eq!(
        (app.status, &app.json()["error"]),
        (400, &"invalid_request".into())
    );
    let code = world.code("alice", &[]).await;
    let machine = world
        .machine(&[("grant_type", "authorization_code"), ("code", &code)])
        .await;
    assert_eq!(machine.json()["error"], "invalid_request");
    let wrong = world.form("/oidc/token", &form);
    let wrong = world
        .send(wrong.header(AUTHORIZATION, basic(MACHINE, "wrong")))
        .await;
    assert_eq!(
        (wrong.status, &wrong.json()["error"]),
        (401, &"invalid_client".into())
    );
}

fn exchange<'a>(
    token: &'a str,
    kind: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let form = [
        ("grant_type", exchange::GRANT_TYPE),
        ("subject_token", token),
        ("subject_token_type", kind),
    ];
    [&form, more].concat()
}

#[tokio::test]
async fn a_personal_access_token_becomes_access_tokens_of_its_owner() {
    let world = World::new().await;
    let personal = |more| exchange(PERSONAL, PERSONAL_ACCESS_TOKEN, more);
    // As often as one likes, and by whatever client.
    for _ in 0..2 {
        let form = personal(&[("resource", SHOPPING), ("scope", "read write other")]);
        let answer = world.client_post("/oidc/token", &form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        assert_eq!(
            names(&body),
            ["access_token", "expires_in", "scope", "token_type"]
        );
        let (_, claims) = decoded(body["access_token"].as_str().unwrap());
        assert_eq!(
            (&claims["sub"], &claims["client_id"]),
            (&"alice4hy6kz2".into(), &"the-app".into())
        );
        assert_eq!(
            (&claims["aud"], &claims["scope"]),
            (&SHOPPING.into(), &"read write".into())
        );
    }
    let form = personal(&[("organization_id", ACME), ("scope", "manage:members")]);
    let (_, claims) = decoded(
        world.machine(&form).await.json()["access_token"]
            .as_str()
            .unwrap(),
    );
    assert_eq!(
        (&claims["sub"], &claims["client_id"]),
        (&"alice4hy6kz2".into(), &MACHINE.into())
    );
    assert_eq!(claims["scope"], "manage:members");

    // For nothing in particular it is the opaque one, for userinfo.
    let form = personal(&[("scope", "openid profile")]);
    let body = world.machine(&form).await.json();
    assert!(body.get("id_token").is_none());
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(token).await.json()["username"], "alice");
    let seen = world
        .client_post("/oidc/token/introspection", &[("token", token)])
        .await
        .json();
    assert_eq!(
        (&seen["active"], &seen["client_id"]),
        (&true.into(), &MACHINE.into())
    );

    let refused = [
        (
            personal(&[("resource", "https://unknown.example/")]),
            400,
            "invalid_target",
        ),
        (
            personal(&[("organization_id", "nobody")]),
            403,
            "access_denied",
        ),
        (
            exchange("pat_nobody", PERSONAL_ACCESS_TOKEN, &[]),
            400,
            "invalid_grant",
        ),
        (exchange(PERSONAL, IMPERSONATION, &[]), 400, "invalid_grant"),
        (exchange(PERSONAL, "urn:other", &[]), 400, "invalid_grant"),
        (
            exchange("", PERSONAL_ACCESS_TOKEN, &[]),
            400,
            "invalid_request",
        ),
    ];
    for (form, status, error) in refused {
        let answer = world.client_post("/oidc/token", &form).await;
        assert_eq!(answer.status, status, "{form:?}: {}", answer.text);
        assert_eq!(answer.json()["error"], error, "{form:?}");
    }
    world.provider.suspend("alice", true);
    let answer = world.client_post("/oidc/token", &personal(&[])).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
}

async fn management_token(world: &World, scope: &str) -> String {
    let form = credentials(&[("resource", MANAGEMENT), ("scope", scope)]);
    let answer = world.machine(&form).await;
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_management_api_lists_users_for_its_own_tokens_only() {
    let world = World::new().await;
    let all = management_token(&world, "all").await;
    let get = |path: &str, authorization: String| {
        let url = format!("{}{path}", world.provider.endpoint());
        world.send(world.http.get(url).header(AUTHORIZATION, authorization))
    };
    let answer = get("/api/users", format!("Bearer {all}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("total-number"), "3");
    let users = answer.json();
    assert_eq!(users[0]["id"], "alice4hy6kz2");
    assert_eq!(users[0]["primaryEmail"], "alice@example.com");
    assert_eq!(users[1]["primaryEmail"], Value::Null);
    let page = get("/api/users?page=2&page_size=2", format!("Bearer {all}")).await;
    assert_eq!(
        (
            page.json().as_array().unwrap().len(),
            page.header("total-number")
        ),
        (1, "3")
    );
    assert_eq!(
        get("/api/users?page=0", format!("Bearer {all}"))
            .await
            .status,
        400
    );

    let none = management_token(&world, "read").await;
    let form = credentials(&[("resource", SHOPPING), ("scope", "read")]);
    let other = world.machine(&form).await.json();
    let other = other["access_token"].as_str().unwrap();
    world.provider.hooks().token_lifetime(Duration::ZERO);
    let ended = management_token(&world, "all").await;
    let cases = [
        (format!("Bearer {none}"), 403, "auth.forbidden"),
        (format!("Bearer {other}"), 401, "auth.unauthorized"),
        (format!("Bearer {ended}"), 401, "auth.unauthorized"),
        (format!("Bearer {all}x"), 401, "auth.unauthorized"),
        (
            format!("Basic {all}"),
            401,
            "auth.authorization_token_type_not_supported",
        ),
    ];
    for (authorization, status, code) in cases {
        let answer = get("/api/users", authorization).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &code.into())
        );
    }
    let bare = world.get("/api/users").await;
    assert_eq!(bare.json()["code"], "auth.authorization_header_missing");
}

#[tokio::test]
async fn a_subject_token_lets_act_as_a_user_once() {
    let world = World::new().await;
    let all = management_token(&world, "all").await;
    let create = |user: &str| {
        let url = format!("{}/api/subject-tokens", world.provider.endpoint());
        let body = serde_json::json!({ "userId": user }).to_string();
        world.send(world.http.post(url).bearer_auth(&all).body(body))
    };
    let answer = create("bob7d4dc6y32").await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["expiresIn"], 600);
    assert_eq!(create("nobody").await.status, 404);
    let token = answer.json()["subjectToken"].as_str().unwrap().to_owned();
    let form = exchange(
        &token,
        IMPERSONATION,
        &[("resource", SHOPPING), ("scope", "read write")],
    );
    let exchanged = world.client_post("/oidc/token", &form).await;
    let (_, claims) = decoded(exchanged.json()["access_token"].as_str().unwrap());
    assert_eq!(
        (&claims["sub"], &claims["scope"]),
        (&"bob7d4dc6y32".into(), &"read".into())
    );
    let again = world.client_post("/oidc/token", &form).await;
    assert_eq!(again.json()["error"], "invalid_grant");

    let late = create("bob7d4dc6y32").await.json();
    world.provider.advance_clock(Duration::from_secs(600));
    let form = exchange(late["subjectToken"].as_str().unwrap(), IMPERSONATION, &[]);
    let answer = world.client_post("/oidc/token", &form).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
}
