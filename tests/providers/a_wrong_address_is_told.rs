//! An address of the provider that is wrong is understood where it can be, and otherwise
//! told: the log names the address that was asked and the key it was made of.

use logto_dev_provider::DevProvider;
use rocket::figment::value::Dict;

use crate::support::app::{TestApp, settings};
use crate::support::browser::Browser;
use crate::support::eventually::eventually;
use crate::support::log::lines_with;
use crate::support::pages::pages;
use crate::support::serve::{Served, free_port};

async fn app_at(endpoint: &str) -> Served {
    TestApp::serve(free_port(), endpoint, Dict::new(), pages()).await
}

/// The log has it, and nobody can sign in.
async fn tells(endpoint: &str, parts: &[&str]) {
    let app = app_at(endpoint).await;
    let page = Browser::new().navigate(app.url("/sign-in")).await;
    assert_eq!(page.status(), 503, "{endpoint}: {}", page.text());
    let [first, others @ ..] = parts else {
        panic!("nothing to look for");
    };
    let told = async || {
        let lines = lines_with(first);
        lines.iter().any(|line| {
            line.contains("provider not ready") && others.iter().all(|part| line.contains(part))
        })
    };
    eventually(&format!("{parts:?} in the log"), told).await;
    for part in parts {
        assert!(
            !page.page().text.contains(part),
            "{endpoint}: the page has {part}"
        );
    }
}

#[rocket::async_test]
async fn logtos_issuer_in_the_place_of_its_endpoint_is_understood() {
    for pasted in ["/oidc", "/oidc/", "/oidc/.well-known/openid-configuration"] {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        let endpoint = provider.endpoint();
        let app = app_at(&format!("{}{pasted}", endpoint.trim_end_matches('/'))).await;
        let start = Browser::new().navigate(app.url("/sign-in")).await;
        assert_eq!(start.status(), 303, "{pasted}: {}", start.text());
        let to = start.location().expect("a Location");
        assert!(
            to.as_str().starts_with(&provider.issuer()),
            "{pasted}: {to}"
        );
    }
}

#[rocket::async_test]
async fn a_document_that_is_not_there_is_told_with_its_address_and_the_key() {
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let endpoint = format!("{}/elsewhere", provider.endpoint().trim_end_matches('/'));
    let url = format!("{endpoint}/oidc/.well-known/openid-configuration");
    tells(&endpoint, &[&url, "404", "logto.endpoint", "logto.issuer"]).await;
}

#[rocket::async_test]
async fn a_host_that_cannot_be_reached_is_named() {
    let gone = format!("localhost:{}", free_port());
    let connect = format!("could not connect: {gone}: ");
    tells(&format!("http://{gone}"), &[&connect]).await;

    let unknown = "could not connect: no-such-host.invalid: ";
    tells("http://no-such-host.invalid", &[unknown]).await;

    // Not the certificate authority's fault: there is no TLS.
    let provider = DevProvider::start(settings()).await.expect("a provider");
    let plain = provider.endpoint().replace("http://", "https://");
    let host = plain.trim_start_matches("https://").trim_end_matches('/');
    tells(&plain, &[&format!("could not connect: {host}: ")]).await;
}
