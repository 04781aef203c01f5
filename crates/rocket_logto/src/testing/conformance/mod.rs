//! One suite for every store: the promises of the four traits, each checked on a
//! store of its own.
//!
//! Nothing here depends on a fast machine. What must happen before a lifetime is
//! over is tried again with a longer one when it came too late, and the end of a
//! lifetime is waited for with patience. Names are random, so that a database with
//! other sessions in it will do.

mod index;
mod locks;
mod sessions;
#[cfg(test)]
mod tests;
mod tokens;

use std::fmt::{Debug, Display};
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rocket::futures::future::{LocalBoxFuture, join_all};
use rocket::tokio::sync::Barrier;
use rocket::tokio::{self, time::sleep};

use crate::session::store::{Record, SharedStore};

const HOUR: Duration = Duration::from_secs(3600);
/// The shortest lifetime there is.
const SECOND: Duration = Duration::from_secs(1);
/// A store may round a lifetime up to the next second; and a little more.
const ROUNDED: Duration = Duration::from_millis(1200);
/// How long something may still be there after a lifetime of a second.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// How many callers try the same thing at once.
const AT_ONCE: u32 = 50;

/// Checks every promise of a [`SharedStore`]: of [`SessionStore`], [`SessionIndex`],
/// [`TokenStore`] and [`LockStore`].
///
/// `make` gives a store, once for each promise. All of them may be the same
/// database: names are random, and other sessions are neither needed nor touched.
/// But do not run it on a database that matters, since a wrong store may well touch
/// them. It has to have room for 100 sessions.
///
/// Promises are checked side by side, which takes about five seconds: a lifetime
/// has to end. A slow database or machine makes it slower, not wrong. Needs a Tokio
/// runtime, as `#[tokio::test]` or `#[rocket::async_test]` starts it.
///
/// # Panics
///
/// When a promise is broken, after all have been checked. The message says which
/// ones, what was expected, what was found, and why it matters.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::MemoryStore;
/// use rocket_logto::testing::session_store_conformance;
///
/// # /*
/// #[rocket::async_test]
/// # */
/// async fn my_store_keeps_its_promises() {
///     session_store_conformance(async || MemoryStore::new(1000)).await;
/// }
/// # rocket::async_test(my_store_keeps_its_promises());
/// ```
///
/// [`SessionStore`]: crate::SessionStore
/// [`SessionIndex`]: crate::SessionIndex
/// [`TokenStore`]: crate::TokenStore
/// [`LockStore`]: crate::LockStore
pub async fn session_store_conformance<S: SharedStore>(make: impl AsyncFn() -> S) {
    report(&broken(make, &[COMMON, tokens::PROMISES], PATIENCE).await);
}

/// The same for a store that leaves the methods of
/// [`TokenStore`](crate::TokenStore) as they are, so that instances of the app share
/// no tokens.
///
/// # Panics
///
/// As [`session_store_conformance`]; and when the store gives a token.
pub async fn session_store_conformance_without_tokens<S: SharedStore>(make: impl AsyncFn() -> S) {
    report(&broken(make, &[COMMON, tokens::ABSENT], PATIENCE).await);
}

/// One thing that every store promises.
struct Promise {
    name: &'static str,
    /// What happens to users when it is broken.
    why: &'static str,
    check: fn(Bench) -> LocalBoxFuture<'static, Kept>,
}

/// `Err` says what was expected and what was found.
type Kept = Result<(), String>;

/// Promises by the functions that check them, each with the reason for it.
macro_rules! promises {
    ($($check:path: $why:literal,)*) => {
        &[$($crate::testing::conformance::Promise {
            name: stringify!($check),
            why: $why,
            check: |bench| Box::pin($check(bench)),
        }),*]
    };
}
use promises;

