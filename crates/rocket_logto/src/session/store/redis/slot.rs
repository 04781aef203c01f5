//! A connection that is made when it is needed first, by one for all who wait, and
//! made anew after it was found to be of no use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rocket::futures::FutureExt;
use rocket::futures::future::{BoxFuture, Shared};
use rocket::tokio::time::sleep;

use crate::session::store::StoreError;

/// Before a failure is told: so long there is no other attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// Which connection has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source(u64);

impl Source {
    /// Where there is only ever one.
    pub(super) const ONLY: Source = Source(0);
}

type Made<T> = Shared<BoxFuture<'static, Result<(T, Source), StoreError>>>;

pub(super) struct Slot<T: Clone> {
    made: Mutex<Option<Made<T>>>,
    next: AtomicU64,
}

impl<T: Clone + Send + Sync + 'static> Slot<T> {
    pub(super) fn new() -> Slot<T> {
        Slot {
            made: Mutex::default(),
            next: AtomicU64::new(1),
        }
    }

    /// The connection there is, or else the one that `make` makes. A failure is the
    /// answer to all who have waited for it, and the next one tries again.
    pub(super) async fn get<F>(&self, make: impl FnOnce() -> F) -> Result<(T, Source), StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let made = {
            let mut slot = self.slot();
            let usable = slot
                .as_ref()
                .filter(|made| !matches!(made.peek(), Some(Err(_))));
            match usable {
                Some(made) => made.clone(),
                None => {
                    let source = Source(self.next.fetch_add(1, Ordering::Relaxed));
                    let making = make();
                    // A task of its own: who has begun it may go away.
                    let task = rocket::tokio::spawn(async move {
                        let made = making.await;
                        if made.is_err() {
                            sleep(PAUSE).await;
                        }
                        made
                    });
                    let made = async move {
                        let given_up = |_| Err(StoreError::Unavailable("given up".into()));
                        let made = task.await.unwrap_or_else(given_up)?;
                        Ok((made, source))
                    };
                    slot.insert(made.boxed().shared()).clone()
                }
            }
        };
        made.await
    }

    /// The connection there is.
    pub(super) fn peek(&self) -> Option<(T, Source)> {
        let slot = self.slot();
        let made = slot.as_ref().and_then(Shared::peek);
        made.and_then(|made| made.as_ref().ok()).cloned()
    }

    /// Makes a new one next time, if `source` is the one there is.
    pub(super) fn forget(&self, source: Source) {
        let mut slot = self.slot();
        let made = slot.as_ref().and_then(Shared::peek);
        if matches!(made, Some(Ok((_, of))) if *of == source) {
            *slot = None;
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Made<T>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
