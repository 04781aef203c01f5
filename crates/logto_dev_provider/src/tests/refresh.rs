//! Refresh tokens: how long they live, and what they give.

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

#[tokio::test]
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
    world.provider.advance_clock(day * 10);
    let refreshed = world.refresh(first, &[]).await.json();
    assert_ne!(&refreshed["refresh_token"], first);
    world.provider.advance_clock(day * 14);
    let expired = world.refresh(&refreshed["refresh_token"], &[]).await;
    expired.assert_like("e-refresh-garbage");
}

#[tokio::test]
async fn rotated_refresh_tokens_work_three_seconds_more_then_kill_the_grant() {
    let world = World::new().await;
    let hooks = world.provider.hooks();
    hooks.rotate_refresh_tokens(true);
    // The provider reads the machine's clock by the second: the third one is met
    // only where no other passes. On a busy machine that may take a few attempts.
    let mut attempts = 0..50;
    let (first, second, again) = loop {
        let first = world.tokens("alice").await["refresh_token"].clone();
        let began = unix_second();
        let second = world.refresh(&first, &[]).await.json()["refresh_token"].clone();
        world.provider.advance_clock(Duration::from_secs(3));
        let again = world.refresh(&first, &[]).await;
        if unix_second() == began {
            break (first, second, again);
        }
        assert!(attempts.next().is_some(), "each took longer than a second");
    };
    assert_ne!(first, second);
    assert_eq!(again.status, 200);
    let third = again.json()["refresh_token"].clone();
    assert_ne!(second, third);
    world.provider.advance_clock(Duration::from_secs(1));
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

#[tokio::test]
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

#[tokio::test]
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

#[tokio::test]
async fn suspended_users_are_out() {
    let world = World::new().await;
    let tokens = world.tokens("bob").await;
    let page = world.get(&world.auth_path(&[])).await;
    let bob = ("user", "bob7d4dc6y32");
    let answer = world.post("/suspend", &[bob, ("suspend", "yes")]).await;
    let done = "/user?id=bob7d4dc6y32&done=suspended";
    assert_eq!((answer.status, answer.header("location")), (303, done));
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

    // What Logto has ended stays ended.
    world.post("/suspend", &[bob, ("suspend", "no")]).await;
    world
        .refresh(&tokens["refresh_token"], &[])
        .await
        .assert_like("e-refresh-suspended-user");
    world.tokens("bob").await;
}

#[tokio::test]
async fn parallel_refreshes_with_one_token_all_get_through() {
    let world = std::sync::Arc::new(World::new().await);
    world.provider.hooks().rotate_refresh_tokens(true);
    let token = world.tokens("alice").await["refresh_token"].clone();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (world, token) = (world.clone(), token.clone());
        all.spawn(async move { world.refresh(&token, &[]).await.status });
    }
    assert_eq!(all.join_all().await, [200; 50]);
    let requests = world.provider.requests_to(Endpoint::Token);
    assert_eq!(requests.len(), 51);
}

fn unix_second() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}
