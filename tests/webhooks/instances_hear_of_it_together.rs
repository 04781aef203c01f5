//! A webhook that comes to one instance has its effect at the others with their next
//! request, where they share sessions in Redis; and a message counts once for all of them.
#![cfg(feature = "redis")]

use std::time::Instant;

use rocket::figment::value::Value;
use serde_json::{Value as Json, json};

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::redis::Redis;
use crate::support::serve::Served;
use crate::support::token_app::TokenApp;
use crate::support::webhooks::{PATH, message_at, suspension, tell, webhook_table};

struct Pair {
    _redis: Redis,
    first: TokenApp,
    second: Served,
}

impl Pair {
    async fn start(clock: Clock) -> Pair {
        let redis = Redis::start().await;
        let session: Value = redis.table().remove("session").expect("the table");
        let keys = [("session", session), ("webhook", webhook_table())];
        let first = TokenApp::with(clock, keys).await;
        let second = first.another().await;
        Pair {
            _redis: redis,
            first,
            second,
        }
    }

    async fn secret(&self, browser: &Browser) -> [String; 2] {
        let mut secrets = Vec::new();
        for url in [self.first.at.url("/shopping"), self.second.url("/shopping")] {
            let answer = browser.fetch_json(url).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let shown: Json = answer.json();
            secrets.push(shown["secret"].as_str().expect("a token").to_owned());
        }
        secrets.try_into().expect("two")
    }
}

#[rocket::async_test]
async fn who_is_suspended_is_out_at_the_other_instance() {
    let pair = Pair::start(clock!()).await;
    for round in 0..5 {
        let alice = pair.first.alice().await;
        let elsewhere = pair.second.url("/me");
        assert_eq!(alice.fetch_json(&*elsewhere).await.status(), 200);
        let body = suspension(ALICE);
        let sent = Instant::now();
        assert_eq!(tell(&pair.first.at.url(PATH), &body).await, 200);
        let answered = sent.elapsed();
        // The very next request.
        let status = alice.fetch_json(&*elsewhere).await.status();
        let out = sent.elapsed();
        assert_eq!(status, 401, "{round}");
        println!("webhook answered after {answered:?}, out at the other instance after {out:?}");
        // She is back, and the message comes again, to the other one.
        let again = pair.first.alice().await;
        assert_eq!(tell(&pair.second.url(PATH), &body).await, 200);
        assert_eq!(again.fetch_json(&*elsewhere).await.status(), 200, "{round}");
    }
}

#[rocket::async_test]
async fn what_has_changed_is_asked_for_anew_at_the_other_instance() {
    let pair = Pair::start(clock!()).await;
    let now = pair.first.clock.now();
    for (event, rest) in [
        ("Role.Scopes.Updated", json!({})),
        ("User.Data.Updated", json!({ "data": { "id": ALICE } })),
        ("OrganizationRole.Scopes.Updated", json!({})),
        (
            "Organization.Membership.Updated",
            json!({ "organizationId": "acme5obvzg01" }),
        ),
    ] {
        let alice = pair.first.alice().await;
        let [before, same] = pair.secret(&alice).await;
        assert_eq!(before, same, "{event}: shared");
        let calls = pair.first.refreshes().len();
        let body = message_at(now, event, rest);
        assert_eq!(tell(&pair.second.url(PATH), &body).await, 200, "{event}");
        let [one, other] = pair.secret(&alice).await;
        assert_ne!(one, before, "{event}");
        assert_eq!(one, other, "{event}: shared again");
        assert_eq!(pair.secret(&alice).await, [one, other], "{event}: kept");
        assert_eq!(
            pair.first.refreshes().len(),
            calls + 1,
            "{event}: fetched once"
        );
        // Who signs in after it needs nothing anew.
        let later = pair.first.alice().await;
        let calls = pair.first.refreshes().len();
        let answer = later.fetch_json(pair.second.url("/me")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            pair.first.refreshes().len(),
            calls,
            "{event}: a new session"
        );
    }
}
