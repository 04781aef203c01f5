//! Those who use the app, those whose sessions end, and those who wish them ill. All go on
//! until the time is up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use rocket::tokio::time::sleep;
use serde_json::Value;

use crate::Outcome;
use crate::redis::Redis;
use crate::world::{Ask, World, cookies_after};

/// Is left alone by everybody.
pub const ALICE: &str = "alice4hy6kz2";
/// Signs in and out again and again in other browsers, and has some where he stays.
pub const BOB: &str = "bob7d4dc6y32";
/// Whose sessions the provider ends, all at once.
const ZOE: &str = "zoe9rsidux5q";

pub const SIGNED_OUT: &str = "victims signed out";
pub const ALIVE: &str = "ended sessions alive";
pub const UNEXPECTED: &str = "unexpected answers";

/// A browser that nobody has any reason to sign out.
pub struct Victim {
    user: &'static str,
    cookie: String,
}

impl Victim {
    pub async fn sign_in(world: &World, user: &'static str, instance: usize) -> Outcome<Victim> {
        match world.sign_in(user, instance).await? {
            Some(cookie) => Ok(Victim { user, cookie }),
            None => Err(format!("{user} cannot sign in").into()),
        }
    }

    /// Asks for a page, and whether it is still there for this user.
    pub async fn look(&mut self, world: &World, instance: usize, path: &str) -> Outcome<bool> {
        let began = Instant::now();
        let answer = world.json(instance, path, &self.cookie).await?;
        self.cookie = cookies_after(&self.cookie, &answer.set_cookies);
        let who = format!("{} at the {}", self.user, world.name(instance));
        match answer.status {
            200 if answer.body.contains(self.user) => {
                world.ledger.count("pages for victims");
                return Ok(true);
            }
            200 => world
                .ledger
                .fault(SIGNED_OUT, format!("{who} is {}", answer.body)),
            401 => world.ledger.fault(SIGNED_OUT, format!("{who}: {path}")),
            status => {
                let what = format!("{path}, {who}");
                world.refused::<()>(began, &what, status)?;
            }
        }
        Ok(false)
    }

    /// Goes from page to page.
    pub async fn stay(mut self, world: Arc<World>, until: Instant) -> Outcome<Victim> {
        for round in 0.. {
            if Instant::now() >= until {
                break;
            }
            let path = match round % 5 {
                4 => "/json/token",
                _ => "/json/user",
            };
            self.look(&world, round, path).await?;
            sleep(Duration::from_millis(150)).await;
        }
        Ok(self)
    }
}

