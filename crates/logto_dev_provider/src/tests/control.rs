//! The control page: what its buttons do, as Logto does it, and who may press them.

use super::html::check;
use super::*;

const FORMS: [&str; 6] = [
    "/suspend",
    "/delete",
    "/roles",
    "/end-sessions",
    "/access",
    "/keys",
];

#[tokio::test]
async fn roles_and_memberships_show_at_the_next_refresh() {
    let world = World::new().await;
    let tokens = world.tokens("bob").await;
    let page = world.get("/user?id=bob7d4dc6y32").await;
    check(&page.text);
    let ticked = |page: &str| -> Vec<String> {
        let boxes = page.split("<input type=\"checkbox\" name=\"").skip(1);
        let ticked = boxes.filter(|input| input.split('>').next().unwrap().ends_with("checked"));
        let name = |input: &str| input.split("\" value=\"").nth(1).unwrap().to_owned();
        ticked
            .map(|input| name(input).split('"').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ticked(&page.text), ["reader", "acme5obvzg01"]);

    let form = [
        ("user", "bob7d4dc6y32"),
        ("role", "shopper"),
        ("new_role", " editor "),
        ("role_in:globexfrcji1", "admin"),
        ("role_in:globexfrcji1", "no such role"),
        ("member", "no such organization"),
    ];
    let answer = world.post("/roles", &form).await;
    assert_eq!(
        answer.header("location"),
        "/user?id=bob7d4dc6y32&done=roles"
    );
    let page = world.get(answer.header("location")).await;
    check(&page.text);
    assert!(page.text.contains(r#"role="status">Saved."#));
    assert_eq!(
        ticked(&page.text),
        ["editor", "shopper", "globexfrcji1", "admin"]
    );

    let refreshed = world.refresh(&tokens["refresh_token"], &[]).await.json();
    let (_, claims) = decoded(refreshed["id_token"].as_str().unwrap());
    let userinfo = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await
        .json();
    for claims in [claims, userinfo] {
        let list = |name: &str| serde_json::from_value::<Vec<String>>(claims[name].clone());
        assert_eq!(list("roles").unwrap(), ["shopper", "editor"]);
        assert_eq!(list("organizations").unwrap(), ["globexfrcji1"]);
        let roles = list("organization_roles").unwrap();
        assert_eq!(roles, ["globexfrcji1:admin"]);
    }
    let globex = [("organization_id", "globexfrcji1")];
    let token = world.refresh(&tokens["refresh_token"], &globex).await;
    assert_eq!(token.json()["scope"], "manage:members view:reports");
    let acme = [("organization_id", "acme5obvzg01")];
    let refused = world.refresh(&tokens["refresh_token"], &acme).await;
    refused.assert_like("e-organization-token-not-member-initech");
}

#[tokio::test]
async fn a_deleted_user_is_gone() {
    let world = World::new().await;
    let tokens = world.tokens("alice").await;
    let signed_in = world.sign_in("alice", &[]).await;
    let page = world.get(&world.auth_path(&[])).await;
    let answer = world.post("/delete", &[("user", "alice4hy6kz2")]).await;
    assert_eq!(answer.header("location"), "/?done=deleted");
    let control = world.get("/?done=deleted").await;
    check(&control.text);
    assert!(control.text.contains(r#"role="status">Deleted"#));
    assert!(!control.text.contains("Alice Example"));

    // The same answers as for somebody suspended, at Logto, too.
    let refused = world.refresh(&tokens["refresh_token"], &[]).await;
    refused.assert_like("e-refresh-suspended-user");
    let token = tokens["access_token"].as_str().unwrap();
    let refused = world.userinfo(token).await;
    refused.assert_like("e-userinfo-suspended-user");
    let silent = world.auth_path(&[("prompt", "none")]);
    let silent = world.get_with_cookie(&silent, &signed_in.cookie()).await;
    assert_eq!(silent.location_params()["error"], "login_required");
    let interaction = interaction(&page.text);
    let form = [("interaction", &*interaction), ("user", "alice4hy6kz2")];
    let refused = world.post("/sign-in", &form).await;
    assert_eq!(refused.status, 401);
    assert!(refused.text.contains("There is no such account"));

    for path in FORMS.iter().filter(|path| **path != "/keys") {
        let answer = world.post(path, &[("user", "alice4hy6kz2")]).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(world.get("/user?id=alice4hy6kz2").await.status, 404);
    check(&world.get("/user").await.text);
}

/// As Logto has it: a suspension is told by nobody, the end of sessions by a logout token.
#[tokio::test]
async fn only_the_end_of_sessions_is_told_to_the_application() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/logout", listener.local_addr().unwrap());
    let world = World::with(|settings| {
        settings.sid = true;
        settings.backchannel_logout_uri = Some(uri);
    })
    .await;
    let signed_in = world.sign_in("alice", &[]).await;
    let silent = world.auth_path(&[("prompt", "none")]);
    for (path, more) in [
        ("/suspend", ("suspend", "yes")),
        ("/suspend", ("suspend", "no")),
    ] {
        let answer = world.post(path, &[("user", "bob"), more]).await;
        assert_eq!(answer.status, 303);
    }
    world.post("/delete", &[("user", "zoe")]).await;
    let answer = world.post("/end-sessions", &[("user", "alice")]).await;
    let page = world.get(answer.header("location")).await;
    assert!(page.text.contains("a logout token is on its way"));
    check(&page.text);

    // The first that comes is of the last of these.
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut received = String::new();
    let token = loop {
        let mut buffer = [0; 4096];
        let length = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer)
            .await
            .unwrap();
        assert_ne!(length, 0, "{received}");
        received.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        let body = received.split_once("\r\n\r\n").map(|(_, body)| body);
        let token = body.and_then(|body| body.strip_prefix("logout_token="));
        if let Some(token) = token.filter(|token| token.split('.').count() == 3) {
            break token.to_owned();
        }
    };
    let (_, claims) = decoded(&token);
    assert_eq!(claims["sub"], "alice4hy6kz2");
    assert!(claims.get("sid").is_none(), "of all sessions: {claims}");
    let gone = world.get_with_cookie(&silent, &signed_in.cookie()).await;
    assert_eq!(gone.location_params()["error"], "login_required");

    world.provider.set_backchannel_logout_uri(None);
    let page = world.get("/user?id=bob&done=ended").await;
    assert!(page.text.contains("the application is not told"));
}

/// Every form by every kind of request that is not from the pages themselves.
#[tokio::test]
async fn other_sites_change_nothing() {
    let world = World::new().await;
    let port = world.provider.port();
    let before = world.get("/").await.text;
    let keys = world.get("/oidc/jwks").await.text;
    let page = world.get(&world.auth_path(&[])).await;
    let interaction = interaction(&page.text);
    let form = [
        ("user", "bob"),
        ("suspend", "yes"),
        ("type", "RSA"),
        ("interaction", &interaction),
        ("username", "dora"),
    ];
    let origin = format!("http://localhost:{}", port.wrapping_add(1));
    let rebound = format!("evil.example:{port}");
    let user_name = format!("localhost:{port}@evil.example");
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", &origin),
        // DNS rebinding: the browser takes it for the same origin.
        ("host", &rebound),
        ("host", "localhost.evil.example"),
        ("host", &user_name),
    ] {
        for path in FORMS.iter().chain(&["/sign-in", "/sign-up"]) {
            let mut request = world.form(path, &form).header(name, value);
            if name == "host" {
                request = request
                    .header("sec-fetch-site", "same-origin")
                    .header("origin", format!("http://{value}"));
            }
            let answer = world.send(request).await;
            assert_eq!(answer.status, 403, "{path}, {name}: {value}");
            check(&answer.text);
        }
    }
    assert_eq!(world.get("/").await.text, before);
    assert_eq!(world.get("/oidc/jwks").await.text, keys);
    // Nor is anything shown there.
    let url = format!("{}/user?id=bob", world.provider.endpoint());
    let shown = world
        .send(world.http.get(url).header("host", rebound))
        .await;
    assert_eq!(shown.status, 403);

    // The pages themselves, by each name of this machine.
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("{host}:{port}");
        for own in [
            ("sec-fetch-site", "same-origin".to_owned()),
            ("origin", format!("http://{host}")),
        ] {
            let request = world.form("/suspend", &[("user", "bob"), ("suspend", "yes")]);
            let request = request.header("host", &host).header(own.0, &own.1);
            assert_eq!(world.send(request).await.status, 303, "{host}, {own:?}");
        }
    }
}

#[tokio::test]
async fn a_name_in_front_of_it_is_its_own() {
    let world = World::with(|settings| {
        settings.public_origin = Some("https://id.example".into());
    })
    .await;
    let url = format!("http://localhost:{}/", world.provider.port());
    for (host, status) in [("id.example", 200), ("localhost", 200), ("x.example", 403)] {
        let request = world.http.get(&url).header("host", host);
        assert_eq!(world.send(request).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn the_control_page_is_locked_down_and_says_what_it_is() {
    let world = World::new().await;
    for path in ["/", "/user?id=zoe", "/?done=rotated", "/?done=x"] {
        let page = world.get(path).await;
        assert_eq!(page.status, 200);
        check(&page.text);
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!page.text.contains("<b>O'Hara"), "{}", page.text);
    }
    let page = world.get("/").await.text;
    for words in [
        "it listens on this machine only",
        "never for production",
        "Changes end with the process",
        "/user?id&#x3D;zoe9rsidux5q",
    ] {
        let words = words.replace("&#x3D;", "=").replacen('/', "&#x2F;", 1);
        assert!(page.contains(&words), "{words}: {page}");
    }
    let sign_in = world.get(&world.auth_path(&[])).await;
    assert!(sign_in.text.contains(r#"<a href="/">control page</a>"#));
}
