//! `acr_values`: Logto's two levels, the pretended second factor, and what the tokens say
//! of it.

use serde_json::json;

use super::html::check;
use super::*;

const ONE: &str = "urn:logto:acr:1fa";
const MFA: &str = "urn:logto:acr:mfa";

impl World {
    /// Answers the page of the second factor.
    async fn second_factor(&self, page: &Answer, action: &str) -> Answer {
        let interaction = interaction(&page.text);
        let form = [("interaction", interaction.as_str()), ("action", action)];
        self.post("/second-factor", &form).await
    }

    /// All tokens of a sign-in with a second factor.
    async fn strong(&self, changes: &[(&str, &str)]) -> (Value, String) {
        let page = self.sign_in("alice", changes).await;
        let answer = self.second_factor(&page, "accept").await;
        let code = answer.location_params().remove("code").expect("a code");
        (self.exchange(&code).await.json(), answer.cookie())
    }
}

fn claims(token: &Value) -> Value {
    decoded(token.as_str().expect("a token")).1
}

fn authentication(claims: &Value) -> (Value, Value) {
    (claims["acr"].clone(), claims["amr"].clone())
}

#[tokio::test]
async fn all_tokens_say_how_the_user_has_authenticated() {
    let world = World::new().await;
    let changes = [
        ("acr_values", MFA),
        ("resource", SHOPPING),
        ("resource", ORGANIZATIONS),
    ];
    let (tokens, _) = world.strong(&changes).await;
    let expected = (json!(MFA), json!(["pwd", "otp", "mfa"]));
    let id_token = claims(&tokens["id_token"]);
    assert_eq!(authentication(&id_token), expected);
    let at = &id_token["auth_time"];
    assert!(at.is_u64());

    // A refresh is about the same authentication, for whatever token.
    for target in [("resource", SHOPPING), ("organization_id", "acme5obvzg01")] {
        let fresh = world
            .refresh(&tokens["refresh_token"], &[target])
            .await
            .json();
        let access = claims(&fresh["access_token"]);
        assert_eq!(
            (authentication(&access), &access["auth_time"]),
            (expected.clone(), at)
        );
        assert_eq!(authentication(&claims(&fresh["id_token"])), expected);
    }
    let opaque = tokens["access_token"].as_str().expect("a token");
    let asked = world
        .client_post("/oidc/token/introspection", &[("token", opaque)])
        .await;
    let asked = asked.json();
    assert_eq!(
        (authentication(&asked), &asked["auth_time"]),
        (expected, at)
    );

    // Who asks for nothing is told nothing, as before.
    let tokens = world.tokens("alice").await;
    let id_token = claims(&tokens["id_token"]);
    for name in ["acr", "amr", "auth_time"] {
        assert_eq!(id_token.get(name), None, "{name}");
    }
}

#[tokio::test]
async fn one_factor_needs_no_second_one() {
    let world = World::new().await;
    for values in [
        ONE.to_owned(),
        format!("{ONE} {MFA}"),
        format!("urn:x {ONE}"),
    ] {
        let tokens = world.tokens_for("bob", &[("acr_values", &values)]).await;
        let said = authentication(&claims(&tokens["id_token"]));
        assert_eq!(said, (json!(ONE), json!(["pwd"])), "{values}");
    }
}

#[tokio::test]
async fn a_session_remembers_its_level() {
    let world = World::new().await;
    let (_, strong) = world.strong(&[("acr_values", MFA)]).await;
    let go = async |cookie: &str, changes: &[(&str, &str)]| {
        world
            .get_with_cookie(&world.auth_path(changes), cookie)
            .await
    };
    // The stronger session goes straight through, for less as well.
    for values in [MFA, ONE] {
        let answer = go(&strong, &[("acr_values", values), ("prompt", "none")]).await;
        let code = answer.location_params().remove("code").expect("a code");
        let tokens = world.exchange(&code).await.json();
        assert_eq!(claims(&tokens["id_token"])["acr"], MFA, "{values}");
    }
    let weak = world
        .sign_in("alice", &[("acr_values", ONE)])
        .await
        .cookie();
    assert!(
        go(&weak, &[("acr_values", ONE)])
            .await
            .location_params()
            .contains_key("code")
    );

    // The weaker one is asked for what is missing, as the user who is signed in.
    let page = go(&weak, &[("acr_values", MFA)]).await;
    assert_eq!(page.status, 200);
    check(&page.text);
    assert!(page.text.contains("<b>Alice Example</b>"), "{}", page.text);
    let answer = world.second_factor(&page, "accept").await;
    let code = answer.location_params().remove("code").expect("a code");
    let id_token = claims(&world.exchange(&code).await.json()["id_token"]);
    assert_eq!(
        (id_token["sub"].as_str(), &id_token["acr"]),
        (Some("alice4hy6kz2"), &json!(MFA))
    );
    // Without anything to see that cannot be.
    let error = async |cookie: &str| {
        let silent = [("acr_values", MFA), ("prompt", "none")];
        go(cookie, &silent).await.location_params()["error"].clone()
    };
    assert_eq!(error(&weak).await, "unmet_authentication_requirements");
    assert_eq!(error("x=y").await, "login_required");
    assert!(
        go(&answer.cookie(), &[("acr_values", MFA)])
            .await
            .location_params()
            .contains_key("code")
    );
}

#[tokio::test]
async fn what_cannot_be_met_is_an_error() {
    let world = World::new().await;
    let unmet = |answer: Answer| {
        let params = answer.location_params();
        assert_eq!(
            params["error"], "unmet_authentication_requirements",
            "{}",
            answer.text
        );
        assert_eq!(params["state"], "the-state");
        assert!(!params.contains_key("code"));
        params["error_description"].clone()
    };
    let not_obtained = "requested authentication context could not be obtained";
    // Bob has no second factor; Alice does not want to use hers.
    assert_eq!(
        unmet(world.sign_in("bob", &[("acr_values", MFA)]).await),
        not_obtained
    );
    let page = world.sign_in("alice", &[("acr_values", MFA)]).await;
    assert_eq!(
        unmet(world.second_factor(&page, "none").await),
        not_obtained
    );
    let answer = world
        .get(&world.auth_path(&[("acr_values", "urn:x 2")]))
        .await;
    assert_eq!(
        unmet(answer),
        "none of the requested acr_values is supported"
    );

    // The second factor alone is none, and whoever is suspended meanwhile is out.
    let page = world.get(&world.auth_path(&[("acr_values", MFA)])).await;
    assert_eq!(world.second_factor(&page, "accept").await.status, 400);
    let page = world.sign_in("alice", &[("acr_values", MFA)]).await;
    world.provider.suspend("alice", true);
    let answer = world.second_factor(&page, "accept").await;
    assert!(answer.header("location").is_empty(), "{}", answer.text);
}
