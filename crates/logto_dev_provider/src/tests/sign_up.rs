//! Somebody new signs up, or is told why not.

use super::html::check;
use super::*;
use crate::accounts::USERS_MAX;

/// The sign-up page of a new sign-in, and the sign-in's name.
async fn page(world: &World, changes: &[(&str, &str)]) -> (Answer, String) {
    let changes = [&[("first_screen", "register")], changes].concat();
    let page = world.get(&world.auth_path(&changes)).await;
    check(&page.text);
    let interaction = interaction(&page.text);
    (page, interaction)
}

async fn sign_up(world: &World, interaction: &str, fields: &[(&str, &str)]) -> Answer {
    let form = [&[("interaction", interaction)], fields].concat();
    world.post("/sign-up", &form).await
}

#[tokio::test]
async fn somebody_new_signs_up_and_is_signed_in() {
    let world = World::new().await;
    let (_, interaction) = page(&world, &[]).await;
    let fields = [
        ("username", " dora "),
        ("name", "Dora <i>"),
        ("email", "dora@example.com"),
    ];
    let answer = sign_up(&world, &interaction, &fields).await;
    assert!(answer.cookie().starts_with("dev_provider_session_"));
    let code = &answer.location_params()["code"];
    let tokens = world.exchange(code).await.json();
    let (_, claims) = decoded(tokens["id_token"].as_str().unwrap());
    let sub = claims["sub"].as_str().unwrap();
    assert_eq!(sub.len(), "alice4hy6kz2".len());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    assert!(sub.chars().all(plain), "{sub}");
    let userinfo = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(userinfo["username"], "dora");
    assert_eq!(userinfo["name"], "Dora <i>");
    assert_eq!(userinfo["email"], "dora@example.com");
    for none in ["roles", "organizations"] {
        assert_eq!(userinfo[none], Value::Array(Vec::new()), "{none}");
    }
    let created_at = userinfo["created_at"].as_u64().unwrap() / 1000;
    assert!(created_at.abs_diff(claims["iat"].as_u64().unwrap()) < 60);

    // One of the others from now on. Without a name and an address they are null.
    let again = world.sign_in("dora", &[]).await;
    assert!(again.location_params().contains_key("code"));
    let (_, interaction) = page(&world, &[]).await;
    let bare = sign_up(&world, &interaction, &[("username", "emil")]).await;
    let tokens = world.exchange(&bare.location_params()["code"]).await.json();
    let (_, claims) = decoded(tokens["id_token"].as_str().unwrap());
    assert!(claims["name"].is_null() && claims["email"].is_null());
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays() {
    let world = World::new().await;
    let (_, interaction) = page(&world, &[]).await;
    let before = world.provider.provider.seed().users.len();
    for (username, words) in [
        ("", "Write a user name."),
        ("alice", "Alice Example has this user name already."),
        ("9\"><b>", "It cannot begin with a digit."),
        ("do ra", "Only the letters a to z"),
    ] {
        let fields = [("username", username), ("name", "Dora & co")];
        let answer = sign_up(&world, &interaction, &fields).await;
        assert_eq!(answer.status, 422, "{username}");
        check(&answer.text);
        assert!(!answer.text.contains("<b>\""), "{}", answer.text);
        assert!(answer.text.contains("<title>Error: Sign up"));
        let why = format!(r#"<p class="wrong" id="username-wrong">{words}"#);
        assert!(answer.text.contains(&why), "{}", answer.text);
        let name = r#"name="name" value="Dora &amp; co""#;
        assert!(answer.text.contains(name), "{}", answer.text);
        let (_, field) = answer.text.split_once(r#"<input id="username""#).unwrap();
        let (field, _) = field.split_once('>').unwrap();
        for attribute in [
            r#"aria-invalid="true""#,
            r#"aria-describedby="username-wrong""#,
            "autofocus",
        ] {
            assert!(field.contains(attribute), "{attribute}: {field}");
        }
    }
    let fields = [("username", "dora"), ("email", "dora@")];
    let answer = sign_up(&world, &interaction, &fields).await;
    check(&answer.text);
    assert!(answer.text.contains(r#"id="email-wrong""#));
    assert!(!answer.text.contains(r#"id="username-wrong""#));
    assert_eq!(world.provider.provider.seed().users.len(), before);
    // The same sign-in goes on.
    let answer = sign_up(&world, &interaction, &[("username", "dora")]).await;
    assert!(answer.location_params().contains_key("code"));
}

#[tokio::test]
async fn the_pages_lead_to_each_other_and_take_a_hint() {
    let world = World::new().await;
    let page_of = world.get(&world.auth_path(&[])).await;
    check(&page_of.text);
    let id = interaction(&page_of.text);
    let link = format!(r#"<a href="/sign-up?interaction={id}">"#);
    assert!(page_of.text.contains(&link), "{}", page_of.text);
    let sign_up_page = world.get(&format!("/sign-up?interaction={id}")).await;
    check(&sign_up_page.text);
    assert_eq!(interaction(&sign_up_page.text), id);
    let back = world.get(&format!("/sign-in?interaction={id}")).await;
    check(&back.text);
    assert_eq!(interaction(&back.text), id);
    for path in ["/sign-up?interaction=x", "/sign-in", "/sign-up"] {
        assert_eq!(world.get(path).await.status, 400, "{path}");
    }
    let unknown = sign_up(&world, "x", &[("username", "dora")]).await;
    assert_eq!(unknown.status, 400);

    for (hint, filled) in [
        ("dora", r#"name="username" value="dora""#),
        ("d@example.com", r#"name="email" value="d@example.com""#),
        // Somebody who is here is not somebody new.
        ("bob", r#"name="username" value="""#),
    ] {
        let (page, _) = page(&world, &[("login_hint", hint)]).await;
        assert!(page.text.contains(filled), "{hint}: {}", page.text);
    }
    let mode = [("interaction_mode", "signUp")];
    let page = world.get(&world.auth_path(&mode)).await;
    assert!(page.text.contains("<h1>Sign up</h1>"));
}

#[tokio::test]
async fn nobody_fills_the_memory() {
    let world = World::new().await;
    let (_, id) = page(&world, &[]).await;
    for n in 0..USERS_MAX {
        let form = SignUpForm::named(&format!("u{n}"));
        world.provider.provider.sign_up(&form).unwrap();
    }
    let full = sign_up(&world, &id, &[("username", "dora")]).await;
    assert_eq!(full.status, 403);
    check(&full.text);
    assert!(full.text.contains("1000 users have signed up"));
    assert_eq!(world.provider.provider.seed().users.len(), 3 + USERS_MAX);
    check(&world.get("/").await.text);

    let gone = world.post("/delete", &[("user", "u7")]).await;
    assert_eq!(gone.header("location"), "/?done=deleted");
    let fits = sign_up(&world, &id, &[("username", "dora")]).await;
    assert!(fits.location_params().contains_key("code"));
}

use crate::accounts::SignUp as SignUpForm;

impl SignUpForm {
    pub(super) fn named(username: &str) -> SignUpForm {
        SignUpForm {
            username: username.into(),
            ..SignUpForm::default()
        }
    }
}
