//! Discovery, the authorization endpoint and the sign-in page.

use super::*;

#[tokio::test]
async fn a_whole_code_flow() {
    let world = World::new().await;
    let metadata = world
        .get("/oidc/.well-known/openid-configuration")
        .await
        .json();
    let issuer = format!("http://localhost:{}/oidc", world.provider.port());
    assert_eq!(metadata["issuer"], issuer.as_str());
    let recorded = recorded("01-discovery");
    for (name, value) in metadata.as_object().unwrap() {
        if let Some(url) = value.as_str() {
            let logto = recorded["body"][name].as_str().unwrap();
            assert_eq!(
                url,
                logto.replace("3001", &world.provider.port().to_string()),
                "{name}"
            );
        }
    }

    serde_json::from_value::<openidconnect::core::CoreProviderMetadata>(metadata.clone()).unwrap();

    let answer = world.sign_in("alice", &[]).await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with(CALLBACK));
    let params = answer.location_params();
    assert_eq!(params["state"], "the-state");
    assert_eq!(params["iss"], issuer);

    let tokens = world.exchange(&params["code"]).await;
    assert_eq!(
        (tokens.status, tokens.header("cache-control")),
        (200, "no-store")
    );
    let tokens = tokens.json();
    assert_eq!(tokens["access_token"].as_str().unwrap().len(), 43);
    assert_eq!(tokens["expires_in"], 3600);
    let (header, claims) = decoded(tokens["id_token"].as_str().unwrap());
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&"ES384".into(), &"JWT".into())
    );
    assert_eq!(claims["nonce"], "the-nonce");
    assert_eq!(claims["aud"], "the-app");
    let keys = world.get("/oidc/jwks").await.json();
    assert_eq!(keys["keys"][0]["kid"], header["kid"]);

    let userinfo = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(userinfo["sub"], claims["sub"]);
    let requests = world.provider.requests();
    let endpoints: Vec<Endpoint> = requests.iter().map(|request| request.endpoint).collect();
    use Endpoint::*;
    assert_eq!(endpoints, [Discovery, Auth, Page, Token, Jwks, UserInfo]);
    assert_eq!(requests[3].form_value("code_verifier"), Some(VERIFIER));
}

#[tokio::test]
async fn refused_requests_are_refused_as_at_logto() {
    let world = World::new().await;
    let unknown_client = world
        .get(&world.auth_path(&[("client_id", "nosuch")]))
        .await;
    unknown_client.assert_like("e-auth-unknown-client");
    assert_eq!(unknown_client.json()["state"], "the-state");
    let other = ("redirect_uri", "http://localhost:3000/other");
    world
        .get(&world.auth_path(&[other]))
        .await
        .assert_like("e-auth-bad-redirect_uri");

    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("prompt", "bogus")], "e-auth-bad-prompt"),
        (&[("scope", "profile email")], "e-auth-missing-openid"),
        (&[("code_challenge_method", "plain")], "e-auth-plain-pkce"),
        (&[("prompt", "none")], "e-auth-prompt-none-without-session"),
        (
            &[("resource", "https://unknown.example.com/api")],
            "e-auth-unknown-resource",
        ),
        (
            &[("response_type", "token")],
            "e-auth-unsupported-response_type",
        ),
    ];
    for (changes, fixture) in cases {
        let answer = world.get(&world.auth_path(changes)).await;
        let logto = recorded(fixture);
        assert_eq!(answer.status, 303, "{fixture}");
        let theirs = Url::parse(logto["headers"]["location"].as_str().unwrap()).unwrap();
        // Only state and issuer are not the same.
        let masked = |url: &Url| {
            let response = url.query().or(url.fragment()).unwrap();
            let pairs = url::form_urlencoded::parse(response.as_bytes()).into_owned();
            let own = |name: &str| matches!(name, "state" | "iss");
            pairs
                .map(|(n, v)| if own(&n) { (n, String::new()) } else { (n, v) })
                .collect::<Vec<_>>()
        };
        assert_eq!(masked(&answer.location()), masked(&theirs), "{fixture}");
        assert_eq!(
            answer.location().query().is_some(),
            theirs.query().is_some(),
            "{fixture}"
        );
    }
    let twice = world.get(&(world.auth_path(&[]) + "&state=b")).await;
    assert_eq!(twice.location_params()["error"], "invalid_request");
}

