//! Memory that sessions and requests take in the app's process.

use std::time::Duration;

use rocket::futures::future::try_join_all;

use crate::Outcome;
use crate::provider::{App, sign_in};
use crate::wrk::{self, Headers};

/// Bytes for each session.
pub struct OfSessions {
    /// Signed in, and looked at one page.
    pub signed_in: f64,
    /// On top of that, once the session is remembered: from the second page on.
    pub remembered: f64,
}

pub async fn of_sessions(http: &reqwest::Client, app: &App, count: usize) -> Outcome<OfSessions> {
    // What the first few hundred take is the allocator's and the pools'.
    let cookies = sign_in_and_look(http, app, 400).await?;
    look_twice(http, app, &cookies).await?;
    let before = app.process.resident()?;
    let cookies = sign_in_and_look(http, app, count).await?;
    let signed_in = app.process.resident()?;
    look_twice(http, app, &cookies).await?;
    let remembered = app.process.resident()?;
    let each = |grown: u64| grown as f64 / count as f64;
    Ok(OfSessions {
        signed_in: each(signed_in.saturating_sub(before)),
        remembered: each(remembered.saturating_sub(signed_in)),
    })
}

/// The `Cookie` headers of so many people.
async fn sign_in_and_look(http: &reqwest::Client, app: &App, count: usize) -> Outcome<Vec<String>> {
    let person = || async {
        let cookie = sign_in(http, &app.url).await?;
        look(http, app, &cookie).await?;
        Outcome::Ok(cookie)
    };
    let mut cookies = Vec::new();
    for done in (0..count).step_by(8) {
        let people = (done..count.min(done + 8)).map(|_| person());
        cookies.append(&mut try_join_all(people).await?);
    }
    Ok(cookies)
}

async fn look_twice(http: &reqwest::Client, app: &App, cookies: &[String]) -> Outcome {
    for cookie in cookies.iter().chain(cookies) {
        look(http, app, cookie).await?;
    }
    Ok(())
}

async fn look(http: &reqwest::Client, app: &App, cookie: &str) -> Outcome {
    let page = http.get(format!("{}/json/user", app.url));
    page.header("Cookie", cookie)
        .send()
        .await?
        .error_for_status()?;
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
