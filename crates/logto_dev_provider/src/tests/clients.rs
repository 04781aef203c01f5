//! How clients prove themselves at the token endpoint.

use super::*;

#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let world = World::new().await;
    let long = "x".repeat(1024 * 1024);
    let answer = world.client_post("/oidc/token", &[("code", &long)]).await;
    assert_eq!(answer.status, 413);
    let requests = world.provider.requests_to(Endpoint::Token);
    assert_eq!(requests[0].body.len(), 1024 * 1024);
}