#[tokio::test]
async fn a_session_signs_in_again_without_asking() {
    let world = World::new().await;
    let signed_in = world.sign_in("alice", &[("scope", "openid profile")]).await;
    let cookie = signed_in.cookie();
    assert!(cookie.starts_with(&format!("dev_provider_session_{}=", world.provider.port())));
    let auth = async |changes: &[(&str, &str)]| {
        let changes: Vec<_> = [("scope", "openid profile")]
            .into_iter()
            .filter(|_| changes.iter().all(|(name, _)| *name != "scope"))
            .chain(changes.iter().copied())
            .collect();
        world
            .get_with_cookie(&world.auth_path(&changes), &cookie)
            .await
    };
    for prompt in ["", "none", "consent"] {
        assert!(
            auth(&[("prompt", prompt)])
                .await
                .location_params()
                .contains_key("code"),
            "{prompt}"
        );
    }
    assert_eq!(auth(&[("prompt", "login")]).await.status, 200, "asks again");
    let more = auth(&[("prompt", "none"), ("scope", "openid email")]).await;
    assert_eq!(more.location_params()["error"], "consent_required");
    assert!(
        auth(&[("max_age", "60")])
            .await
            .location_params()
            .contains_key("code")
    );
    world.provider.advance_clock(Duration::from_secs(61));
    assert_eq!(auth(&[("max_age", "60")]).await.status, 200, "asks again");
    world.provider.suspend("alice", true);
    assert_eq!(auth(&[]).await.status, 200, "asks again");
    world.provider.suspend("alice", false);
    assert_eq!(auth(&[]).await.status, 200, "the session stays ended");

    for everybody in [true, false] {
        let signed_in = world.sign_in("alice", &[]).await;
        let path = world.auth_path(&[]);
        let auth = async || world.get_with_cookie(&path, &signed_in.cookie()).await;
        assert_eq!(auth().await.status, 303);
        assert!(world.provider.end_sessions_of("bob"));
        assert_eq!(auth().await.status, 303, "another user's");
        match everybody {
            true => world.provider.end_sessions(),
            false => assert!(world.provider.end_sessions_of("alice")),
        }
        assert_eq!(auth().await.status, 200, "asks again");
    }
    assert!(!world.provider.end_sessions_of("nobody"));
}

#[tokio::test]
async fn auth_time_is_there_when_it_was_asked_for() {
    let world = World::new().await;
    for (change, expected) in [("consent", false), ("login", true), ("login consent", true)] {
        let tokens = world.tokens_for("alice", &[("prompt", change)]).await;
        let (_, claims) = decoded(tokens["id_token"].as_str().unwrap());
        assert_eq!(claims.get("auth_time").is_some(), expected, "{change}");
    }
    let tokens = world.tokens_for("alice", &[("max_age", "300")]).await;
    let (_, claims) = decoded(tokens["id_token"].as_str().unwrap());
    assert!(claims["auth_time"].is_u64());
}

#[tokio::test]
async fn cancel_is_bare_and_deny_is_an_error() {
    let world = World::new().await;
    let page = world.get(&world.auth_path(&[])).await;
    let interaction = ("interaction", interaction(&page.text));
    let press = async |action| {
        world
            .post(
                "/sign-in",
                &[(interaction.0, &interaction.1), ("action", action)],
            )
            .await
    };
    assert_eq!(press("cancel").await.header("location"), CALLBACK);
    let denied = press("deny").await.location_params();
    assert_eq!(
        (&*denied["error"], &*denied["state"]),
        ("access_denied", "the-state")
    );
    assert_eq!(denied["iss"], world.provider.issuer());
    let unknown = world
        .post("/sign-in", &[("interaction", "x"), ("user", "alice")])
        .await;
    assert_eq!(unknown.status, 400);
    world.provider.advance_clock(Duration::from_secs(3600));
    assert_eq!(press("deny").await.status, 400, "the page is too old");
}