/// Bob signs in and looks; then he signs out, or the provider says that he has.
pub async fn come_and_go(world: Arc<World>, until: Instant, first: usize) -> Outcome {
    for round in first.. {
        if Instant::now() >= until {
            break;
        }
        if let Some(cookie) = world.sign_in(BOB, round).await? {
            match round % 2 {
                0 => sign_out(&world, &cookie, round / 2).await?,
                _ => ended_by_sid(&world, &cookie, round / 2).await?,
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn sign_out(world: &World, cookie: &str, instance: usize) -> Outcome {
    for _ in 0..100 {
        let began = Instant::now();
        let mut ask = Ask::get(instance, "/sign-out", cookie);
        ask.method = Method::POST;
        ask.headers = &[("sec-fetch-site", "same-origin")];
        let answer = world.ask(ask).await?;
        if answer.status == 303 {
            world.ledger.count("sign-outs");
            return ended(world, cookie, "signed out").await;
        }
        // The session has not ended then, and the user is told so.
        world.refused::<()>(began, "sign-out", answer.status)?;
        sleep(Duration::from_millis(100)).await;
    }
    Err("nobody can sign out".into())
}

async fn ended_by_sid(world: &World, cookie: &str, instance: usize) -> Outcome {
    let began = Instant::now();
    let claims = world.json(instance, "/claims", cookie).await?;
    if claims.status != 200 {
        return world
            .refused::<()>(began, "/claims", claims.status)
            .map(|_| ());
    }
    let claims: Value = serde_json::from_str(&claims.body)?;
    let sid = claims["sid"].as_str().ok_or("no sid")?;
    tell(world, None, Some(sid), instance).await?;
    ended(world, cookie, "ended by its sid").await
}

/// The provider sends a logout token until it is taken.
async fn tell(world: &World, sub: Option<&str>, sid: Option<&str>, instance: usize) -> Outcome {
    let token = world.logout_token(sub, sid);
    for _ in 0..100 {
        let began = Instant::now();
        let answer = world.send_logout_token(instance, &token).await?;
        if answer.status == 200 {
            world.ledger.count("logout tokens taken");
            return Ok(());
        }
        world.refused::<()>(began, "logout token", answer.status)?;
        sleep(Duration::from_millis(100)).await;
    }
    Err("no logout token is taken".into())
}

/// From now on the cookie opens nothing, anywhere.
async fn ended(world: &World, cookie: &str, how: &'static str) -> Outcome {
    world.ledger.ended(cookie.to_owned(), how);
    for instance in 0..2 {
        is_over(world, cookie, how, instance).await?;
    }
    Ok(())
}

/// Whether that could be asked.
pub async fn is_over(world: &World, cookie: &str, how: &str, instance: usize) -> Outcome<bool> {
    let began = Instant::now();
    let answer = world.json(instance, "/json/user", cookie).await?;
    match answer.status {
        401 => world.ledger.count("copies of ended sessions refused"),
        200 => {
            let what = format!("{how}, at the {}: {}", world.name(instance), answer.body);
            world.ledger.fault(ALIVE, what);
        }
        status => {
            world.refused::<()>(began, "a copy", status)?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Brings cookies of sessions that have ended, some of them long ago.
pub async fn bring_copies(world: Arc<World>, until: Instant) -> Outcome {
    for round in 0_usize.. {
        if Instant::now() >= until {
            break;
        }
        // A prime, so that it is not always the same of them.
        if let Some((cookie, how)) = world.ledger.ended_one(round.wrapping_mul(7919)) {
            is_over(&world, &cookie, how, round).await?;
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Zoe signs in three times, and the provider ends all of it.
pub async fn end_all_of_zoe(world: Arc<World>, until: Instant) -> Outcome {
    for round in 0.. {
        if Instant::now() >= until {
            break;
        }
        let mut cookies = Vec::new();
        for browser in 0..3 {
            cookies.extend(world.sign_in(ZOE, round + browser).await?);
        }
        tell(&world, Some(ZOE), None, round).await?;
        for cookie in cookies {
            ended(&world, &cookie, "ended by its sub").await?;
        }
        // Another logout token ends what began in the second of the first.
        sleep(Duration::from_millis(2000)).await;
    }
    Ok(())
}

/// Logout tokens for sessions that nobody has.
pub async fn flood(world: Arc<World>, until: Instant) -> Outcome {
    for round in 0.. {
        if Instant::now() >= until {
            break;
        }
        let began = Instant::now();
        let made_up = format!("made-up-{round}-{}", world.ledger.elapsed().as_nanos());
        let token = world.logout_token(None, Some(&made_up));
        let answer = world.send_logout_token(round, &token).await?;
        match answer.status {
            200 => world.ledger.count("logout tokens with made-up sids"),
            status => {
                world.refused::<()>(began, "made-up logout token", status)?;
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Restarts Redis, by turns with and without a word.
pub async fn restart(
    world: Arc<World>,
    mut redis: Redis,
    every: Duration,
    until: Instant,
) -> Outcome<Redis> {
    for round in 0_u32.. {
        sleep(every.min(until.saturating_duration_since(Instant::now()))).await;
        if Instant::now() + Duration::from_secs(5) >= until {
            break;
        }
        world.ledger.redis_is_away();
        redis.stop(if round % 2 == 0 { "TERM" } else { "KILL" })?;
        sleep(Duration::from_millis(500) * (round % 4)).await;
        redis.start_again().await?;
        world.ledger.redis_is_back();
    }
    sleep(until.saturating_duration_since(Instant::now())).await;
    Ok(redis)
}
