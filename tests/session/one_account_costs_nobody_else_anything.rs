//! One account signs in and out without end, or its sessions end at the provider again
//! and again: what is remembered of that has a bound, and its own sessions are the price,
//! never another user's.

use rocket::figment::value::Dict;
use rocket_logto::{Logto, MemoryStore};

use crate::support::app::{ALICE, BOB, TestApp, ZOE};
use crate::support::backchannel::{Provided, status_of};
use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::sessions::{rocket, session_table, sign_out, signed_in, who};

/// More than are told apart for one user.
const ROUNDS: u32 = 70;

async fn is(op: &Provided, browser: &Browser, user: &str) -> bool {
    // What the browser gets back must not change what is asked next.
    op.who(&browser.clone()).await.as_deref() == Some(user)
}

async fn start(clock: Clock, users: u32) -> Provided {
    Provided::with(session_table("max_ended_users", users), clock.read, 0).await
}

#[rocket::async_test]
async fn who_signs_out_again_and_again() {
    let clock = clock!();
    let op = start(clock, 1).await;
    let (victim, _) = op.sign_in(ALICE).await;
    let (phone, _) = op.sign_in(BOB).await;
    let mut copies = Vec::new();
    for round in 0..ROUNDS {
        clock.advance(&op.app.provider, 1);
        let (browser, _) = op.sign_in(BOB).await;
        copies.push(browser.clone());
        sign_out(&browser, &op.app).await;
        assert!(is(&op, &victim, ALICE).await, "round {round}");
    }
    for (round, copy) in copies.iter().enumerate() {
        assert!(!is(&op, copy, BOB).await, "the copy of round {round}");
    }
    // Older than what could no longer be told apart.
    assert!(!is(&op, &phone, BOB).await);
    clock.advance(&op.app.provider, 1);
    let (again, _) = op.sign_in(BOB).await;
    assert!(is(&op, &again, BOB).await, "signs in all the same");

    // Others beyond the bound: nothing that ended comes back.
    let (zoe, _) = op.sign_in(ZOE).await;
    let copy = zoe.clone();
    sign_out(&zoe, &op.app).await;
    for copy in copies.iter().chain([&copy]) {
        assert!(!is(&op, copy, BOB).await && !is(&op, copy, ZOE).await);
    }
    assert!(is(&op, &victim, ALICE).await && is(&op, &again, BOB).await);
}

#[rocket::async_test]
async fn whose_sessions_end_at_the_provider_again_and_again() {
    let clock = clock!();
    let op = start(clock, 2).await;
    let (victim, _) = op.sign_in(ALICE).await;
    let (bob, bobs_sid) = op.sign_in(BOB).await;
    let end = async |sub, sid: &str| {
        let answer = op.send(&op.token(op.claims(sub, Some(sid)))).await;
        assert_eq!(status_of(&answer, sid), 200);
    };
    clock.advance(&op.app.provider, 1);
    end(Some(BOB), &bobs_sid).await;
    for made_up in 0..ROUNDS {
        end(Some(BOB), &format!("made up {made_up}")).await;
        end(None, &format!("nobody's {made_up}")).await;
    }
    assert!(!is(&op, &bob, BOB).await, "it ended");
    assert!(is(&op, &victim, ALICE).await, "nobody ended hers");
    clock.advance(&op.app.provider, 1);
    let (again, sid) = op.sign_in(BOB).await;
    assert!(is(&op, &again, BOB).await, "signs in all the same");
    end(None, &sid).await;
    assert!(!is(&op, &again, BOB).await, "the newest name counts");
}

/// Sessions in memory have a bound, too.
#[rocket::async_test]
async fn who_signs_in_again_and_again() {
    let fairing = Logto::fairing().session_store(MemoryStore::new(3));
    let app = TestApp::with_fairing(Dict::new(), fairing, rocket()).await;
    let victim = signed_in(&app, ALICE).await;
    let mut attackers = Vec::new();
    for _ in 0..8 {
        attackers.push(signed_in(&app, BOB).await);
    }
    let url = || app.url("/protected");
    assert_eq!(who(&victim, url()).await.as_deref(), Some(ALICE));
    let mut alive = Vec::new();
    for attacker in &attackers {
        alive.push(who(attacker, url()).await.is_some());
    }
    assert_eq!(
        alive,
        [false, false, false, false, false, false, true, true]
    );
}
