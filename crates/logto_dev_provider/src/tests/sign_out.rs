//! Sign-out, revocation and introspection.

use super::*;

fn end_session(params: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("/oidc/session/end?{}", query.extend_pairs(params).finish())
}

#[tokio::test]
async fn a_valid_hint_signs_out_without_asking() {
    let world = World::new().await;
    let online = [("scope", "openid"), ("prompt", "")];
    let signed_in = world.sign_in("alice", &online).await;
    let tokens = world
        .exchange(&signed_in.location_params()["code"])
        .await
        .json();
    let offline = world.tokens("alice").await;
    // An expired hint, signed by a key of yesterday, is still a hint.
    world.provider.advance_clock(Duration::from_secs(7200));
    world.provider.hooks().rotate_keys();
    let path = end_session(&[
        ("id_token_hint", tokens["id_token"].as_str().unwrap()),
        ("client_id", "the-app"),
        ("post_logout_redirect_uri", "http://localhost:3000/"),
        ("state", "xyz"),
    ]);
    let answer = world.get_with_cookie(&path, &signed_in.cookie()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(
        answer.header("location"),
        "http://localhost:3000/?state=xyz"
    );
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    let again = world
        .get_with_cookie(&world.auth_path(&[("prompt", "none")]), &signed_in.cookie())
        .await;
    assert_eq!(again.location_params()["error"], "login_required");
    assert_eq!(world.get(&path).await.status, 303, "without a session too");
    assert_eq!(
        world.refresh(&offline["refresh_token"], &[]).await.status,
        200
    );
}

#[tokio::test]
async fn only_offline_access_outlives_the_session() {
    let world = World::new().await;
    for (changes, expected) in [
        (&[("scope", "openid"), ("prompt", "")][..], 401),
        (&[("scope", "openid offline_access")], 200),
    ] {
        let signed_in = world.sign_in("alice", changes).await;
        let tokens = world
            .exchange(&signed_in.location_params()["code"])
            .await
            .json();
        let path = end_session(&[("id_token_hint", tokens["id_token"].as_str().unwrap())]);
        let answer = world.get_with_cookie(&path, &signed_in.cookie()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("Signed out"));
        let userinfo = world
            .userinfo(tokens["access_token"].as_str().unwrap())
            .await;
        assert_eq!(userinfo.status, expected);
    }
}

#[tokio::test]
async fn without_a_hint_the_user_is_asked() {
    let world = World::new().await;
    let cookie = world.sign_in("alice", &[]).await.cookie();
    let params = [
        ("client_id", "the-app"),
        ("post_logout_redirect_uri", "http://localhost:3000/"),
    ];
    let page = world.get_with_cookie(&end_session(&params), &cookie).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Sign out?"));
    let silent = world.auth_path(&[("prompt", "none")]);
    let still = world.get_with_cookie(&silent, &cookie).await;
    assert!(still.location_params().contains_key("code"));

    let confirm = || {
        world
            .form("/oidc/session/end/confirm", &params)
            .header(COOKIE, &cookie)
    };
    let cross_site = world
        .send(confirm().header("sec-fetch-site", "cross-site"))
        .await;
    assert_eq!(cross_site.status, 403);
    let answer = world.send(confirm()).await;
    assert_eq!(answer.header("location"), "http://localhost:3000/");
    let gone = world.get_with_cookie(&silent, &cookie).await;
    assert_eq!(gone.location_params()["error"], "login_required");
}

#[tokio::test]
async fn bad_sign_out_requests_are_refused_as_at_logto() {
    let world = World::new().await;
    let tokens = world.tokens("alice").await;
    let hint = ("id_token_hint", tokens["id_token"].as_str().unwrap());
    let home = ("post_logout_redirect_uri", "http://localhost:3000/");
    let garbage = world
        .get(&end_session(&[("id_token_hint", "garbage"), home]))
        .await;
    garbage.assert_like("e-end-session-garbage-hint");
    let other = ("post_logout_redirect_uri", "http://localhost:3000/other");
    let unregistered = world.get(&end_session(&[hint, other])).await;
    unregistered.assert_like("e-end-session-unregistered-uri");
    let forged = format!("{}AA", hint.1);
    assert_eq!(
        world
            .get(&end_session(&[("id_token_hint", &forged), home]))
            .await
            .status,
        400
    );
    let mismatch = world
        .get(&end_session(&[hint, ("client_id", "other")]))
        .await;
    assert_eq!(mismatch.status, 400);
    let nobodys = world.get(&end_session(&[home])).await;
    assert_eq!(
        nobodys.status, 200,
        "without a client the URI counts for nothing"
    );
}

#[tokio::test]
async fn revocation_and_introspection_are_as_at_logto() {
    let world = World::with(|settings| settings.sid = true).await;
    let tokens = world.tokens_for("alice", &[("resource", SHOPPING)]).await;
    let access_token = ("token", tokens["access_token"].as_str().unwrap());
    let refresh_token = ("token", tokens["refresh_token"].as_str().unwrap());
    let introspect = async |token| {
        let answer = world
            .client_post("/oidc/token/introspection", &[token])
            .await;
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let names = |body: &Value| {
        let mut names: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let recorded_body = |fixture| recorded(fixture)["body"].clone();
    let opaque = recorded_body("32-introspection-opaque");
    assert_eq!(names(&introspect(access_token).await), names(&opaque));
    let body = introspect(refresh_token).await;
    assert_eq!(
        names(&body),
        names(&recorded_body("15-introspection-refresh"))
    );
    assert!(
        body["scope"]
            .as_str()
            .unwrap()
            .split(' ')
            .any(|scope| scope == "read")
    );
    assert_eq!(
        introspect(("token", "xx")).await,
        recorded_body("15-introspection-garbage")
    );
    let jwt = world
        .refresh(&tokens["refresh_token"], &[("resource", SHOPPING)])
        .await
        .json();
    let jwt = ("token", jwt["access_token"].as_str().unwrap());
    let answer = world.client_post("/oidc/token/introspection", &[jwt]).await;
    answer.assert_like("32-introspection-jwt");

    let revoke = async |token| {
        let answer = world.client_post("/oidc/token/revocation", &[token]).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    };
    assert_eq!(
        world
            .post("/oidc/token/revocation", &[access_token])
            .await
            .status,
        400
    );
    revoke(("token", "unknown")).await;
    revoke(jwt).await;
    revoke(access_token).await;
    assert_eq!(world.userinfo(access_token.1).await.status, 401);
    let refreshed = world.refresh(&tokens["refresh_token"], &[]).await.json();
    revoke(refresh_token).await;
    world
        .refresh(&tokens["refresh_token"], &[])
        .await
        .assert_like("e-refresh-after-revocation");
    let userinfo = world
        .userinfo(refreshed["access_token"].as_str().unwrap())
        .await;
    assert_eq!(userinfo.status, 401, "the whole grant is gone");
}
