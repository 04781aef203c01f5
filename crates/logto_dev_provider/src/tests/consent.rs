//! What other clients get: consent, resources, more scopes, and nothing of anybody else's.

use serde_json::json;

use super::third_parties::{Host, NATIVE, asks};
use super::*;

async fn client() -> (World, Host) {
    let (world, host) = (World::new().await, Host::start().await);
    host.describes(json!({}));
    (world, host)
}

#[tokio::test]
async fn consent_is_asked_each_time_of_who_is_signed_in() {
    let (world, host) = client().await;
    let id = host.id();
    let changes = asks(&id, &[("scope", "openid read")]);
    let (page, cookie) = world.consent_page("alice", &changes).await;
    let denied = world
        .answer_consent(&page, &cookie, "deny")
        .await
        .location_params();
    assert_eq!(denied["error"], "access_denied");
    assert_eq!(denied["state"], "the-state");
    assert!(!denied.contains_key("code"));
    let allowed = world.answer_consent(&page, &cookie, "allow").await;
    assert!(allowed.location_params().contains_key("code"));
    // The session goes on, and nothing goes through at once.
    let again = world
        .get_with_cookie(&world.auth_path(&asks(&id, &[])), &cookie)
        .await;
    assert_eq!(again.status, 200);
    assert!(again.text.contains("Allow access?"), "{}", again.text);
    let silent = world.auth_path(&asks(&id, &[("prompt", "none")]));
    let silent = world.get_with_cookie(&silent, &cookie).await;
    assert_eq!(silent.location_params()["error"], "consent_required");
    // What was allowed to the client is not allowed to the application, nor asked for it.
    let of_app = world.auth_path(&[("scope", "openid"), ("prompt", "none")]);
    let of_app = world.get_with_cookie(&of_app, &cookie).await;
    assert_eq!(of_app.location_params()["error"], "consent_required");
    let of_app = world.auth_path(&[("scope", "openid"), ("prompt", "")]);
    let of_app = world.get_with_cookie(&of_app, &cookie).await;
    assert!(of_app.location_params().contains_key("code"));
    // Somebody else may be chosen.
    let path = format!("/sign-in?interaction={}", interaction(&page.text));
    assert!(page.text.contains(&path), "{}", page.text);
    assert!(world.get(&path).await.text.contains("<h1>Sign in</h1>"));
}

#[tokio::test]
async fn only_the_user_who_was_asked_answers() {
    let (world, host) = client().await;
    let id = host.id();
    let (page, alices) = world.consent_page("alice", &asks(&id, &[])).await;
    let (other, bobs) = world.consent_page("bob", &asks(&id, &[])).await;
    for cookie in ["", &bobs, "dev_provider_session_1=x"] {
        let answer = world.answer_consent(&page, cookie, "allow").await;
        assert_eq!(answer.status, 401, "{cookie}");
        assert!(
            answer.text.contains("not signed in here any more"),
            "{}",
            answer.text
        );
    }
    // A sign-in that has not come so far is not allowed by its form.
    let begun = world.get(&world.auth_path(&asks(&id, &[]))).await;
    assert_eq!(
        world.answer_consent(&begun, &alices, "allow").await.status,
        401
    );
    let from_elsewhere = world
        .form(
            "/consent",
            &[
                ("interaction", &interaction(&other.text)),
                ("action", "allow"),
            ],
        )
        .header(COOKIE, &bobs)
        .header("sec-fetch-site", "cross-site");
    assert_eq!(world.send(from_elsewhere).await.status, 403);
    assert!(world.provider.suspend("alice", true));
    assert_eq!(
        world.answer_consent(&page, &alices, "allow").await.status,
        401
    );
    let answer = world.answer_consent(&other, &bobs, "allow").await;
    assert!(answer.location_params().contains_key("code"));
}

#[tokio::test]
async fn pkce_is_required_and_is_s256() {
    let (world, host) = client().await;
    let id = host.id();
    for changes in [
        vec![("code_challenge", ""), ("code_challenge_method", "")],
        vec![("code_challenge_method", "plain")],
        vec![("code_challenge_method", "")],
        vec![("code_challenge", "short")],
    ] {
        let refused = world.get(&world.auth_path(&asks(&id, &changes))).await;
        let params = refused.location_params();
        assert_eq!(params["error"], "invalid_request", "{changes:?}");
        assert!(refused.header("location").starts_with(NATIVE));
    }
    let code = world.allowed("alice", &asks(&id, &[])).await;
    for verifier in ["", "x".repeat(43).as_str()] {
        let refused = world
            .redeem(&id, &code, &[("code_verifier", verifier)])
            .await;
        assert_eq!(refused.json()["error"], "invalid_grant", "{verifier}");
    }
    assert_eq!(world.redeem(&id, &code, &[]).await.status, 200);
}

