//! An authorization response is accepted only by the browser that asked for
//! it, once, for the attempt it answers: no signing in as the attacker, no
//! injected code (RFC 9700 sections 4.5 and 4.7, RFC 7636).

use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use logto_dev_provider::Endpoint;
use rocket::serde::json::Value;
use url::Url;

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::{Browser, CROSS_SITE, query};
use crate::support::refusal::{NOBODY, Refusal, SESSION, Trial, app, who_is};
use crate::support::signer::base64url;

/// The same address with one query parameter replaced, or removed.
fn with(url: &Url, name: &str, value: Option<&str>) -> String {
    let mut changed = url.clone();
    let others = url.query_pairs().filter(|(known, _)| known != name);
    let others: Vec<_> = others
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect();
    changed.query_pairs_mut().clear().extend_pairs(others);
    if let Some(value) = value {
        changed.query_pairs_mut().append_pair(name, value);
    }
    changed.into()
}

fn state(url: &Url) -> String {
    query(url, "state").expect("a state")
}

/// Bob's browser, and the address his sign-in would end at.
async fn attacker(app: &TestApp) -> (Trial<'_>, Url) {
    app.provider.hooks().sign_in_as(Some(BOB));
    let attacker = Trial::new(app, "the attacker");
    let callback = attacker.callback().await;
    app.provider.hooks().sign_in_as(Some(ALICE));
    (attacker, callback)
}

#[rocket::async_test]
async fn a_state_that_was_not_given_out_is_refused_or_begins_anew() {
    let app = app().await;
    let (_, foreign) = attacker(&app).await;
    for (case, value) in [
        ("missing", None),
        ("empty", Some("")),
        (
            "a second one, made up",
            Some("again.AAAAAAAAAAAAAAAAAAAAAA"),
        ),
    ] {
        let trial = Trial::new(&app, case);
        let callback = trial.callback().await;
        let changed = with(&callback, "state", value);
        let reason = match case {
            "missing" | "empty" => "state_missing",
            _ => "state_unknown",
        };
        trial.refuses_at(&changed, Refusal::unrelated(reason)).await;
        // The sign-in under way can still be finished.
        trial.accepts_at(callback.as_str(), ALICE).await;
    }
    for (case, value) in [
        ("foreign", state(&foreign)),
        ("made up", "AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        ("a path", "../../logto_session".to_owned()),
    ] {
        let trial = Trial::new(&app, case);
        let callback = trial.callback().await;
        let changed = with(&callback, "state", Some(&value));
        trial.begins_anew_at(&changed).await;
        trial.accepts_at(callback.as_str(), ALICE).await;
    }
    for (case, edit) in [
        ("cut", (|state| state[1..].to_owned()) as fn(&str) -> String),
        ("longer", |state| format!("{state}A")),
        ("other case", |state| state.to_uppercase() + "a"),
        ("a space after", |state| format!("{state} ")),
    ] {
        let trial = Trial::new(&app, case);
        let callback = trial.callback().await;
        let changed = with(&callback, "state", Some(&edit(&state(&callback))));
        trial.begins_anew_at(&changed).await;
        trial.accepts_at(callback.as_str(), ALICE).await;
    }
    // Ours, with the mark of a second one.
    let trial = Trial::new(&app, "marked");
    let callback = trial.callback().await;
    let marked = with(
        &callback,
        "state",
        Some(&format!("again.{}", state(&callback))),
    );
    trial
        .refuses_at(&marked, Refusal::unrelated("state_unknown"))
        .await;
    trial.accepts_at(callback.as_str(), ALICE).await;
}

/// Login CSRF (CVE-2025-68158, CVE-2025-14546, CVE-2023-27490): the victim is
/// made to open the attacker's response.
#[rocket::async_test]
async fn nobody_is_signed_in_by_an_attackers_link() {
    let app = app().await;
    let links: [(&str, &str); 2] = [("typed", ""), ("followed", CROSS_SITE)];
    for (how, from) in links {
        let (attacker, callback) = attacker(&app).await;
        let victim = Trial::new(&app, format!("{how}, nothing under way"));
        let before = victim.traces();
        let page = open(&victim.browser, &callback, from).await;
        victim.is_beginning(&page, before).await;
        assert_eq!(who_is(&app, &victim.browser).await, NOBODY, "{how}");
        // It ends as the victim's own, as after a link to the sign-in.
        let hops = victim.browser.follow_all(page, 5).await;
        assert_eq!(hops.last().expect("a page").text(), ALICE, "{how}");

        let victim = Trial::new(&app, format!("{how}, own sign-in under way"));
        let own = victim.callback().await;
        let before = victim.traces();
        let page = open(&victim.browser, &callback, from).await;
        victim.is_beginning(&page, before).await;
        assert_eq!(who_is(&app, &victim.browser).await, NOBODY, "{how}");
        victim.accepts_at(own.as_str(), ALICE).await;

        // Signed in already: stays who they are, and the code goes nowhere.
        let before = app.provider.requests_to(Endpoint::Token).len();
        let page = open(&victim.browser, &callback, from).await;
        assert_eq!(
            page.location().map(String::from),
            Some(app.url("/")),
            "{how}"
        );
        assert_eq!(page.set_cookies(), [""; 0], "{how}");
        assert_eq!(who_is(&app, &victim.browser).await, ALICE, "{how}");
        assert_eq!(app.provider.requests_to(Endpoint::Token).len(), before);

        // The link was a good one, where it belongs.
        attacker.accepts_at(callback.as_str(), BOB).await;
    }
}

async fn open(browser: &Browser, url: &Url, from: &str) -> crate::support::browser::Response {
    match from {
        "" => browser.navigate(url).await,
        page => browser.navigate_from(page, url).await,
    }
}

/// The same as a form that another site posts.
#[rocket::async_test]
async fn nobody_is_signed_in_by_an_attackers_form() {
    let app = app().await;
    let (_, callback) = attacker(&app).await;
    let victim = Trial::new(&app, "cross-site form");
    let own = victim.callback().await;
    for answer in [&callback, &own] {
        let pairs: Vec<_> = answer.query_pairs().collect();
        let form: Vec<_> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
        let before = victim.traces();
        let page = victim
            .browser
            .cross_site_post(app.url("/callback"), &form)
            .await;
        let unrelated = Refusal::unrelated("state_unknown");
        victim.is_refusal(&page, before, unrelated).await;
    }
    victim.accepts_at(own.as_str(), ALICE).await;
}

#[rocket::async_test]
async fn a_response_is_good_once() {
    let app = app().await;
    let trial = Trial::new(&app, "opened again");
    let callback = trial.callback().await;
    let copy = Trial::in_browser(&app, trial.browser.clone(), "cookies copied before");
    trial.accepts_at(callback.as_str(), ALICE).await;

    // Back button, reload: where the user wanted to be, and no second exchange.
    let session = trial.browser.cookie(SESSION);
    let page = trial.browser.navigate(&callback).await;
    assert_eq!(page.location().map(String::from), Some(app.url("/")));
    assert_eq!(trial.browser.cookie(SESSION), session);
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 1);

    let signed_out = Trial::new(&app, "without the cookies");
    signed_out.begins_anew_at(callback.as_str()).await;
    // A thief of the cookies comes too late; the code goes nowhere again.
    let used = Refusal::before_exchange("state_used");
    copy.refuses_at(callback.as_str(), used).await;
    copy.begins_anew_at(callback.as_str()).await;
    assert_eq!(app.provider.requests_to(Endpoint::Token).len(), 1);
}

