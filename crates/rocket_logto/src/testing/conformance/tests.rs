//! The suite itself: a store that keeps all promises passes, and for each promise
//! there is a store that breaks it and is found out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use rocket::futures::future::join;

use super::*;
use crate::session::store::{
    LockStore, MemoryStore, SessionIndex, SessionStore, StoreError, TokenStore,
};

/// Mistakes that are easily made, and the promise each of them breaks.
const MISTAKES: &[(Mistake, &str)] = {
    use Mistake::*;
    &[
        (CreateReplaces, "create_keeps_a_new_session_and_fails"),
        (CreateLooksFirst, "of_many_that_create_one_id"),
        (DataIsCut, "data_of_any_size"),
        (SaveKeepsTheLifetime, "save_replaces_what_is_there"),
        (SaveCreates, "save_never_brings_back"),
        (SaveLooksFirst, "save_never_brings_back"),
        (VersionIsIgnored, "an_older_version_does_not_replace"),
        (VersionIsText, "an_older_version_does_not_replace"),
        (VersionIsIgnored, "of_many_that_save_the_newest"),
        (DeleteDoesNothing, "delete_ends_one_session"),
        (SessionsNeverEnd, "what_has_expired_is_gone"),
        (SidIsForgotten, "delete_by_sid_ends_those_with_it"),
        (NoSidIsTheEmptyOne, "delete_by_sid_ends_those_with_it"),
        (DeleteBySubDoesNothing, "delete_by_sub_ends_those"),
        (BegunByIsIgnored, "delete_by_sub_spares"),
        (BegunByIsIgnored, "delete_by_sub_without_sid_ends_those"),
        (SidIsNotLookedAt, "delete_by_sub_without_sid_ends_those"),
        (NoSidIsTheEmptyOne, "delete_by_sub_without_sid_ends_those"),
        (CaseIsIgnored, "names_that_look_alike"),
        (SpacesAreTrimmed, "names_that_look_alike"),
        (NamesAreAscii, "names_are_any_text"),
        (IndexEndsEarly, "sessions_are_found_as_long"),
        (ListsEverybody, "list_by_sub_gives_those_of_the_user"),
        (ListsAsCreated, "list_by_sub_gives_those_of_the_user"),
        (ListsWhatHasEnded, "list_by_sub_leaves_out"),
        (ListsWithoutLimit, "list_by_sub_gives_so_many"),
        (ListsWhatEndsFirst, "list_by_sub_gives_so_many"),
        (ListsOneByOne, "list_by_sub_does_not_mind"),
        (LockIsForEverybody, "a_lock_is_exclusive"),
        (LockIsTakenTwice, "a_lock_is_exclusive"),
        (UnlockIsForEverybody, "a_lock_is_exclusive"),
        (LocksNeverEnd, "a_lock_ends_by_itself"),
        (RenewIsForEverybody, "renewing_moves_the_end"),
        (RenewTakes, "renewing_moves_the_end"),
        (RenewOnlySaysSo, "renewing_moves_the_end"),
        (RenewNeverShortens, "renewing_moves_the_end"),
        (OwnerIsLast, "the_owner_of_a_lock"),
        (OwnerIsCut, "the_owner_of_a_lock"),
        (LocksAreSessions, "locks_and_sessions_do_not_meet"),
        (TokensAreLost, "tokens_live_and_end"),
        (TokensAreNotCleared, "tokens_live_and_end"),
        (TokensOutlive, "tokens_live_and_end"),
    ]
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    CreateReplaces,
    CreateLooksFirst,
    DataIsCut,
    SaveKeepsTheLifetime,
    SaveCreates,
    SaveLooksFirst,
    VersionIsIgnored,
    VersionIsText,
    DeleteDoesNothing,
    SessionsNeverEnd,
    SidIsForgotten,
    NoSidIsTheEmptyOne,
    DeleteBySubDoesNothing,
    BegunByIsIgnored,
    SidIsNotLookedAt,
    CaseIsIgnored,
    SpacesAreTrimmed,
    NamesAreAscii,
    IndexEndsEarly,
    ListsEverybody,
    ListsAsCreated,
    ListsWhatHasEnded,
    ListsWithoutLimit,
    ListsWhatEndsFirst,
    ListsOneByOne,
    ListIsLeft,
    LockIsForEverybody,
    LockIsTakenTwice,
    UnlockIsForEverybody,
    LocksNeverEnd,
    RenewIsForEverybody,
    RenewTakes,
    RenewOnlySaysSo,
    RenewNeverShortens,
    RenewIsLeft,
    OwnerIsLast,
    OwnerIsCut,
    OwnerIsLeft,
    LocksAreSessions,
    TokensAreLost,
    TokensAreNotCleared,
    TokensOutlive,
}

