//! What a state file keeps across restarts, and how.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::accounts::SignUp;

/// A folder that only this test has.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("{name}-{}", crate::crypto::random_id()));
    fs::create_dir(&folder).unwrap();
    folder
}

async fn at(path: &Path) -> World {
    World::with(|settings| settings.state_file = Some(path.to_owned())).await
}

async fn restarted(world: World, path: &Path) -> World {
    world.provider.stop().await;
    at(path).await
}

fn kids(keys: &Value) -> Vec<String> {
    let keys = keys["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn users_roles_and_keys_survive_a_restart() {
    let folder = folder("kept");
    let path = folder.join("state.json");
    let world = at(&path).await;
    let dora = SignUp::named("dora");
    let dora = world.provider.provider.sign_up(&dora).unwrap();
    assert!(world.provider.suspend("alice", true));
    let roles = [
        ("user", &*dora),
        ("role", "shopper"),
        ("member", "acme5obvzg01"),
    ];
    world.post("/roles", &roles).await;
    world.post("/delete", &[("user", "zoe")]).await;
    world.post("/keys", &[("type", "RSA")]).await;
    let keys = kids(&world.get("/oidc/jwks").await.json());
    let token = world.tokens("bob").await["id_token"].clone();

    let world = restarted(world, &path).await;
    assert_eq!(kids(&world.get("/oidc/jwks").await.json()), keys);
    let hint = token.as_str().unwrap();
    let path_of_end = format!("/oidc/session/end?id_token_hint={hint}");
    assert_eq!(world.get(&path_of_end).await.status, 200);
    let tokens = world.tokens("dora").await;
    let (header, claims) = decoded(tokens["id_token"].as_str().unwrap());
    assert_eq!(header["alg"], "RS256");
    assert_eq!(claims["sub"], dora.as_str());
    assert_eq!(claims["roles"][0], "shopper");
    assert_eq!(claims["organizations"][0], "acme5obvzg01");
    let page = world.get("/").await.text;
    assert_eq!(page.matches("Bring back").count(), 1, "{page}");
    assert!(!page.contains("zoe9rsidux5q"), "{page}");

    // Deleted, and brought back: as if they had never been.
    world.post("/delete", &[("user", &dora)]).await;
    world.provider.suspend("alice", false);
    let world = restarted(world, &path).await;
    assert!(world.provider.provider.seed().user("dora").is_none());
    world.tokens("alice").await;

    // Other settings go before what was kept.
    world.provider.stop().await;
    let world = World::with(|settings| {
        settings.state_file = Some(path.clone());
        settings.signing_alg = SigningAlg::Es256;
    })
    .await;
    let now = kids(&world.get("/oidc/jwks").await.json());
    assert_eq!(now[1], keys[0], "the key before stays published");
    fs::remove_dir_all(folder).unwrap();
}

/// The browser, the application and its API notice nothing of a restart.
#[tokio::test]
async fn who_is_signed_in_stays_signed_in() {
    let folder = folder("signed-in");
    let path = folder.join("state.json");
    let world = at(&path).await;
    let signed_in = world.sign_in("alice", &[]).await;
    let cookie = signed_in.cookie().split_once('=').unwrap().1.to_owned();
    let code = &signed_in.location_params()["code"];
    let alice = world.exchange(code).await.json();
    let bob = world.tokens("bob").await;
    let zoe = world.tokens("zoe").await;
    assert!(world.provider.suspend("bob", true));
    let revoked = ("token", zoe["refresh_token"].as_str().unwrap());
    world
        .client_post("/oidc/token/revocation", &[revoked])
        .await;

    let world = restarted(world, &path).await;
    let refreshed = world.refresh(&alice["refresh_token"], &[]).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text);
    let token = alice["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(token).await.status, 200);
    let silent = world.auth_path(&[("prompt", "none")]);
    // The name has the port in it.
    let cookie = format!("dev_provider_session_{}={cookie}", world.provider.port());
    let silently = world.get_with_cookie(&silent, &cookie).await;
    assert!(silently.location_params().contains_key("code"));
    for gone in [&bob, &zoe] {
        let refused = world.refresh(&gone["refresh_token"], &[]).await;
        refused.assert_like("e-refresh-suspended-user");
    }

    // Ended by hand, it stays ended; what has expired is left behind.
    world.provider.end_sessions();
    let world = restarted(world, &path).await;
    let silently = world.get_with_cookie(&silent, &cookie).await;
    assert_eq!(silently.location_params()["error"], "login_required");
    world
        .provider
        .advance_clock(Duration::from_secs(15 * 24 * 3600));
    world.provider.rotate_keys(SigningAlg::Es384);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for none in ["sessions", "grants", "access_tokens", "refresh_tokens"] {
        assert_eq!(kept["signed_in"][none], Value::Array(Vec::new()), "{none}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn the_file_is_replaced_as_a_whole_and_nobody_else_reads_it() {
    let folder = folder("whole");
    let path = folder.join("state.json");
    let world = at(&path).await;
    let before = fs::read_to_string(&path).unwrap();
    // Another name of the file there is now: it would show what is written into it.
    let seen = folder.join("seen");
    fs::hard_link(&path, &seen).unwrap();
    world.provider.suspend("alice", true);
    assert_eq!(fs::read_to_string(&seen).unwrap(), before);
    let now = fs::read_to_string(&path).unwrap();
    assert!(now.contains("alice4hy6kz2"), "{now}");
    fs::remove_file(seen).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A link stays one.
        let link = folder.join("link.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let world = restarted(world, &link).await;
        world.provider.suspend("bob", true);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&path).unwrap().contains("bob7d4dc6y32"));
        fs::remove_file(link).unwrap();
    }
    let left: Vec<_> = fs::read_dir(&folder).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    fs::remove_dir_all(folder).unwrap();
}

/// As a test has it beside the running app, with the same configuration.
#[cfg(unix)]
#[tokio::test]
async fn a_second_provider_takes_nothing_from_the_first() {
    let folder = folder("second");
    let path = folder.join("state.json");
    let first = at(&path).await;
    first.provider.suspend("alice", true);
    let second = at(&path).await;
    assert!(
        second
            .provider
            .provider
            .seed()
            .user("alice")
            .unwrap()
            .suspended
    );
    let before = fs::read_to_string(&path).unwrap();
    second.provider.suspend("bob", true);
    second.tokens("zoe").await;
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let page = second.get("/").await.text;
    assert!(
        page.contains("Another provider that is running has"),
        "{page}"
    );
    first.provider.suspend("zoe", true);
    assert_ne!(fs::read_to_string(&path).unwrap(), before);

    // The next one has it, also while the first is not quite gone.
    first.provider.shutdown();
    let third = at(&path).await;
    third.provider.suspend("alice", false);
    first.provider.suspend("zoe", false);
    let fourth = restarted(third, &path).await;
    let seed = fourth.provider.provider.seed().clone();
    let suspended = ["alice", "bob", "zoe"].map(|user| seed.user(user).unwrap().suspended);
    assert_eq!(suspended, [false, false, true]);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn what_cannot_be_kept_is_told() {
    let folder = folder("told");
    let path = folder.join("state.json");
    let world = at(&path).await;
    // Nobody can write there any more, the superuser included.
    fs::remove_dir_all(&folder).unwrap();
    world.provider.suspend("alice", true);
    let page = world.get("/user?id=alice&done=suspended").await.text;
    assert!(page.contains("The last change is not kept:"), "{page}");
    assert!(page.contains("state.json cannot be written"), "{page}");
    fs::create_dir(&folder).unwrap();
    world.provider.suspend("alice", false);
    let page = world.get("/").await.text;
    assert!(!page.contains("not kept"), "{page}");
    assert!(page.contains("are kept in <code>"), "{page}");
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_broken_file_ends_the_start_and_stays_as_it_is() {
    let folder = folder("broken");
    let path = folder.join("state.json");
    at(&path).await.provider.stop().await;
    let good = fs::read_to_string(&path).unwrap();
    let bad_key = good.replace("\"private_key\": \"", "\"private_key\": \"AAAA");
    let new_version = good.replace("\"version\": 1", "\"version\": 2");
    let unknown = good.replace(
        "\"users\": []",
        "\"users\": [{\n\"id\": \"x\",\n\"roels\": []}]",
    );
    for (text, words) in [
        ("", ", line 1: EOF"),
        ("{\n  \"version\": 1,\n}", ", line 3: trailing comma"),
        (&good[..good.len() / 2], ", line "),
        (&*unknown, "unknown field `roels`"),
        (&*bad_key, "the private key of"),
        (&*new_version, "its version is 2"),
    ] {
        fs::write(&path, text).unwrap();
        let mut settings = Settings::new("the-app", "secret");
        settings.state_file = Some(path.clone());
        let error = DevProvider::start(settings).await.unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains(words), "{words}: {error}");
        assert!(error.contains("delete it to start afresh"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    // Where it cannot be, which is known before anybody relies on it.
    for path in [folder.join("no/such/folder.json"), folder.clone()] {
        let mut settings = Settings::new("the-app", "secret");
        settings.state_file = Some(path.clone());
        let error = DevProvider::start(settings).await.unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn nothing_is_written_unless_it_is_to_be() {
    let folder = folder("memory");
    let path = folder.join("state.json");
    let mut settings = Settings::new("the-app", "secret");
    settings.state_file = Some(path.clone());
    let provider = DevProvider::in_memory(settings).unwrap();
    provider.suspend("alice", true);
    provider.rotate_keys(SigningAlg::Es384);
    assert!(!path.exists(), "in memory");
    fs::remove_dir_all(folder).unwrap();
}
