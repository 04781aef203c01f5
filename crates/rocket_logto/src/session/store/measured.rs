//! Times what is asked of the store that instances share.

use std::sync::Arc;

use super::SharedStore;

#[cfg(all(feature = "metrics", feature = "_internals"))]
pub(crate) use self::on::Measured;

/// The store as it is: nothing is measured.
#[cfg(not(feature = "metrics"))]
pub(in crate::session) fn measured(store: Arc<dyn SharedStore>) -> Arc<dyn SharedStore> {
    store
}

/// The store, with every call timed.
#[cfg(feature = "metrics")]
pub(in crate::session) fn measured(store: Arc<dyn SharedStore>) -> Arc<dyn SharedStore> {
    Arc::new(on::Measured(store))
}

#[cfg(feature = "metrics")]
mod on {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::measure::{StoreAnswer, StoreCall, StoreRequest};
    use crate::session::store::{
        LockStore, Record, SessionIndex, SessionStore, SharedStore, StoreError, TokenStore,
    };

    pub(crate) struct Measured(pub(crate) Arc<dyn SharedStore>);

    /// An id that is taken, and what a store does not do at all, are answers as well.
    async fn timed<T>(
        call: StoreCall,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let request = StoreRequest::begin(call);
        let answer = answer.await;
        request.end(match answer {
            Err(StoreError::Unavailable(_)) => StoreAnswer::Unavailable,
            Ok(_) | Err(StoreError::Collision | StoreError::Unsupported) => StoreAnswer::Ok,
        });
        answer
    }

    #[rocket::async_trait]
    impl SessionStore for Measured {
        async fn create(&self, record: &Record) -> Result<(), StoreError> {
            timed(StoreCall::Write, self.0.create(record)).await
        }

        async fn load(&self, id: &str) -> Result<Option<String>, StoreError> {
            timed(StoreCall::Read, self.0.load(id)).await
        }

        async fn save(&self, record: &Record) -> Result<bool, StoreError> {
            timed(StoreCall::Write, self.0.save(record)).await
        }

        async fn delete(&self, id: &str) -> Result<(), StoreError> {
            timed(StoreCall::Delete, self.0.delete(id)).await
        }
    }

    #[rocket::async_trait]
    impl SessionIndex for Measured {
        async fn delete_by_sid(&self, sid: &str) -> Result<(), StoreError> {
            timed(StoreCall::Delete, self.0.delete_by_sid(sid)).await
        }

        async fn delete_by_sub_without_sid(
            &self,
            sub: &str,
            begun_by: i64,
        ) -> Result<(), StoreError> {
            let deleted = self.0.delete_by_sub_without_sid(sub, begun_by);
            timed(StoreCall::Delete, deleted).await
        }

        async fn delete_by_sub(&self, sub: &str, begun_by: i64) -> Result<(), StoreError> {
            timed(StoreCall::Delete, self.0.delete_by_sub(sub, begun_by)).await
        }

        async fn list_by_sub(&self, sub: &str, limit: usize) -> Result<Vec<String>, StoreError> {
            timed(StoreCall::Read, self.0.list_by_sub(sub, limit)).await
        }
    }

    #[rocket::async_trait]
    impl TokenStore for Measured {
        async fn put_token(&self, id: &str, name: &str, sealed: &str) -> Result<(), StoreError> {
            timed(StoreCall::Write, self.0.put_token(id, name, sealed)).await
        }

        async fn token(&self, id: &str, name: &str) -> Result<Option<String>, StoreError> {
            timed(StoreCall::Read, self.0.token(id, name)).await
        }

        async fn clear_tokens(&self, id: &str) -> Result<(), StoreError> {
            timed(StoreCall::Write, self.0.clear_tokens(id)).await
        }
    }

    #[rocket::async_trait]
    impl LockStore for Measured {
        async fn lock(
            &self,
            name: &str,
            owner: &str,
            lifetime: Duration,
        ) -> Result<bool, StoreError> {
            timed(StoreCall::Lock, self.0.lock(name, owner, lifetime)).await
        }

        async fn renew(
            &self,
            name: &str,
            owner: &str,
            lifetime: Duration,
        ) -> Result<bool, StoreError> {
            timed(StoreCall::Lock, self.0.renew(name, owner, lifetime)).await
        }

        async fn unlock(&self, name: &str, owner: &str) -> Result<(), StoreError> {
            timed(StoreCall::Lock, self.0.unlock(name, owner)).await
        }

        async fn owner(&self, name: &str) -> Result<Option<String>, StoreError> {
            timed(StoreCall::Read, self.0.owner(name)).await
        }
    }
}
