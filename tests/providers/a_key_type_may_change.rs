//! The provider changes its type of key, from EC to RSA and back, as Logto's console
//! does it: nobody is signed out and nothing good is refused, without a restart.

use logto_dev_provider::{DevProvider, Endpoint, Signing, SigningAlg};
use rocket::futures::future::join_all;
use rocket::serde::json::serde_json::{Map, Value, json};
use rocket::{get, post, routes};
use rocket_logto::{Bearer, Error, User};

use crate::support::api_app::call;
use crate::support::app::{ALICE, CLIENT_ID, TestApp, settings};
use crate::support::bearer_api::now;
use crate::support::browser::Browser;
use crate::support::refusal::{Refusal, Trial, rocket, who_is};
use crate::support::targets::{Read, SHOPPING};
use crate::support::token_app::table;

#[post("/refresh")]
async fn refresh(user: User) -> Result<String, Error> {
    Ok(user.refresh().await?.sub().to_owned())
}

#[get("/api/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

/// An app that names no algorithm, at a provider that signs with this one.
async fn app(alg: SigningAlg) -> TestApp {
    let mut settings = settings();
    settings.signing_alg = alg;
    let provider = DevProvider::start(settings).await.expect("a provider");
    provider.hooks().sign_in_as(Some(ALICE));
    let handlers = rocket().mount("/", routes![refresh, cart]);
    TestApp::at(provider, table(), handlers).await
}

/// A bearer token that nobody has seen yet.
fn bearer_token(app: &TestApp, signing: &Signing) -> String {
    let claims = json!({
        "jti": "j", "iss": app.provider.issuer(), "sub": ALICE, "aud": SHOPPING,
        "client_id": CLIENT_ID, "iat": now(), "exp": now() + 600, "scope": "read",
    });
    let claims: Map<String, Value> = claims.as_object().cloned().expect("an object");
    let forge = |_: &mut Map<String, Value>, _: &mut Map<String, Value>| {};
    app.provider.hooks().forge(signing, "at+jwt", claims, forge)
}

async fn calls(app: &TestApp, case: &str, token: &str) {
    let answer = call(&app.url("/api/cart"), token).await;
    assert_eq!(answer.status(), 200, "{case}: {}", answer.text());
}

/// What goes on after a change.
#[derive(Clone, Copy, Debug)]
enum Step {
    Refresh,
    SignIn,
    NewBearer,
    OldBearer,
}
use Step::{NewBearer, OldBearer, Refresh, SignIn};

#[rocket::async_test]
async fn everything_goes_on_when_the_type_of_key_changes() {
    let orders = [
        [Refresh, SignIn, NewBearer, OldBearer],
        [SignIn, OldBearer, Refresh, NewBearer],
        [NewBearer, OldBearer, SignIn, Refresh],
        [OldBearer, NewBearer, Refresh, SignIn],
    ];
    let (ec, rsa) = (SigningAlg::Es384, SigningAlg::Rs256);
    for ((first, second), order) in [(ec, rsa), (rsa, ec)]
        .into_iter()
        .flat_map(|pair| orders.map(|order| (pair, order)))
    {
        let app = app(first).await;
        let hooks = app.provider.hooks();
        let alice = Trial::new(&app, "before");
        alice.accepts(ALICE).await;
        // There, and back.
        for alg in [second, first] {
            let old = bearer_token(&app, &Signing::Key);
            hooks.signing_alg(alg);
            for step in order {
                let case = format!("{} then {order:?}: {step:?}", alg.name());
                match step {
                    Refresh => {
                        let page = alice.browser.post_form(app.url("/refresh"), &[]).await;
                        assert_eq!(page.text(), ALICE, "{case}");
                    }
                    SignIn => Trial::new(&app, &*case).accepts(ALICE).await,
                    NewBearer => calls(&app, &case, &bearer_token(&app, &Signing::Key)).await,
                    OldBearer => calls(&app, &case, &old).await,
                }
                assert_eq!(who_is(&app, &alice.browser).await, ALICE, "{case}");
            }
        }
    }
}