const COMMON: &[Promise] = promises! {
    sessions::create_keeps_a_new_session_and_fails_on_collision:
        "a user would get the session of somebody else, or lose their own",
    sessions::of_many_that_create_one_id_exactly_one_wins:
        "two sign-ins would share one session",
    sessions::data_of_any_size_is_kept_as_it_is:
        "data that has changed cannot be decrypted, which signs the user out",
    sessions::save_replaces_what_is_there_and_its_lifetime:
        "a session that is in use would end, or one that should end would not",
    sessions::save_never_brings_back_what_has_ended:
        "a user who signed out would be signed in again by a request that was still under way",
    sessions::an_older_version_does_not_replace_a_newer_one:
        "a spent refresh token would come back, and the provider takes that for theft",
    sessions::of_many_that_save_the_newest_stays:
        "a spent refresh token would come back, and the provider takes that for theft",
    sessions::delete_ends_one_session:
        "a user who signed out would still be signed in, or others would be signed out",
    sessions::what_has_expired_is_gone:
        "sessions would outlive the limits that the app has set for them",
    index::delete_by_sid_ends_those_with_it_only:
        "a user who signed out at the provider would stay signed in, or others would be signed out",
    index::delete_by_sub_ends_those_of_the_user_only:
        "a suspended user would stay signed in, or others would be signed out",
    index::delete_by_sub_spares_what_was_begun_later:
        "a user who has signed in again would be signed out by a message about the time before",
    index::delete_by_sub_without_sid_ends_those_without_it_only:
        "a user who signed out at the provider would stay signed in, or be signed out elsewhere, too",
    index::names_that_look_alike_are_not_the_same:
        "one user would be signed out with another, whose name the database finds equal",
    index::names_are_any_text:
        "users with such names could not sign in, or not be signed out",
    index::sessions_are_found_as_long_as_they_live:
        "a session that has been used for long would be found by no logout of the provider",
    index::list_by_sub_gives_those_of_the_user_only:
        "a user would see the sessions of somebody else, and could end them",
    index::list_by_sub_leaves_out_what_has_ended:
        "a user would see sessions that are over, and newer ones would end in their place",
    index::list_by_sub_gives_so_many_of_those_that_end_last:
        "one user with many sessions would use up the memory of the app",
    index::list_by_sub_does_not_mind_what_ends_meanwhile:
        "a session would be left over when a user ends all others",
    locks::a_lock_is_exclusive_and_given_back_by_its_owner_only:
        "two instances would use one refresh token, and the provider takes that for theft",
    locks::a_lock_ends_by_itself:
        "an instance that crashed during a refresh would lock the user out",
    locks::renewing_moves_the_end_of_a_lock_or_does_nothing:
        "a refresh would lose its lock while it runs, or a crashed one would hold up its user",
    locks::the_owner_of_a_lock_is_told_or_never:
        "two sign-ins that finish together would leave a session that nobody knows of",
    locks::locks_and_sessions_do_not_meet:
        "a lock would end a session, or keep one from being created",
};

struct Broken {
    promise: &'static Promise,
    how: String,
}