#[rocket::async_test]
async fn a_refused_response_is_used_up_too() {
    let app = app().await;
    app.provider.hooks().id_token(|_, claims| {
        claims.insert("nonce".into(), "wrong".into());
    });
    let trial = Trial::new(&app, "refused");
    let callback = trial.callback().await;
    let refusal = Refusal::after_exchange("id_token_nonce");
    trial.refuses_at(callback.as_str(), refusal).await;
    app.provider.hooks().id_token(|_, _| {});
    trial.begins_anew_at(callback.as_str()).await;
    trial.accepts(ALICE).await;
}

/// RFC 9700 section 4.5: a leaked code is of no use in another transaction.
#[rocket::async_test]
async fn an_injected_code_fails_at_the_verifier() {
    let app = app().await;
    let victim = Trial::new(&app, "the victim");
    let leaked = victim.callback().await;
    let (attacker, own) = attacker(&app).await;
    let code = query(&leaked, "code");
    let injected = with(&own, "code", code.as_deref());
    let refusal = Refusal::after_exchange("token_invalid_grant");
    attacker.refuses_at(&injected, refusal).await;

    // The other way round: the victim's transaction, the attacker's code.
    let (_, foreign) = self::attacker(&app).await;
    let victim = Trial::new(&app, "the victim, injected");
    let own = victim.callback().await;
    let injected = with(&own, "code", query(&foreign, "code").as_deref());
    victim.refuses_at(&injected, refusal).await;
}

