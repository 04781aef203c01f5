//! Memory that sessions and requests take in the app's process.

use std::time::Duration;

use rocket::futures::future::try_join_all;

use crate::Outcome;
use crate::provider::{App, sign_in};
use crate::wrk::{self, Headers};

/// Bytes for each session that is signed in and has been used.
pub async fn of_sessions(http: &reqwest::Client, app: &App, count: usize) -> Outcome<f64> {
    // What the first few hundred take is the allocator's and the pools'.
    sign_in_and_look(http, app, 400).await?;
    let before = app.process.resident()?;
    sign_in_and_look(http, app, count).await?;
    let grown = app.process.resident()?.saturating_sub(before);
    Ok(grown as f64 / count as f64)
}

async fn sign_in_and_look(http: &reqwest::Client, app: &App, count: usize) -> Outcome {
    let person = || async {
        let cookie = sign_in(http, &app.url).await?;
        // From the second time on a session is remembered.
        for _ in 0..3 {
            let page = http.get(format!("{}/json/user", app.url));
            let page = page.header("Cookie", &cookie).send().await?;
            page.error_for_status()?;
        }
        Outcome::Ok(())
    };
    for done in (0..count).step_by(8) {
        try_join_all((done..count.min(done + 8)).map(|_| person())).await?;
    }
    Ok(())
}

/// Bytes the app grows by over so many requests, once its caches are full.
pub fn of_requests(app: &App, headers: &Headers, count: u64) -> Outcome<f64> {
    let url = format!("{}/json/user", app.url);
    let mut before = None;
    let mut done = 0;
    while done < count {
        done += wrk::run(&url, headers, Duration::from_secs(10))?.requests;
        // The first ten seconds fill the caches.
        if before.is_none() {
            before = Some(app.process.resident()?);
            done = 0;
        }
    }
    let before = before.unwrap_or_default();
    Ok(app.process.resident()? as f64 - before as f64)
}
