//! Discovery, the authorization endpoint and the sign-in page.

use super::*;

#[rocket::async_test]
async fn a_whole_code_flow() {
    let world = World::new().await;
    let metadata = world.get("/oidc/.well-known/openid-configuration").await.json();
    let issuer = format!("http://localhost:{}/oidc", world.provider.port());
    assert_eq!(metadata["issuer"], issuer.as_str());
    let recorded = recorded("01-discovery");
    for (name, value) in metadata.as_object().unwrap() {
        if let Some(url) = value.as_str() {
            let logto = recorded["body"][name].as_str().unwrap();
            assert_eq!(url, logto.replace("3001", &world.provider.port().to_string()), "{name}");
        }
    }

    let answer = world.sign_in("alice", &[]).await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").starts_with(CALLBACK));
    let params = answer.location_params();
    assert_eq!(params["state"], "the-state");
    assert_eq!(params["iss"], issuer);

    let tokens = world.exchange(&params["code"]).await;
    assert_eq!((tokens.status, tokens.header("cache-control")), (200, "no-store"));
    let tokens = tokens.json();
    assert_eq!(tokens["access_token"].as_str().unwrap().len(), 43);
    assert_eq!(tokens["expires_in"], 3600);
    let (header, claims) = decoded(tokens["id_token"].as_str().unwrap());
    assert_eq!((&header["alg"], &header["typ"]), (&"ES384".into(), &"JWT".into()));
    assert_eq!(claims["nonce"], "the-nonce");
    assert_eq!(claims["aud"], "the-app");
    let keys = world.get("/oidc/jwks").await.json();
    assert_eq!(keys["keys"][0]["kid"], header["kid"]);

    let userinfo = world.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(userinfo["sub"], claims["sub"]);
    let requests = world.provider.requests();
    let endpoints: Vec<Endpoint> = requests.iter().map(|request| request.endpoint).collect();
    use Endpoint::*;
    assert_eq!(endpoints, [Discovery, Auth, Page, Token, Jwks, UserInfo]);
    assert_eq!(requests[3].form_value("code_verifier"), Some(VERIFIER));
}