/// Nor in another tab of the same browser.
#[rocket::async_test]
async fn the_codes_of_two_tabs_cannot_be_swapped() {
    let app = app().await;
    let browser = Browser::new();
    let one = Trial::in_browser(&app, browser.clone(), "one tab");
    let (first, second) = (one.callback().await, one.callback().await);
    let both = one.browser.clone();
    let swapped = with(&first, "code", query(&second, "code").as_deref());
    let refusal = Refusal::after_exchange("token_invalid_grant");
    one.refuses_at(&swapped, refusal).await;

    // And states neither: it is the same exchange.
    let other = Trial::in_browser(&app, both, "other tab");
    let third = other.callback().await;
    let swapped = with(&third, "state", Some(&state(&second)));
    other.refuses_at(&swapped, refusal).await;
}

/// A provider that mixes up its answers, or does not check PKCE at all: the
/// whole token response of one tab given to the other.
#[rocket::async_test]
async fn the_tokens_of_two_tabs_cannot_be_swapped() {
    let app = app().await;
    let answers: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let kept = answers.clone();
    app.provider
        .hooks()
        .respond(Endpoint::Token, move |_, reply| {
            kept.lock().expect("the answers").push(reply.body.clone());
        });
    let one = Trial::new(&app, "the first tab");
    let (first, second) = (one.callback().await, one.callback().await);
    let other = Trial::in_browser(&app, one.browser.clone(), "the second tab");
    one.accepts_at(first.as_str(), ALICE).await;

    let answer = answers.lock().expect("the answers")[0].clone();
    let swapped = answer.clone();
    app.provider
        .hooks()
        .respond(Endpoint::Token, move |_, reply| {
            reply.body = swapped.clone();
        });
    let refusal = Refusal::after_exchange("id_token_nonce");
    other.refuses_at(second.as_str(), refusal).await;

    // Only the ID token: the nonce is looked at before at_hash.
    let third = other.callback().await;
    app.provider
        .hooks()
        .respond(Endpoint::Token, move |_, reply| {
            let answer: Value = rocket::serde::json::from_slice(&answer).expect("JSON");
            reply.edit_json(|body| body["id_token"] = answer["id_token"].clone());
        });
    other.refuses_at(third.as_str(), refusal).await;
    app.provider.hooks().behave(Endpoint::Token);
    let afterwards = Trial::new(&app, "afterwards");
    afterwards.accepts(ALICE).await;
}

/// RFC 7636 section 4, RFC 9700 section 2.1.1.
#[rocket::async_test]
async fn every_exchange_proves_who_asked() {
    let app = app().await;
    for n in 0..3 {
        Trial::new(&app, format!("number {n}")).accepts(ALICE).await;
    }
    let asked = app.provider.requests_to(Endpoint::Auth);
    let exchanged = app.provider.requests_to(Endpoint::Token);
    assert_eq!((asked.len(), exchanged.len()), (3, 3));
    let mut seen = Vec::new();
    for (asked, exchanged) in asked.iter().zip(&exchanged) {
        assert_eq!(asked.query_value("code_challenge_method"), Some("S256"));
        let verifier = exchanged.form_value("code_verifier").expect("a verifier");
        assert!((43..=128).contains(&verifier.len()), "{}", verifier.len());
        let challenge = base64url(digest(&SHA256, verifier.as_bytes()));
        assert_eq!(asked.query_value("code_challenge"), Some(&*challenge));
        let secret = |name| asked.query_value(name).expect(name).to_owned();
        seen.extend([verifier.to_owned(), secret("state"), secret("nonce")]);
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "a secret was used twice");
}

/// Downgrade (RFC 9700 section 4.8.2): somebody takes the challenge out of the
/// authorization request. The verifier is sent all the same, so that the
/// provider notices.
#[rocket::async_test]
async fn a_request_robbed_of_its_challenge_does_not_sign_in() {
    let app = app().await;
    let trial = Trial::new(&app, "no challenge");
    let start = trial.browser.navigate(app.url("/again")).await;
    let mut robbed = start.location().expect("the provider");
    for name in ["code_challenge", "code_challenge_method"] {
        robbed = Url::parse(&with(&robbed, name, None)).expect("a URL");
    }
    let answer = trial.browser.navigate(&robbed).await;
    let callback = answer.location().expect("an answer");
    assert!(query(&callback, "code").is_some(), "{callback}");
    let refusal = Refusal::after_exchange("token_invalid_grant");
    trial.refuses_at(callback.as_str(), refusal).await;
    let exchanged = app.provider.requests_to(Endpoint::Token);
    assert!(exchanged[0].form_value("code_verifier").is_some());
    trial.accepts(ALICE).await;
}
