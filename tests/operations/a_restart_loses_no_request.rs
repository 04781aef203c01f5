//! Instances are restarted one after the other, as for a new version, while people use the
//! app: nobody sees an error, and nobody is signed out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rocket::futures::future::join_all;
use rocket::tokio::{join, time};

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::instances::{Pair, RedisServer, answered_by};

/// How often each instance has answered with which status.
type Seen = BTreeMap<(&'static str, u16, Option<u16>), u32>;

/// Asks in turn for a page of Alice, and with POST, which no proxy sends a second time, for
/// what is always refused.
async fn uses(browser: Browser, page: String, post: String, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::new();
    while !stop.load(Ordering::Relaxed) {
        let got = browser.fetch_json(&page).await;
        *seen
            .entry(("GET", got.status(), answered_by(&got)))
            .or_default() += 1;
        let sent = browser.post_form(&post, &[("logout_token", "none")]).await;
        *seen
            .entry(("POST", sent.status(), answered_by(&sent)))
            .or_default() += 1;
        time::sleep(Duration::from_millis(40)).await;
    }
    seen
}

#[rocket::async_test]
async fn of_those_who_use_it_meanwhile() {
    let redis = RedisServer::start().await;
    let mut pair = Pair::start(Some(&redis)).await;
    let browser = pair.nginx.browser();
    let steps = pair.sign_in(&browser, ALICE).await;
    assert_eq!(steps.last().expect("a page").status(), 200);

    let stop = AtomicBool::new(false);
    let [page, post] = ["/protected/no-redirect", "/backchannel-logout"].map(|path| pair.url(path));
    let people = join_all((0..6).map(|_| uses(browser.clone(), page.clone(), post.clone(), &stop)));
    let restarts = async {
        for instance in &mut pair.instances {
            time::sleep(Duration::from_secs(1)).await;
            let status = instance.stop().await;
            assert!(status.success(), "it ends by itself: {status}");
            time::sleep(Duration::from_millis(500)).await;
            instance.restart().await;
            // nginx has left it out for three seconds: until then it is not asked again, and
            // the other one must not go.
            time::sleep(Duration::from_secs(4)).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (seen, ()) = join!(people, restarts);

    let mut all = Seen::new();
    for (key, count) in seen.into_iter().flatten() {
        *all.entry(key).or_default() += count;
    }
    println!("{all:?}");
    for ((method, status, instance), count) in &all {
        let wanted = if *method == "GET" { 200 } else { 400 };
        assert_eq!(*status, wanted, "{count} {method} of {instance:?}: {all:?}");
    }
    for instance in &pair.instances {
        for (method, status) in [("GET", 200), ("POST", 400)] {
            let answers = all.get(&(method, status, Some(instance.port)));
            assert!(answers.is_some_and(|count| *count > 50), "{all:?}");
        }
    }
}
