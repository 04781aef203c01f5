//! A time in a token is any JSON number (RFC 7519 section 2): some providers write
//! fractions, some exponents. Text is none.

use logto_dev_provider::SigningAlg;

use crate::support::app::ALICE;
use crate::support::attacks;
use crate::support::log::lines_with;
use crate::support::refusal::{Refusal, Trial, app};
use crate::support::signer::Signer;

fn now() -> i64 {
    rocket::time::OffsetDateTime::now_utc().unix_timestamp()
}

#[rocket::async_test]
async fn a_sign_in_takes_fractions_and_exponents() {
    let app = app().await;
    let signer = Signer::start(SigningAlg::Es384).await;
    signer.publish_at(&app);
    let put = |name: &'static str, text: String| {
        app.provider
            .hooks()
            .sign_id_tokens(signer.signing_text(move |header, claims| {
                let member = format!("\"{name}\":{text}");
                (header.into(), attacks::without(claims, name, &member))
            }));
    };
    let now = now();
    for (name, text) in [
        ("exp", format!("{}.5", now + 600)),
        ("exp", format!("{}.0", now + 600)),
        ("exp", "4e9".to_owned()),
        ("exp", "4E+9".to_owned()),
        ("iat", format!("{now}.0")),
        ("iat", format!("{now}.999999")),
        ("iat", format!("{now}000e-3")),
        ("nbf", format!("{now}.25")),
        ("auth_time", format!("{}.75", now - 60)),
        ("auth_time", format!("{}000000e-6", now - 60)),
    ] {
        put(name, text.clone());
        Trial::new(&app, format!("{name} {text}"))
            .accepts(ALICE)
            .await;
    }
    for (name, text, found) in [
        ("exp", "\"4000000000\"", "text"),
        ("iat", "\"now\"", "text"),
        ("nbf", "[1]", "of another type"),
        ("auth_time", "\"1.5e9\"", "text"),
        ("auth_time", "1e300", "a number beyond all times"),
    ] {
        put(name, text.to_owned());
        let refusal = Refusal::after_exchange("id_token_claims");
        Trial::new(&app, format!("{name} {text}"))
            .refuses(refusal)
            .await;
        let line = format!("{name} is {found}");
        assert_ne!(lines_with(&line), [""; 0], "{line}");
    }
}
