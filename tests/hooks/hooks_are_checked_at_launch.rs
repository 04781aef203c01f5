//! A hook that is declared twice, or whose state is not there, is told before anybody
//! signs in.

use rocket::error::ErrorKind;
use rocket::figment::value::Dict;
use rocket_logto::{
    Admission, HookResult, Logto, LogtoFairing, RefreshEvent, Renewal, SignInEvent, SignOutEvent,
};

use crate::support::app::configuration;
use crate::support::eventually::eventually;
use crate::support::log::lines_with;
use crate::support::serve::free_port;

#[derive(Clone)]
struct NeverManaged;

async fn admit(_: SignInEvent<'_>) -> HookResult<Admission> {
    Ok(Admission::admit())
}

async fn keep(_: RefreshEvent) -> HookResult<Renewal> {
    Ok(Renewal::keep())
}

async fn hear(_: SignOutEvent<NeverManaged>) -> HookResult {
    Ok(())
}

fn rocket(fairing: LogtoFairing) -> rocket::Rocket<rocket::Build> {
    let endpoint = "http://127.0.0.1:9";
    let figment = rocket::Config::figment();
    let figment = configuration(&figment, free_port(), endpoint, Dict::new());
    rocket::custom(figment.merge(("port", 0))).attach(fairing)
}

#[rocket::async_test]
async fn a_hook_declared_twice_aborts_the_launch() {
    let twice = [
        (
            "on_sign_in",
            Logto::fairing().on_sign_in(admit).on_sign_in(admit),
        ),
        (
            "on_refresh",
            Logto::fairing().on_refresh(keep).on_refresh(keep),
        ),
    ];
    for (name, fairing) in twice {
        let error = rocket(fairing).ignite().await.expect_err(name);
        assert!(matches!(error.kind(), ErrorKind::FailedFairings(_)));
        let lines = lines_with(&format!(".{name}(…) is declared twice"));
        assert!(!lines.is_empty(), "{name}");
    }
    let once = Logto::fairing().on_sign_in(admit).on_refresh(keep);
    assert!(rocket(once).ignite().await.is_ok());
}

#[rocket::async_test]
async fn state_that_is_not_there_stops_the_app() {
    let rocket = rocket(Logto::fairing().on_sign_out(hear));
    let running = rocket::tokio::spawn(rocket.launch());
    eventually("the app stops", async || running.is_finished()).await;
    let lines = lines_with("the hook of on_sign_out needs a");
    assert!(lines.concat().contains("NeverManaged"), "{lines:?}");
}