/// Checks all promises side by side.
async fn broken<S: SharedStore>(
    make: impl AsyncFn() -> S,
    promises: &[&'static [Promise]],
    patience: Duration,
) -> Vec<Broken> {
    let mut checks = Vec::new();
    for promise in promises.iter().copied().flatten() {
        let bench = Bench {
            store: Arc::new(make().await),
            mark: random(),
            patience,
        };
        checks.push(async move {
            let kept = (promise.check)(bench).await;
            kept.err().map(|how| Broken { promise, how })
        });
    }
    join_all(checks).await.into_iter().flatten().collect()
}

fn report(broken: &[Broken]) {
    if broken.is_empty() {
        return;
    }
    let mut text = format!("the session store breaks promises: {}\n", broken.len());
    for Broken { promise, how } in broken {
        let Promise { name, why, .. } = promise;
        text += &format!("\n{name}\n    {how}\n    why it matters: {why}\n");
    }
    panic!("{text}");
}

/// Hexadecimal: nothing in it may look like a wildcard.
fn random() -> String {
    let mut bytes = [0; 9];
    aws_lc_rs::rand::fill(&mut bytes).expect("random bytes");
    bytes.map(|byte| format!("{byte:02x}")).concat()
}

/// A store to check, and names that nobody else uses.
struct Bench {
    store: Arc<dyn SharedStore>,
    mark: String,
    patience: Duration,
}

impl Bench {
    /// A name that only this check knows.
    fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.mark)
    }

    fn record(&self, id: &str, sub: &str) -> Record {
        self.lasting(id, sub, HOUR)
    }

    fn lasting(&self, id: &str, sub: &str, lifetime: Duration) -> Record {
        Record::new(self.name(id), self.name(sub), data_of(id), lifetime)
    }

    async fn create(&self, record: &Record) -> Kept {
        let created = self.store.create(record).await;
        expect(format!("create {:?}", record.id), created, Ok(()))
    }

    /// The data of a session.
    async fn data(&self, id: &str) -> Result<Option<String>, String> {
        let loaded = self.store.load(&self.name(id)).await;
        loaded.map_err(|error| format!("load {id:?}: {error}"))
    }

    /// Of the sessions `among` these `are` there, and no others.
    #[track_caller]
    fn live<'a>(
        &'a self,
        when: &'a str,
        among: &'a [&str],
        are: &'a [&str],
    ) -> impl Future<Output = Kept> + 'a {
        let caller = Location::caller();
        async move {
            let mut live = Vec::new();
            for id in among {
                if self.data(id).await?.is_some() {
                    live.push(*id);
                }
            }
            let what = format!("{when}, the sessions that are there");
            expect_at(caller, what, &live[..], are)
        }
    }

    /// Waits until a session with a lifetime of a second has ended.
    async fn gone(&self, id: &str) -> Kept {
        self.eventually(
            &format!("session {id:?} ends a second after it was written"),
            async || Ok(self.data(id).await?.is_none()),
        )
        .await
    }

    async fn eventually(&self, what: &str, is_so: impl AsyncFn() -> Result<bool, String>) -> Kept {
        let end = Instant::now() + self.patience;
        while !is_so().await? {
            if Instant::now() > end {
                return Err(format!("{what}: not within {:?}", self.patience));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Creates a session that would end soon and saves it, before it does, with a
    /// lifetime of an hour; returns when it would have ended. Gives its id, since
    /// each attempt has a session of its own.
    async fn prolonged(
        &self,
        id: &str,
        record: impl Fn(&str, Duration) -> Record,
    ) -> Result<String, String> {
        for lifetime in [2, 8, 32, 128].map(Duration::from_secs) {
            let id = format!("{id}{}", lifetime.as_secs());
            let begun = Instant::now();
            self.create(&record(&id, lifetime)).await?;
            let saved = self.store.save(&record(&id, HOUR)).await;
            if begun.elapsed() >= lifetime {
                // Too slow: it may or may not have ended in between.
                continue;
            }
            expect("save before the lifetime is over", saved, Ok(true))?;
            sleep(lifetime + ROUNDED).await;
            return Ok(id);
        }
        Err("creating and saving a session takes more than two minutes".to_owned())
    }
}

/// Lets many act at the same moment; what became of each, in their order.
async fn at_once<T: Send + 'static>(
    acts: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Result<Vec<T>, String> {
    let acts: Vec<_> = acts.into_iter().collect();
    let start = Arc::new(Barrier::new(acts.len()));
    let spawn = |act| {
        let start = start.clone();
        tokio::spawn(async move {
            start.wait().await;
            act.await
        })
    };
    let acts: Vec<_> = acts.into_iter().map(spawn).collect();
    let mut results = Vec::new();
    for act in acts {
        results.push(act.await.map_err(|panic| panic.to_string())?);
    }
    Ok(results)
}

fn data_of(id: &str) -> String {
    format!("data of {id}")
}

#[track_caller]
fn expect<T: PartialEq + Debug>(what: impl Display, found: T, expected: T) -> Kept {
    expect_at(Location::caller(), what, found, expected)
}

fn expect_at<T: PartialEq + Debug>(
    line: &Location,
    what: impl Display,
    found: T,
    expected: T,
) -> Kept {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (shortened(&found), shortened(&expected));
    Err(format!(
        "{what}: expected {expected}, found {found}\n    checked at {line}"
    ))
}

/// Data may be long.
fn shortened(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
        None => text,
    }
}