/// Between one look at a database and the next.
const ROUND_TRIP: Duration = Duration::from_millis(2);

/// A store that makes one mistake.
struct Mistaken {
    mistake: Mistake,
    inner: MemoryStore,
    versions: Mutex<HashMap<String, u32>>,
    owners: Mutex<HashMap<String, String>>,
    index: Mutex<HashMap<String, Instant>>,
    tokens: Mutex<HashMap<String, String>>,
    created: Mutex<Vec<Record>>,
}

impl Mistaken {
    fn with(mistake: Mistake) -> Mistaken {
        Mistaken {
            mistake,
            inner: MemoryStore::new(1000),
            versions: Mutex::default(),
            owners: Mutex::default(),
            index: Mutex::default(),
            tokens: Mutex::default(),
            created: Mutex::default(),
        }
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn name(&self, name: &str) -> String {
        match self.mistake {
            Mistake::CaseIsIgnored => name.to_lowercase(),
            Mistake::SpacesAreTrimmed => name.trim_end().to_owned(),
            _ => name.to_owned(),
        }
    }

    fn record(&self, record: &Record) -> Record {
        let mut record = record.clone();
        record.sub = self.name(&record.sub);
        record.sid = match self.mistake {
            Mistake::SidIsForgotten => None,
            Mistake::NoSidIsTheEmptyOne => Some(record.sid.unwrap_or_default()),
            _ => record.sid.map(|sid| self.name(&sid)),
        };
        if self.is(Mistake::DataIsCut) {
            record.data.truncate(65_535);
        }
        if self.is(Mistake::VersionIsIgnored) {
            record.version = 0;
        }
        if self.is(Mistake::SessionsNeverEnd) {
            record.lifetime *= 1000;
        }
        record
    }

    fn refuses(&self, record: &Record) -> bool {
        let names = [Some(&record.sub), record.sid.as_ref()];
        let odd = names.into_iter().flatten().any(|name| !name.is_ascii());
        self.is(Mistake::NamesAreAscii) && odd
    }
}

#[rocket::async_trait]
impl SessionStore for Mistaken {
    async fn create(&self, record: &Record) -> Result<(), StoreError> {
        let record = self.record(record);
        if self.refuses(&record) {
            return Err(StoreError::Unavailable("no such characters".into()));
        }
        if self.is(Mistake::CreateReplaces) {
            self.inner.delete(&record.id).await?;
        }
        if self.is(Mistake::CreateLooksFirst) {
            if self.inner.load(&record.id).await?.is_some() {
                return Err(StoreError::Collision);
            }
            sleep(ROUND_TRIP).await;
            self.inner.delete(&record.id).await?;
        }
        if let Some(sid) = &record.sid {
            let end = Instant::now() + record.lifetime;
            self.index.lock().unwrap().insert(sid.clone(), end);
        }
        let id = record.id.clone();
        self.versions.lock().unwrap().insert(id, record.version);
        self.created.lock().unwrap().push(record.clone());
        self.inner.create(&record).await
    }

    async fn load(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.inner.load(id).await
    }

    async fn save(&self, record: &Record) -> Result<bool, StoreError> {
        let mut record = self.record(record);
        match self.mistake {
            Mistake::SaveKeepsTheLifetime => record.lifetime = 2 * SECOND,
            Mistake::SaveCreates => match self.inner.create(&record).await {
                Err(StoreError::Collision) => {}
                created => return created.map(|()| true),
            },
            Mistake::SaveLooksFirst => {
                if self.inner.load(&record.id).await?.is_none() {
                    return Ok(false);
                }
                sleep(ROUND_TRIP).await;
                self.inner.delete(&record.id).await?;
                return self.inner.create(&record).await.map(|()| true);
            }
            Mistake::VersionIsText => {
                let mut versions = self.versions.lock().unwrap();
                let kept = versions.entry(record.id.clone()).or_default();
                if kept.to_string() > record.version.to_string() {
                    return Ok(true);
                }
                *kept = record.version;
                // For the store beneath, a new version each time.
                record.version = u32::MAX;
            }
            _ => {}
        }
        self.inner.save(&record).await
    }

    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        match self.mistake {
            Mistake::DeleteDoesNothing => Ok(()),
            _ => self.inner.delete(id).await,
        }
    }
}

#[rocket::async_trait]
impl SessionIndex for Mistaken {
    async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError> {
        let end = self.index.lock().unwrap().get(sid).copied();
        if self.is(Mistake::IndexEndsEarly) && end.is_some_and(|end| end < Instant::now()) {
            return Ok(());
        }
        self.inner.delete_by_sid(&self.name(sid)).await
    }