#[tokio::test]
async fn a_token_is_for_the_resource_that_was_asked_for() {
    let (world, host) = client().await;
    let id = host.id();
    let foreign = asks(&id, &[("resource", "https://elsewhere.example/mcp")]);
    let refused = world
        .get(&world.auth_path(&foreign))
        .await
        .location_params();
    assert_eq!(refused["error"], "invalid_target");
    for other in [ORDERS, "https://elsewhere.example/mcp"] {
        let code = world.allowed("bob", &asks(&id, &[])).await;
        let refused = world.redeem(&id, &code, &[("resource", other)]).await;
        assert_eq!(refused.json()["error"], "invalid_target", "{other}");
        // The code is used up by that, as at Logto; the next one takes another.
        let code = world.allowed("bob", &asks(&id, &[])).await;
        let tokens = world
            .redeem(&id, &code, &[("resource", SHOPPING)])
            .await
            .json();
        assert_eq!(tokens["scope"], "read", "what his role gives");
        let (_, claims) = decoded(tokens["access_token"].as_str().unwrap());
        assert_eq!(
            (&claims["aud"], &claims["scope"]),
            (&json!(SHOPPING), &json!("read"))
        );
    }
    // The page says so before.
    let (page, _) = world.consent_page("bob", &asks(&id, &[])).await;
    let not_given = "<dt>not this user’s to give</dt><dd><code>write</code> </dd>";
    assert!(page.text.contains(not_given), "{}", page.text);
}

#[tokio::test]
async fn more_scopes_come_by_another_authorization() {
    let (world, host) = client().await;
    let id = host.id();
    let scope_of = async |scope: &str, cookie: Option<&str>| {
        let changes = asks(&id, &[("scope", scope)]);
        let (page, cookie) = match cookie {
            None => world.consent_page("alice", &changes).await,
            Some(cookie) => {
                let page = world
                    .get_with_cookie(&world.auth_path(&changes), cookie)
                    .await;
                (page, cookie.to_owned())
            }
        };
        let answer = world.answer_consent(&page, &cookie, "allow").await;
        let code = answer.location_params().remove("code").unwrap();
        let tokens = world
            .redeem(&id, &code, &[("resource", SHOPPING)])
            .await
            .json();
        (tokens["scope"].as_str().unwrap().to_owned(), cookie)
    };
    let (scope, cookie) = scope_of("read", None).await;
    assert_eq!(scope, "read");
    assert_eq!(scope_of("read write", Some(&cookie)).await.0, "read write");
}

#[tokio::test]
async fn refresh_tokens_of_a_public_client_are_good_once() {
    let (world, host) = client().await;
    let id = host.id();
    let changes = [("scope", "offline_access read"), ("prompt", "consent")];
    let code = world.allowed("alice", &asks(&id, &changes)).await;
    let tokens = world
        .redeem(&id, &code, &[("resource", SHOPPING)])
        .await
        .json();
    let refresh = async |token: &Value| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &*id),
            ("refresh_token", token.as_str().unwrap()),
            ("resource", SHOPPING),
        ];
        world.post("/oidc/token", &form).await
    };
    let first = &tokens["refresh_token"];
    let next = refresh(first).await.json();
    assert_ne!(&next["refresh_token"], first);
    let (_, claims) = decoded(next["access_token"].as_str().unwrap());
    assert_eq!(
        (&claims["aud"], &claims["scope"]),
        (&json!(SHOPPING), &json!("read"))
    );
    world.provider.advance_clock(Duration::from_secs(4));
    assert_eq!(refresh(first).await.json()["error"], "invalid_grant");
    let of_next = refresh(&next["refresh_token"]).await;
    assert_eq!(
        of_next.json()["error"],
        "invalid_grant",
        "reuse ends all of them"
    );
}

