//! A check that is made once for all who ask at the same moment.

use std::time::Instant;

use rocket::tokio::sync::Mutex;

/// The last check, and what it was about: who has asked before it began takes its result,
/// because that is no older than the question.
pub(in crate::session) struct JointCheck<K, T> {
    last: Mutex<Option<Checked<K, T>>>,
}

struct Checked<K, T> {
    about: K,
    begun: Instant,
    result: T,
}

impl<K, T> Default for JointCheck<K, T> {
    fn default() -> Self {
        JointCheck {
            last: Mutex::default(),
        }
    }
}

impl<K: PartialEq, T: Clone> JointCheck<K, T> {
    /// The result of `check`, or of one about the same that has begun since this was
    /// called. `check` is told the result before.
    pub(in crate::session) async fn get<F: Future<Output = T>>(
        &self,
        about: K,
        check: impl FnOnce(Option<T>) -> F,
    ) -> T {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        let before = match &*last {
            Some(last) if last.about == about && last.begun >= asked => {
                return last.result.clone();
            }
            last => last.as_ref().map(|last| last.result.clone()),
        };
        let begun = Instant::now();
        let result = check(before).await;
        *last = Some(Checked {
            about,
            begun,
            result: result.clone(),
        });
        result
    }
}