    async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        let begun_by = match self.mistake {
            Mistake::DeleteBySubDoesNothing => return Ok(()),
            Mistake::BegunByIsIgnored => i64::MAX,
            _ => begun_by,
        };
        self.inner.delete_by_sub(&self.name(sub), begun_by).await
    }

    async fn delete_by_sub_without_sid(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
        let sub = self.name(sub);
        match self.mistake {
            Mistake::SidIsNotLookedAt => self.inner.delete_by_sub(&sub, begun_by).await,
            Mistake::BegunByIsIgnored => {
                let whenever_begun = i64::MAX;
                self.inner
                    .delete_by_sub_without_sid(&sub, whenever_begun)
                    .await
            }
            _ => self.inner.delete_by_sub_without_sid(&sub, begun_by).await,
        }
    }

    async fn list_by_sub(&self, sub: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let sub = self.name(sub);
        let mut created = self.created.lock().unwrap().clone();
        if !self.is(Mistake::ListsEverybody) {
            created.retain(|record| record.sub == sub);
        }
        let mut data = Vec::new();
        match self.mistake {
            Mistake::ListIsLeft => return Err(StoreError::Unsupported),
            Mistake::ListsWhatHasEnded => {
                data.extend(created.into_iter().map(|record| record.data));
            }
            Mistake::ListsEverybody | Mistake::ListsAsCreated => {
                for record in created {
                    data.extend(self.load(&record.id).await?.map(|_| record.data));
                }
            }
            Mistake::ListsOneByOne => {
                let before = self.inner.list_by_sub(&sub, limit).await?;
                sleep(ROUND_TRIP).await;
                let now = self.inner.list_by_sub(&sub, limit).await?;
                if before != now {
                    return Err(StoreError::Unavailable("one is missing".into()));
                }
                data = now;
            }
            Mistake::ListsWithoutLimit => {
                data = self.inner.list_by_sub(&sub, usize::MAX).await?;
            }
            Mistake::ListsWhatEndsFirst => {
                data = self.inner.list_by_sub(&sub, usize::MAX).await?;
                data.drain(..data.len().saturating_sub(limit));
            }
            _ => data = self.inner.list_by_sub(&sub, limit).await?,
        }
        Ok(data)
    }
}

#[rocket::async_trait]
impl TokenStore for Mistaken {
    async fn put_token(&self, id: &str, name: &str, sealed: &str) -> Result<(), StoreError> {
        if self.is(Mistake::TokensOutlive) {
            let key = format!("{id} {name}");
            let sealed = sealed.to_owned();
            self.tokens.lock().unwrap().insert(key, sealed);
        }
        match self.mistake {
            Mistake::TokensAreLost => Ok(()),
            _ => self.inner.put_token(id, name, sealed).await,
        }
    }

    async fn token(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
        let key = format!("{id} {name}");
        let outlives = self.tokens.lock().unwrap().get(&key).cloned();
        Ok(self.inner.token(id, name).await?.or(outlives))
    }

    async fn clear_tokens(&self, id: &str) -> Result<(), StoreError> {
        match self.mistake {
            Mistake::TokensAreNotCleared => Ok(()),
            _ => self.inner.clear_tokens(id).await,
        }
    }
}

#[rocket::async_trait]
impl LockStore for Mistaken {
    async fn lock(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        match self.mistake {
            Mistake::LockIsForEverybody => return Ok(true),
            Mistake::LocksNeverEnd => return self.inner.lock(name, owner, HOUR).await,
            Mistake::LocksAreSessions => {
                let lock = Record::new(name, owner, "", lifetime);
                return match self.inner.create(&lock).await {
                    Err(StoreError::Collision) => Ok(false),
                    created => created.map(|()| true),
                };
            }
            _ => {}
        }
        let before = self
            .owners
            .lock()
            .unwrap()
            .insert(name.into(), owner.into());
        let again = before.is_some_and(|before| before == owner);
        if self.is(Mistake::LockIsTakenTwice) && again {
            return Ok(true);
        }
        self.inner.lock(name, owner, lifetime).await
    }

    async fn renew(&self, name: &str, owner: &str, lifetime: Duration) -> Result<bool, StoreError> {
        let holder = self.owners.lock().unwrap().get(name).cloned();
        match self.mistake {
            // What the trait does by itself, which is no mistake.
            Mistake::RenewIsLeft => Ok(true),
            Mistake::RenewIsForEverybody => {
                let holder = holder.unwrap_or_default();
                self.inner.renew(name, &holder, lifetime).await
            }
            Mistake::RenewTakes => match self.inner.renew(name, owner, lifetime).await? {
                true => Ok(true),
                false => self.inner.lock(name, owner, lifetime).await,
            },
            Mistake::RenewOnlySaysSo => Ok(holder.as_deref() == Some(owner)),
            Mistake::RenewNeverShortens if lifetime < HOUR => Ok(holder.as_deref() == Some(owner)),
            _ => self.inner.renew(name, owner, lifetime).await,
        }
    }