/// Sign-ins, pages and calls of the API, while the type changes under them.
#[rocket::async_test]
async fn nobody_notices_a_change_under_load() {
    let app = app(SigningAlg::Es384).await;
    let alice = Trial::new(&app, "before");
    alice.accepts(ALICE).await;
    for alg in [SigningAlg::Rs256, SigningAlg::Es384] {
        let people: Vec<_> = (0..8)
            .map(|n| Trial::new(&app, format!("{n}, {}", alg.name())))
            .collect();
        let callbacks = join_all(people.iter().map(Trial::callback)).await;
        let old: Vec<_> = (0..8).map(|_| bearer_token(&app, &Signing::Key)).collect();
        app.provider.hooks().signing_alg(alg);
        let new: Vec<_> = (0..8).map(|_| bearer_token(&app, &Signing::Key)).collect();
        let sign_ins = people.iter().zip(&callbacks);
        let sign_ins = sign_ins.map(|(one, at)| one.accepts_at(at.as_str(), ALICE));
        let tokens = old.iter().chain(&new);
        let tokens = tokens.map(|token| calls(&app, alg.name(), token));
        let pages = (0..8).map(|_| who_is(&app, &alice.browser));
        let (_, _, pages) =
            rocket::tokio::join!(join_all(sign_ins), join_all(tokens), join_all(pages));
        assert_eq!(pages, [ALICE; 8]);
    }
}

/// An algorithm that is announced no longer counts with a key that is published still.
#[rocket::async_test]
async fn the_old_type_ends_with_its_last_key() {
    let app = app(SigningAlg::Es384).await;
    let hooks = app.provider.hooks();
    let sign_in = |case| Trial::new(&app, case);
    sign_in("EC").accepts(ALICE).await;
    let old = bearer_token(&app, &Signing::Key);
    hooks.signing_alg(SigningAlg::Rs256);
    hooks.respond(Endpoint::Jwks, |_, reply| {
        reply.edit_json(|document| {
            let keys = document["keys"].as_array_mut().expect("keys");
            keys.retain(|key| key["kty"] == "RSA");
        });
    });
    sign_in("RSA").accepts(ALICE).await;
    let answer = call(&app.url("/api/cart"), &old).await;
    assert_eq!(answer.status(), 401);
    // A new key of the old type does not bring it back.
    hooks.behave(Endpoint::Jwks);
    hooks.sign_id_tokens(Signing::Alg(SigningAlg::Es384));
    sign_in("EC, published and not announced")
        .refuses(Refusal::after_exchange("id_token_alg"))
        .await;
}

/// A token that no announcement could make good costs the provider nothing; of the
/// others three.
#[rocket::async_test]
async fn algorithms_nobody_announced_cost_no_more_than_the_bucket_holds() {
    let app = app(SigningAlg::Es384).await;
    let hooks = app.provider.hooks();
    Trial::new(&app, "ES384").accepts(ALICE).await;
    let fetches = || {
        let of = |endpoint| app.provider.requests_to(endpoint).len();
        [of(Endpoint::Discovery), of(Endpoint::Jwks)]
    };
    let before = fetches();
    let refused = async |signing: Signing| {
        hooks.sign_id_tokens(signing);
        let browser = Trial::in_browser(&app, Browser::new(), "another algorithm");
        let refusal = Refusal::after_exchange("id_token_alg");
        browser.refuses(refusal).await;
    };
    for _ in 0..4 {
        refused(Signing::None).await;
        refused(Signing::Hmac(b"secret".to_vec())).await;
    }
    assert_eq!(fetches(), before);
    for _ in 0..6 {
        refused(Signing::Alg(SigningAlg::Rs256)).await;
    }
    assert_eq!(fetches(), before.map(|fetches| fetches + 3));
}
