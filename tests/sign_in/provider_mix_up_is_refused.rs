//! A response says which provider it is from, and one from another provider is
//! refused before the code goes anywhere (RFC 9207, RFC 9700 section 4.4).

use logto_dev_provider::{DevProvider, Endpoint};

use crate::support::app::{ALICE, TestApp, absent, settings};
use crate::support::browser::Browser;
use crate::support::refusal::{Refusal, Trial, app, app_at, rocket};
use crate::support::sessions::session_table;
use crate::support::signer::Signer;
use logto_dev_provider::SigningAlg;

#[rocket::async_test]
async fn the_issuer_of_the_response_is_compared_byte_for_byte() {
    let app = app().await;
    let other = Signer::start(SigningAlg::Es384).await;
    let issuer = app.provider.issuer();
    for wrong in [
        other.url("/oidc"),
        String::new(),
        "null".to_owned(),
        format!("{issuer}/"),
        format!("{issuer}x"),
        format!(" {issuer}"),
        issuer[..issuer.len() - 1].to_owned(),
        app.provider.endpoint(),
        issuer.to_uppercase(),
        issuer.replace("localhost", "LOCALHOST"),
        issuer.replace("localhost", "127.0.0.1"),
        issuer.replace("localhost", "x@localhost"),
        issuer.replace("http:", "https:"),
        issuer.replace("/oidc", "/%6Fidc"),
    ] {
        let trial = Trial::new(&app, format!("iss {wrong:?}"));
        app.provider.hooks().authorization_response(move |params| {
            params.retain(|(name, _)| name != "iss");
            params.push(("iss".into(), wrong.clone()));
        });
        trial
            .refuses(Refusal::before_exchange("iss_mismatch"))
            .await;
    }
    app.provider.hooks().authorization_response(|_| {});
    Trial::new(&app, "its own").accepts(ALICE).await;
    assert_eq!(other.visits(), [""; 0], "the other provider was asked");
}

#[rocket::async_test]
async fn a_provider_that_names_itself_always_does() {
    let app = app().await;
    let drop_issuer = |params: &mut Vec<(String, String)>| params.retain(|(name, _)| name != "iss");
    app.provider.hooks().authorization_response(drop_issuer);
    let trial = Trial::new(&app, "missing although advertised");
    trial.refuses(Refusal::before_exchange("iss_missing")).await;
    // With an error just the same: it may be another provider's.
    let trial = Trial::new(&app, "an error without iss");
    app.provider.hooks().authorization_response(move |params| {
        drop_issuer(params);
        params.retain(|(name, _)| name != "code");
        params.push(("error".into(), "access_denied".into()));
    });
    trial.refuses(Refusal::before_exchange("iss_missing")).await;
    app.provider.hooks().authorization_response(|_| {});
    Trial::new(&app, "there").accepts(ALICE).await;

    // A provider that never promised to need not; if it does, it must be right.
    for advertised in [None, Some(false)] {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        provider
            .hooks()
            .respond(Endpoint::Discovery, move |_, reply| {
                reply.edit_json(|metadata| {
                    let name = "authorization_response_iss_parameter_supported";
                    match advertised {
                        Some(value) => metadata[name] = value.into(),
                        None => {
                            metadata
                                .as_object_mut()
                                .map(|metadata| metadata.remove(name));
                        }
                    }
                });
            });
        let app = app_at(provider).await;
        let case = format!("advertised: {advertised:?}");
        Trial::new(&app, format!("{case}, sent"))
            .accepts(ALICE)
            .await;
        app.provider.hooks().authorization_response(drop_issuer);
        Trial::new(&app, format!("{case}, missing"))
            .accepts(ALICE)
            .await;
        app.provider.hooks().authorization_response(|params| {
            params.retain(|(name, _)| name != "iss");
            params.push(("iss".into(), "https://evil.example".into()));
        });
        let trial = Trial::new(&app, format!("{case}, wrong"));
        trial
            .refuses(Refusal::before_exchange("iss_mismatch"))
            .await;
    }
}

#[rocket::async_test]
async fn two_issuers_are_none() {
    let app = app().await;
    let issuer = app.provider.issuer();
    for second in [
        issuer.clone(),
        "https://evil.example".to_owned(),
        String::new(),
    ] {
        let trial = Trial::new(&app, format!("second iss {second:?}"));
        app.provider.hooks().authorization_response(move |params| {
            params.push(("iss".into(), second.clone()));
        });
        trial.refuses(Refusal::unrelated("iss_twice")).await;
    }
}

/// Two apps that share the browser's cookies (localhost has one jar for all
/// ports) and even the key that seals them, each with a provider of its own.
#[rocket::async_test]
async fn the_response_of_one_provider_is_nothing_to_another_ones_app() {
    let at_provider = async |alike: bool| {
        let provider = DevProvider::start(settings()).await.expect("a provider");
        provider.hooks().sign_in_as(Some(ALICE));
        let key = "0".repeat(88);
        let mut app = rocket();
        if alike {
            let figment = app.figment().clone().merge(("secret_key", key));
            app = app.configure(figment);
        }
        // Each with the name that is its own.
        TestApp::at(provider, session_table("cookie_name", absent()), app).await
    };
    // With the same key, too: a sign-in belongs to the provider it was begun at.
    for alike in [true, false] {
        let (a, b) = (at_provider(alike).await, at_provider(alike).await);
        let browser = Browser::new();
        let at_a = Trial::in_browser(&a, browser.clone(), "at home");
        let answer = at_a.callback().await;
        let at_b = Trial::in_browser(&b, at_a.browser.clone(), format!("same key: {alike}"));
        let astray = format!(
            "{}?{}",
            b.url("/callback"),
            answer.query().unwrap_or_default()
        );
        at_b.begins_anew_at(&astray).await;
        let asked = [&a, &b].map(|app| app.provider.requests_to(Endpoint::Token).len());
        assert_eq!(asked, [0, 0], "the code left the app");
        at_a.accepts_at(answer.as_str(), ALICE).await;
    }
}