    async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        match self.mistake {
            Mistake::LocksAreSessions => self.inner.delete(name).await,
            Mistake::UnlockIsForEverybody => {
                for n in 0..AT_ONCE {
                    self.inner.unlock(name, &n.to_string()).await?;
                }
                Ok(())
            }
            _ => self.inner.unlock(name, owner).await,
        }
    }

    async fn owner(&self, name: &str) -> Result<Option<String>, StoreError> {
        match self.mistake {
            // What the trait does by itself, which is no mistake.
            Mistake::OwnerIsLeft => Ok(None),
            Mistake::OwnerIsLast => Ok(self.owners.lock().unwrap().get(name).cloned()),
            Mistake::OwnerIsCut => {
                let mut owner = self.inner.owner(name).await?;
                if let Some(owner) = &mut owner {
                    owner.truncate(255);
                }
                Ok(owner)
            }
            _ => self.inner.owner(name).await,
        }
    }
}

const ALL: &[&[Promise]] = &[COMMON, tokens::PROMISES];

fn names(broken: &[Broken]) -> Vec<String> {
    let describe = |Broken { promise, how }: &Broken| format!("{}: {how}", promise.name);
    broken.iter().map(describe).collect()
}

/// On several threads: what is done at once has to be.
#[rocket::async_test]
async fn every_mistake_is_found_and_a_good_store_passes() {
    let patience = Duration::from_secs(2);
    let checks = MISTAKES.iter().map(async |(mistake, promise)| {
        let made = broken(async || Mistaken::with(*mistake), ALL, patience).await;
        (mistake, promise, names(&made))
    });
    let good = broken(async || Mistaken::with(Mistake::None), ALL, PATIENCE);
    let left = [
        Mistake::RenewIsLeft,
        Mistake::ListIsLeft,
        Mistake::OwnerIsLeft,
    ];
    let left = left.map(async |left| {
        let made = broken(async || Mistaken::with(left), ALL, PATIENCE).await;
        assert_eq!(names(&made), [""; 0], "{left:?} is no mistake");
    });
    let (found, (good, _)) = join(join_all(checks), join(good, join_all(left))).await;
    for (mistake, promise, broken) in found {
        let found = broken.iter().any(|broken| broken.contains(promise));
        assert!(found, "{mistake:?} has broken {broken:#?}");
    }
    assert_eq!(names(&good), [""; 0]);
}

#[test]
fn every_promise_is_broken_by_some_mistake() {
    let promises = ALL.iter().copied().flatten().map(|promise| promise.name);
    let never: BTreeSet<_> = promises
        .filter(|name| !MISTAKES.iter().any(|(_, broken)| name.contains(broken)))
        .collect();
    assert_eq!(never, BTreeSet::new());
}

#[rocket::async_test]
async fn a_store_without_tokens_is_told_apart_from_one_that_loses_them() {
    session_store_conformance_without_tokens(async || Mistaken::with(Mistake::TokensAreLost)).await;

    let lost = async || Mistaken::with(Mistake::TokensAreLost);
    let lost = names(&broken(lost, ALL, PATIENCE).await);
    assert_eq!(lost.len(), 1, "{lost:#?}");
    let shared = async || MemoryStore::new(1000);
    let shared = names(&broken(shared, &[tokens::ABSENT], PATIENCE).await);
    assert_eq!(shared.len(), 1, "{shared:#?}");
}

#[rocket::async_test]
async fn the_report_says_what_was_expected_and_why() {
    let made = broken(
        async || Mistaken::with(Mistake::DeleteDoesNothing),
        &[COMMON],
        PATIENCE,
    )
    .await;
    let panic = std::panic::catch_unwind(|| report(&made)).expect_err("a panic");
    let text = panic.downcast_ref::<String>().expect("a text");
    for part in [
        "breaks promises: ",
        "\nsessions::delete_ends_one_session\n",
        "after delete, the sessions that are there: expected [\"b\"], found [\"a\", \"b\"]",
        "sessions.rs:",
        "why it matters: a user who signed out would still be signed in",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn long_data_is_shortened() {
    let shown = shortened(&"é".repeat(1000));
    assert!(shown.starts_with("\"éé") && shown.ends_with("… (2002 bytes)"));
    assert_eq!(shortened(&"short"), "\"short\"");
}
