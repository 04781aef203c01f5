//! A refused bearer token leaves one line that says what it was, and what it had to be.

use serde_json::Value as Json;

use crate::support::api_app::ApiApp;
use crate::support::bearer_api::{app, forge};
use crate::support::log::lines_with;
use crate::support::targets::SHOPPING;
use logto_dev_provider::{Signing, SigningAlg};

async fn line_about(app: &ApiApp, token: &str) -> String {
    let answer = app.call("/cart", token).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    let body: Json = answer.json();
    let reference = body["reference"].as_str().expect("a reference");
    assert!(!answer.text().contains("other-api"), "{}", answer.text());
    lines_with(&format!("reference={reference}")).remove(0)
}

#[rocket::async_test]
async fn another_audience_is_told_with_the_one_expected() {
    let app = app(SigningAlg::Es384).await;
    let token = forge(&app, &Signing::Key, |_, claims| {
        claims.insert("aud".into(), "https://other-api.example/\n".into());
        claims.insert("organization_id".into(), "acme".into());
    });
    let line = line_about(&app, &token).await;
    let told = format!(
        "bearer token rejected, reason=aud reference={}: aud is [\"https://other-api.example/\"] \
         within organization_id \"acme\", expected is {SHOPPING:?}",
        line.split("reference=")
            .nth(1)
            .and_then(|rest| rest.split(':').next())
            .expect("one")
    );
    assert!(line.ends_with(&told), "{line} is not {told}");
}

/// Both algorithms, and the key.
#[rocket::async_test]
async fn another_algorithm_is_told_with_those_accepted() {
    let app = app(SigningAlg::Es384).await;
    let token = forge(&app, &Signing::Key, |header, _| {
        header.insert("alg".into(), "PS512".into());
    });
    line_about(&app, &token).await;
    let told = "token rejected, alg is \"PS512\", accepted: [ES384]; see logto.id_token_alg";
    assert!(!lines_with(told).is_empty());
}
