//! Rotations of the signing key, compared with what Logto 1.42 publishes.

use super::*;

/// The types of the published keys, newest first, and the announced algorithms.
async fn published(world: &World) -> (Vec<String>, Vec<String>) {
    let keys = world.get("/oidc/jwks").await.json();
    let metadata = world.get("/oidc/.well-known/openid-configuration").await;
    let algs = metadata.json()["id_token_signing_alg_values_supported"].clone();
    let keys = keys["keys"].as_array().unwrap().iter();
    let types = keys.map(|key| match key.get("alg") {
        Some(alg) => format!("{} {}", key["kty"], alg).replace('"', ""),
        None => key["kty"].as_str().unwrap().to_owned(),
    });
    (types.collect(), serde_json::from_value(algs).unwrap())
}

#[tokio::test]
async fn two_keys_are_kept_of_whatever_type() {
    let world = World::new().await;
    let hint = world.tokens("alice").await["id_token"].clone();
    let tokens = world.tokens("alice").await;
    let hinted = async || {
        let hint = hint.as_str().unwrap();
        let path = format!("/oidc/session/end?id_token_hint={hint}&client_id=the-app");
        world.get(&path).await
    };
    let (ec, rsa) = ("EC ES384", "RSA");
    // As recorded: an RSA key does not say how it signs, and might do so in two ways.
    let (es, both, rs) = (
        &["ES384"][..],
        &["ES384", "PS256", "RS256"][..],
        &["PS256", "RS256"][..],
    );
    assert_eq!(published(&world).await, strings(&[ec], es));
    for (hint_is_good, form, location, keys, algs) in [
        (true, &[][..], "/?done=rotated", [ec, ec], es),
        (true, &[("type", "RSA")], "/?done=type", [rsa, ec], both),
        (false, &[], "/?done=rotated", [rsa, rsa], rs),
        (false, &[("type", "EC")], "/?done=type", [ec, rsa], both),
    ] {
        assert_eq!(hinted().await.status == 200, hint_is_good, "{form:?}");
        let answer = world.post("/keys", form).await;
        assert_eq!(answer.header("location"), location);
        assert_eq!(published(&world).await, strings(&keys, algs), "{form:?}");
        let refreshed = world.refresh(&tokens["refresh_token"], &[]).await.json();
        let (header, _) = decoded(refreshed["id_token"].as_str().unwrap());
        let now = world.get("/oidc/jwks").await.json()["keys"][0].clone();
        assert_eq!(header["kid"], now["kid"]);
        let alg = if keys[0] == ec { "ES384" } else { "RS256" };
        assert_eq!(header["alg"], alg);
        let page = world.get(location).await.text;
        super::html::check(&page);
        assert!(page.contains("nobody is signed out"));
    }
    hinted()
        .await
        .assert_like("31-end-session-hint-of-other-key-type");
}

fn strings(keys: &[&str], algs: &[&str]) -> (Vec<String>, Vec<String>) {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    (owned(keys), owned(algs))
}

#[tokio::test]
async fn the_method_does_what_the_button_does() {
    let world = World::new().await;
    let tokens = world.tokens("alice").await;
    world.provider.rotate_keys(SigningAlg::Rs256);
    let algs = published(&world).await.1;
    assert_eq!(algs, ["ES384", "PS256", "RS256"]);
    world.provider.rotate_keys(SigningAlg::Es256);
    let (keys, algs) = published(&world).await;
    assert_eq!(keys, ["EC ES256", "RSA"]);
    assert_eq!(algs, ["ES256", "PS256", "RS256"]);
    let refreshed = world.refresh(&tokens["refresh_token"], &[]).await.json();
    let (header, _) = decoded(refreshed["id_token"].as_str().unwrap());
    assert_eq!(header["alg"], "ES256");
}
