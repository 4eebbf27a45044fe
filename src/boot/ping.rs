//! Whether the store answers: one question at a time, heard to its end.
//!
//! Several want to know, again and again, and none of them waits for long. A question that is given up costs a connection, and a
//! store that is slow would lose one after the other to those who only ask how it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::store::{SharedStore, StoreError};

/// What asks the store.
pub(super) struct Ping {
    question: Box<dyn Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>,
    last: Mutex<Option<Asked>>,
}

/// A question, and the answer that all who ask meanwhile share.
struct Asked {
    task: AbortHandle,
    answer: Shared<BoxFuture<'static, Answer>>,
}

/// What came of a question.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Why the store could not be read and written, where it could not.
    pub(super) fault: Option<Arc<StoreError>>,
    /// How long that took, whoever asked first.
    pub(super) took: Duration,
}

impl Ping {
    /// Asks this store.
    pub(super) fn new(store: SharedStore) -> Self {
        Self::asking(move || {
            let store = store.clone();
            async move { store.ping().await }.boxed()
        })
    }

    fn asking(question: impl Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync + 'static) -> Self {
        Self { question: Box::new(question), last: Mutex::default() }
    }

    /// The answer to the question that is under way, or to a new one; `None` when it does not come in time.
    pub(super) async fn ask(&self, patience: Duration) -> Option<Answer> {
        tokio::time::timeout(patience, self.hear()).await.ok()
    }

    /// The same, whenever it comes.
    pub(super) async fn hear(&self) -> Answer {
        self.answer().await
    }

    fn answer(&self) -> Shared<BoxFuture<'static, Answer>> {
        let mut last = self.last.lock();
        if let Some(asked) = last.as_ref().filter(|asked| !asked.task.is_finished()) {
            return asked.answer.clone();
        }
        let (begun, question) = (Instant::now(), (self.question)());
        let task = tokio::spawn(question);
        let handle = task.abort_handle();
        let answer = async move {
            let asked = task.await.unwrap_or_else(|ended| Err(StoreError::Unusable(ended.to_string())));
            Answer { fault: asked.err().map(Arc::new), took: begun.elapsed() }
        };
        let answer = answer.boxed().shared();
        *last = Some(Asked { task: handle, answer: answer.clone() });
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Longer than any test runs.
    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_slow_question_is_not_asked_again_and_heard_to_its_end() {
        let (asked, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (count, go) = (Arc::clone(&asked), Arc::clone(&answers));
        let ping = Ping::asking(move || {
            let go = Arc::clone(&go);
            count.fetch_add(1, Ordering::SeqCst);
            async move {
                go.notified().await;
                Ok(())
            }
            .boxed()
        });
        let first = Duration::from_millis(1);
        for _ in 0..5 {
            assert!(ping.ask(first).await.is_none());
        }
        answers.notify_one();
        let answer = ping.ask(LONG).await.expect("an answer");
        assert!(answer.fault.is_none() && answer.took >= first * 5, "{answer:?} of the one question");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // What was answered is asked anew.
        answers.notify_one();
        assert!(ping.ask(LONG).await.is_some_and(|answer| answer.fault.is_none()));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_store_that_fails_is_not_there() {
        let ping = Ping::asking(|| async { Err(StoreError::Unusable("gone".into())) }.boxed());
        assert!(ping.ask(LONG).await.is_some_and(|answer| answer.fault.is_some()));
    }
}
