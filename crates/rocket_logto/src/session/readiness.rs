//! Whether the store that instances share would keep a session: what a sign-in does
//! with it is done with a session of nobody.

use std::time::Duration;

use super::model::SessionId;
use super::store::joint_check::JointCheck;
use super::store::{Record, SharedStore, StoreError};

const NAME: &str = "readiness";
/// How long the lock and the session of the check are there at most. They are gone
/// before, unless the check is given up.
const KEPT: Duration = Duration::from_secs(10);

/// Those who ask while a check runs share the next one.
#[derive(Default)]
pub(super) struct Readiness {
    last: JointCheck<(), Result<(), StoreError>>,
}

impl Readiness {
    /// `Err` when a sign-in would fail for the store. A new reason is logged.
    pub(super) async fn check(&self, store: &dyn SharedStore) -> Result<(), StoreError> {
        let check = async |before: Option<_>| {
            let result = try_all(store).await;
            if let Err(error) = &result
                && before.as_ref() != Some(&result)
            {
                log::warn!("logto: not ready: {error}");
            }
            result
        };
        self.last.get((), check).await
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