#[tokio::test]
async fn codes_and_tokens_are_good_for_whom_they_were_given() {
    let (world, host) = client().await;
    let other = Host::start().await;
    other.describes(json!({}));
    let (id, others) = (host.id(), other.id());
    // Known by now.
    world.allowed("bob", &asks(&others, &[])).await;
    let changes = asks(
        &id,
        &[("scope", "openid offline_access"), ("prompt", "consent")],
    );
    let code = world.allowed("alice", &changes).await;
    for thief in [&others, "the-app"] {
        let secret = [("client_secret", "s3cret: +%&")];
        let more = if thief == "the-app" { &secret[..] } else { &[] };
        let refused = world.redeem(thief, &code, more).await;
        assert_eq!(refused.json()["error"], "invalid_grant", "{thief}");
    }
    let tokens = world.redeem(&id, &code, &[]).await;
    assert_eq!(
        tokens.status, 200,
        "nobody else has used it up: {}",
        tokens.text
    );
    let tokens = tokens.json();
    let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
    let [access_token, refresh_token] = [access, refresh].map(|token| token.as_str().unwrap());
    let form = |grant| [("grant_type", grant), ("client_id", &*others)];
    let stolen = [
        &form("refresh_token")[..],
        &[("refresh_token", refresh_token)],
    ]
    .concat();
    assert_eq!(
        world.post("/oidc/token", &stolen).await.json()["error"],
        "invalid_grant"
    );
    assert_eq!(
        world.refresh(refresh, &[]).await.json()["error"],
        "invalid_grant"
    );
    // Nobody exchanges it, asks about it or revokes it.
    let exchange = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token", access_token),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
    ];
    assert_eq!(
        world.client_post("/oidc/token", &exchange).await.json()["error"],
        "invalid_grant"
    );
    let own = [&exchange[..], &[("client_id", &*id)]].concat();
    let refused = world.post("/oidc/token", &own).await.json();
    assert_eq!(
        refused["error_description"],
        "requested grant type is not allowed for this client"
    );
    for token in [access_token, refresh_token] {
        let asked = |client: &str| {
            let form = [("client_id", client), ("token", token)];
            world.form("/oidc/token/introspection", &form)
        };
        assert_eq!(
            world.send(asked(&others)).await.json(),
            json!({ "active": false })
        );
        assert_eq!(world.send(asked(&id)).await.json()["active"], true);
        let form = [("client_id", &*others), ("token", token)];
        let told_nothing = world.post("/oidc/token/revocation", &form).await;
        assert_eq!((told_nothing.status, &*told_nothing.text), (200, ""));
        let refused = world
            .client_post("/oidc/token/revocation", &[("token", token)])
            .await;
        assert_eq!(refused.json()["error"], "invalid_request");
    }
    assert_eq!(
        world.userinfo(access_token).await.status,
        200,
        "all of it lives"
    );
    let form = [("client_id", &*id), ("token", refresh_token)];
    assert_eq!(
        world.post("/oidc/token/revocation", &form).await.status,
        200
    );
    assert_eq!(
        world.userinfo(access_token).await.status,
        401,
        "its own client has ended it"
    );
    // A client that signs users in is no machine.
    let form = form_of_machine(&id);
    assert_eq!(
        world.post("/oidc/token", &form).await.json()["error"],
        "invalid_request"
    );
}

fn form_of_machine(id: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("resource", SHOPPING),
    ]
}

#[tokio::test]
async fn requests_may_be_pushed() {
    let (world, host) = client().await;
    let id = host.id();
    let query = world.auth_path(&asks(&id, &[]));
    let query = query.split_once('?').unwrap().1;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
    let pushed = world.post("/oidc/request", &pairs).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text);
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let page = world
        .get(&format!("/oidc/auth?client_id={id}&request_uri={uri}"))
        .await;
    assert!(page.text.contains("Example MCP Client"), "{}", page.text);
}

#[tokio::test]
async fn a_test_presses_all_buttons() {
    let (world, host) = client().await;
    world.provider.hooks().sign_in_as(Some("alice"));
    let answer = world.get(&world.auth_path(&asks(&host.id(), &[]))).await;
    assert!(answer.location_params().contains_key("code"));
}

#[tokio::test]
async fn a_stronger_sign_in_ends_at_consent_too() {
    let (world, host) = client().await;
    let id = host.id();
    let changes = asks(&id, &[("acr_values", "urn:logto:acr:mfa")]);
    let page = world.sign_in("alice", &changes).await;
    assert!(
        page.text.contains("Pretended second factor"),
        "{}",
        page.text
    );
    let form = [
        ("interaction", &*interaction(&page.text)),
        ("action", "accept"),
    ];
    let page = world.post("/second-factor", &form).await;
    assert!(page.text.contains("Allow access?"), "{}", page.text);
    let answer = world.answer_consent(&page, &page.cookie(), "allow").await;
    let code = &answer.location_params()["code"];
    let tokens = world
        .redeem(&id, code, &[("resource", SHOPPING)])
        .await
        .json();
    let (_, claims) = decoded(tokens["access_token"].as_str().unwrap());
    assert_eq!(claims["acr"], "urn:logto:acr:mfa");
}

#[tokio::test]
async fn who_signs_up_is_asked_too() {
    let (world, host) = client().await;
    let id = host.id();
    let changes = asks(&id, &[("first_screen", "register")]);
    let page = world.get(&world.auth_path(&changes)).await;
    assert!(page.text.contains("Example MCP Client"), "{}", page.text);
    assert!(!page.text.contains("the-app"), "{}", page.text);
    let form = [
        ("interaction", &*interaction(&page.text)),
        ("username", "dora"),
    ];
    let page = world.post("/sign-up", &form).await;
    assert!(
        page.text.contains("in the name of <b>dora</b>"),
        "{}",
        page.text
    );
    let answer = world.answer_consent(&page, &page.cookie(), "allow").await;
    assert!(answer.location_params().contains_key("code"));
}