#[tokio::test]
async fn the_sign_in_page_escapes_and_is_locked_down() {
    let world = World::new().await;
    let changes = [
        ("login_hint", "bob"),
        ("first_screen", "register"),
        ("ui_locales", "<de>"),
    ];
    let page = world.get(&world.auth_path(&changes)).await;
    assert!(!page.text.contains("<b>O'Hara") && !page.text.contains("<de>"));
    assert!(
        page.text
            .contains("Zoë &lt;b&gt;O&#x27;Hara&lt;&#x2F;b&gt; &amp; &quot;Söhne&quot; 🦀"),
        "{}",
        page.text
    );
    assert!(page.text.contains("<h1>Sign up</h1>"));
    assert!(page.text.contains(r#"value="bob7d4dc6y32" autofocus"#));
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' http://localhost:3000"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!page.text.contains("<script"));
    assert_eq!(
        page.header("server"),
        "logto_dev_provider",
        "and no version"
    );
    let style = world.get("/assets/dev-provider.css").await;
    assert_eq!(
        (style.status, style.header("content-type")),
        (200, "text/css; charset=utf-8")
    );

    let dropped = world
        .get(&world.auth_path(&[("login_hint", "bob"), ("first_screen", "x")]))
        .await;
    assert!(dropped.text.contains("Logto drops all of them"));
    assert!(!dropped.text.contains("autofocus"));
    assert_eq!(world.get("/nowhere").await.status, 404);
}

#[tokio::test]
async fn form_post_and_fragment_responses() {
    let world = World::new().await;
    world.provider.hooks().sign_in_as(Some("alice"));
    let page = world
        .get(&world.auth_path(&[("response_mode", "form_post"), ("state", "\"<")]))
        .await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains(&format!(
            r#"action="{}""#,
            "http:&#x2F;&#x2F;localhost:3000&#x2F;callback"
        )),
        "{}",
        page.text
    );
    assert!(page.text.contains(r#"name="state" value="&quot;&lt;""#));
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("script-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let answer = world
        .get(&world.auth_path(&[("response_mode", "fragment")]))
        .await;
    assert!(answer.location().fragment().unwrap().starts_with("code="));
}

#[tokio::test]
async fn pushed_requests_work_once() {
    let world = World::new().await;
    let path = world.auth_path(&[]);
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(path.split_once('?').unwrap().1.as_bytes())
            .into_owned()
            .collect();
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(world.post("/oidc/request", &pairs).await.status, 401);
    let pushed = world.client_post("/oidc/request", &pairs).await;
    assert_eq!(
        (pushed.status, &pushed.json()["expires_in"]),
        (201, &60.into())
    );
    let request_uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("client_id", "the-app")
        .append_pair("request_uri", &request_uri);
    let path = format!("/oidc/auth?{}", query.finish());
    world.provider.hooks().sign_in_as(Some("alice"));
    assert_eq!(
        world.get(&path).await.location_params()["state"],
        "the-state"
    );
    assert_eq!(
        world.get(&path).await.json()["error"],
        "invalid_request_uri"
    );
}

#[tokio::test]
async fn the_issuer_can_be_at_any_path_and_keep_its_name_out_of_the_response() {
    let world = World::with(|settings| {
        settings.issuer_path = "/a/b/".into();
        settings.jwks_path = "/k/1".into();
        settings.response_iss = false;
    })
    .await;
    let (endpoint, issuer) = (world.provider.endpoint(), world.provider.issuer());
    assert_eq!(issuer, format!("{endpoint}/a/b/"));
    let metadata = world.get("/a/b/.well-known/openid-configuration").await;
    let metadata = metadata.json();
    assert_eq!(metadata["issuer"], issuer);
    assert_eq!(metadata["token_endpoint"], format!("{endpoint}/a/b/token"));
    assert_eq!(metadata["jwks_uri"], format!("{endpoint}/a/b/k/1"));
    let named = &metadata["authorization_response_iss_parameter_supported"];
    assert_eq!(*named, false);
    assert_eq!(world.get("/a/b/k/1").await.status, 200);
    for elsewhere in ["/a/b/jwks", "/oidc/jwks", "/k/1"] {
        assert_eq!(world.get(elsewhere).await.status, 404, "{elsewhere}");
    }
    world.provider.hooks().sign_in_as(Some("alice"));
    let callback: String = url::form_urlencoded::byte_serialize(CALLBACK.as_bytes()).collect();
    let request = format!(
        "/a/b/auth?client_id=the-app&response_type=code&scope=openid&redirect_uri={callback}"
    );
    let response = world.get(&request).await.location_params();
    assert!(response.contains_key("code"), "{response:?}");
    assert!(!response.contains_key("iss"), "{response:?}");
}

#[tokio::test]
async fn in_front_of_it_may_be_another_origin() {
    let world = World::with(|settings| {
        settings.public_origin = Some("https://id.example".into());
    })
    .await;
    assert_eq!(world.provider.issuer(), "https://id.example/oidc");
    // Reached by its port all the same.
    let url = format!(
        "http://localhost:{}/oidc/.well-known/openid-configuration",
        world.provider.port()
    );
    let metadata = world.send(world.http.get(url)).await.json();
    assert_eq!(metadata["jwks_uri"], "https://id.example/oidc/jwks");
}

#[tokio::test]
async fn what_is_no_path_does_not_start() {
    for path in ["", "oidc", "//evil.example", "/<any..>", "/a?b", "/a//b"] {
        for of_keys in [false, true] {
            let mut settings = Settings::new("the-app", "secret");
            match of_keys {
                true => settings.jwks_path = path.into(),
                false => settings.issuer_path = path.into(),
            }
            let refused = DevProvider::start(settings).await;
            let refused = refused.err().map(|error| error.to_string());
            let text = refused.unwrap_or_else(|| panic!("{path:?} starts"));
            assert!(text.contains(&format!("not {path:?}")), "{text}");
        }
    }
}
