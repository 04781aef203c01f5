//! Authorization codes.

use super::*;

#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
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
    world.provider.advance_clock(Duration::from_secs(60));
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
