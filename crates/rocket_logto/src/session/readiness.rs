//! Whether the store that instances share would keep a session: what a sign-in does
//! with it is done with a session of nobody.

use std::time::{Duration, Instant};

use rocket::tokio::sync::Mutex as Turn;

use super::model::SessionId;
use super::store::{Record, SharedStore, StoreError};

const NAME: &str = "readiness";
/// How long the lock and the session of the check are there at most. They are gone
/// before, unless the check is given up.
const KEPT: Duration = Duration::from_secs(10);

/// Those who ask while a check runs share the next one.
#[derive(Default)]
pub(super) struct Readiness {
    last: Turn<Option<Checked>>,
}

struct Checked {
    begun: Instant,
    result: Result<(), StoreError>,
}

impl Readiness {
    /// `Err` when a sign-in would fail for the store. A new reason is logged.
    pub(super) async fn check(&self, store: &dyn SharedStore) -> Result<(), StoreError> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(last) = &*last
            && last.begun >= asked
        {
            return last.result.clone();
        }
        let begun = Instant::now();
        let result = try_all(store).await;
        let before = last.as_ref().map(|last| &last.result);
        if let Err(error) = &result
            && before != Some(&result)
        {
            log::warn!("logto: not ready: {error}");
        }
        *last = Some(Checked {
            begun,
            result: result.clone(),
        });
        result
    }
}

async fn try_all(store: &dyn SharedStore) -> Result<(), StoreError> {
    let id = SessionId::random().map_err(|_| failed("no randomness"))?;
    let id = id.as_str();
    let lock = format!("{NAME}:{id}");
    let locked = store.lock(&lock, id, KEPT).await?;
    store.unlock(&lock, id).await?;
    let nobody = Record::new(id, id, NAME, KEPT);
    store.create(&nobody).await?;
    let kept = store.save(&nobody.clone().with_version(1)).await?;
    store.put_token(id, NAME, NAME).await?;
    let loaded = store.load(id).await?;
    store.clear_tokens(id).await?;
    store.delete_by_sub(id, i64::MAX).await?;
    store.delete(id).await?;
    match locked && kept && loaded.as_deref() == Some(NAME) {
        true => Ok(()),
        false => Err(failed("it does not keep what it is given")),
    }
}

fn failed(why: &str) -> StoreError {
    StoreError::Unavailable(why.into())
}
