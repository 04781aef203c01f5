//! Reads of sessions from Redis, gathered. Every request of a signed-in user
//! begins with one, and what one costs is mostly the kernel's work on both
//! sides of the connection: those that come at the same moment go in one
//! message, and their answers come back in one.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Cmd, Value};
use rocket::tokio::sync::oneshot;
use rocket::tokio::task::yield_now;

use super::connection::{Answer, Connection};
use crate::session::store::StoreError;

type Answered = Result<Answer<Value>, StoreError>;

/// A read that was not sent yet, and the caller that waits for it.
struct Read {
    key: String,
    field: Cow<'static, str>,
    answer: oneshot::Sender<Answered>,
}

#[derive(Clone)]
pub(super) struct Reads {
    connection: Connection,
    waiting: Arc<Mutex<Vec<Read>>>,
}

impl Reads {
    pub(super) fn over(connection: Connection) -> Reads {
        let waiting = Arc::default();
        Reads {
            connection,
            waiting,
        }
    }

    /// A field of the hash at `key`, as it is now: asked for after this call has begun.
    pub(super) async fn field(
        &self,
        key: String,
        field: impl Into<Cow<'static, str>>,
    ) -> Result<Answer<Option<String>>, StoreError> {
        let field = field.into();
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting();
            waiting.push(Read { key, field, answer });
            waiting.len() == 1
        };
        if is_first {
            // A task of its own: the first caller may go away before the others have their answers.
            rocket::tokio::spawn(self.clone().send());
        }
        let gone = |_| Err(StoreError::Unavailable("the read was given up".into()));
        answered.await.unwrap_or_else(gone)?.read()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Read>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(self) {
        // Until every request that has arrived has come this far.
        yield_now().await;
        let reads = std::mem::take(&mut *self.waiting());
        let commands: Vec<_> = reads
            .iter()
            .map(|read| Cmd::hget(&read.key, &*read.field))
            .collect();
        // A caller that has gone away needs no answer.
        match self.connection.read(&commands).await {
            Ok(answers) => {
                for (read, answer) in reads.into_iter().zip(answers) {
                    let _ = read.answer.send(answer);
                }
            }
            Err(error) => {
                for read in reads {
                    let _ = read.answer.send(Err(error.clone()));
                }
            }
        }
    }
}
