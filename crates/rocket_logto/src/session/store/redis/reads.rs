//! Reads of sessions from Redis, gathered. Every request of a signed-in user
//! begins with one, and what one costs is mostly the kernel's work on both
//! sides of the connection: those that come at the same moment go in one
//! message, and their answers come back in one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Cmd, Value};
use rocket::tokio::sync::oneshot;
use rocket::tokio::task::yield_now;

use super::connection::{Answer, Connection};
use crate::session::store::StoreError;

type Answered = Result<Answer<Value>, StoreError>;

/// A read that was not sent yet, and the caller that waits for it.
struct Read {
    command: Cmd,
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
        field: &str,
    ) -> Result<Answer<Option<String>>, StoreError> {
        self.ask(Cmd::hget(key, field)).await
    }

    /// The text at `key`, in the same way.
    pub(super) async fn text(&self, key: String) -> Result<Answer<Option<String>>, StoreError> {
        self.ask(Cmd::get(key)).await
    }

    async fn ask(&self, command: Cmd) -> Result<Answer<Option<String>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting();
            waiting.push(Read { command, answer });
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
        let (commands, callers): (Vec<_>, Vec<_>) = reads
            .into_iter()
            .map(|read| (read.command, read.answer))
            .unzip();
        // A caller that has gone away needs no answer.
        match self.connection.read(&commands).await {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    let _ = caller.send(answer);
                }
            }
            Err(error) => {
                for caller in callers {
                    let _ = caller.send(Err(error.clone()));
                }
            }
        }
    }
}
