//! Group commit: calls that wait at the same moment share one transaction, each with its own answer.
//!
//! While one transaction is on its way, the calls that arrive wait for the next one. Nobody waits for others to come: a call
//! that is alone goes alone.

use super::DbError;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// The most calls in one transaction.
const MAX_BATCH: usize = 128;

/// A statement that answers several calls in one transaction.
pub(crate) trait Batch: Send + Sync + 'static {
    /// Calls with the same key can share a transaction.
    type Key: Copy + Eq + Hash + Send + Sync + 'static;
    /// A call.
    type Call: Clone + Send + 'static;
    /// The answer to one.
    type Answer: Send + 'static;

    /// Answers calls, in their order.
    fn answer(
        &self,
        key: Self::Key,
        calls: Vec<Self::Call>,
    ) -> impl Future<Output = Result<Vec<Self::Answer>, DbError>> + Send;
}

/// The calls of a process to one kind of statement. Cheap to clone.
pub(crate) struct GroupCommit<B: Batch> {
    shared: Arc<Shared<B>>,
}

impl<B: Batch> Clone for GroupCommit<B> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

struct Shared<B: Batch> {
    batch: B,
    lanes: Mutex<Lanes<B>>,
}

/// The calls that wait, by key, where a transaction is on its way.
type Lanes<B> = HashMap<<B as Batch>::Key, Vec<Waiting<B>>>;

struct Waiting<B: Batch> {
    call: B::Call,
    answer: oneshot::Sender<Result<B::Answer, DbError>>,
}

impl<B: Batch> GroupCommit<B> {
    pub fn new(batch: B) -> Self {
        Self { shared: Arc::new(Shared { batch, lanes: Mutex::default() }) }
    }

    /// Makes a call, together with others that wait now.
    pub async fn call(&self, key: B::Key, call: B::Call) -> Result<B::Answer, DbError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { call, answer };
        if let Some(first) = self.shared.enqueue(key, waiting) {
            let shared = self.shared.clone();
            // a task of its own: whoever called may be gone before the others are answered
            tokio::spawn(async move { shared.run(key, first).await });
        }
        answered.await.map_err(|gone| DbError::Defect(gone.into()))?
    }
}

impl<B: Batch> Shared<B> {
    /// Lets a call wait for the transaction that is on its way, or gives it back where there is none.
    fn enqueue(&self, key: B::Key, waiting: Waiting<B>) -> Option<Waiting<B>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        match lanes.get_mut(&key) {
            Some(lane) => {
                lane.push(waiting);
                None
            }
            None => {
                lanes.insert(key, Vec::new());
                Some(waiting)
            }
        }
    }

    async fn run(&self, key: B::Key, first: Waiting<B>) {
        let _guard = CloseOnPanic { shared: self, key };
        let mut batch = vec![first];
        while !batch.is_empty() {
            self.answer(key, batch).await;
            batch = self.next(key);
        }
    }

    /// The next calls that can share a transaction; when there are none, the lane is closed.
    fn next(&self, key: B::Key) -> Vec<Waiting<B>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = lanes.remove(&key).unwrap_or_default();
        if !batch.is_empty() {
            let later = batch.split_off(batch.len().min(MAX_BATCH));
            lanes.insert(key, later);
        }
        batch
    }

    async fn answer(&self, key: B::Key, batch: Vec<Waiting<B>>) {
        let calls: Vec<_> = batch.iter().map(|waiting| waiting.call.clone()).collect();
        match self.batch.answer(key, calls).await {
            Ok(answers) => {
                for (waiting, answer) in batch.into_iter().zip(answers) {
                    reply(waiting, Ok(answer));
                }
            }
            // nobody knows what became of any of them
            Err(error @ DbError::Unavailable(_)) if !error.is_about_locks() => {
                let told = error.to_string();
                let others = std::iter::repeat_with(|| DbError::Unavailable(told.clone().into()));
                for (waiting, error) in batch.into_iter().zip(std::iter::once(error).chain(others))
                {
                    reply(waiting, Err(error));
                }
            }
            // one of them may be the reason: each gets its own answer
            Err(_) if batch.len() > 1 => {
                let each = batch.into_iter().map(async |waiting| {
                    let answer = self.alone(key, waiting.call.clone()).await;
                    reply(waiting, answer);
                });
                join_all(each).await;
            }
            Err(error) => {
                if let Some(waiting) = batch.into_iter().next() {
                    reply(waiting, Err(error));
                }
            }
        }
    }

    async fn alone(&self, key: B::Key, call: B::Call) -> Result<B::Answer, DbError> {
        let answers = self.batch.answer(key, vec![call]).await?;
        answers.into_iter().next().ok_or_else(|| DbError::Defect("a call was not answered".into()))
    }
}

/// Nobody would answer the calls that wait for a transaction whose task has panicked: they are told, and the next call begins
/// anew.
struct CloseOnPanic<'a, B: Batch> {
    shared: &'a Shared<B>,
    key: B::Key,
}

impl<B: Batch> Drop for CloseOnPanic<'_, B> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut lanes = self.shared.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            lanes.remove(&self.key);
        }
    }
}

/// Whoever called may be gone.
fn reply<B: Batch>(waiting: Waiting<B>, answer: Result<B::Answer, DbError>) {
    drop(waiting.answer.send(answer));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    /// Answers each call with the calls of its transaction; the first transaction waits until it may go on, one with a 5
    /// among others fails, and one with a 9 panics.
    struct Recorder {
        may_go_on: Semaphore,
    }

    impl Batch for Arc<Recorder> {
        type Key = ();
        type Call = u32;
        type Answer = Vec<u32>;

        async fn answer(&self, (): (), calls: Vec<u32>) -> Result<Vec<Vec<u32>>, DbError> {
            let permit = self.may_go_on.acquire().await;
            permit.map_err(|closed| DbError::Defect(closed.into()))?.forget();
            assert!(!calls.contains(&9), "nine");
            if calls.len() > 1 && calls.contains(&5) {
                return Err(DbError::Duplicate("five".to_owned()));
            }
            Ok(calls.iter().map(|_| calls.clone()).collect())
        }
    }

    /// Makes the first call, and the others once that one is on its way; returns the transactions of all, in their order.
    async fn transactions(calls: &[u32]) -> Vec<Vec<u32>> {
        let recorder = Arc::new(Recorder { may_go_on: Semaphore::new(0) });
        let together = GroupCommit::new(recorder.clone());
        let begun = calls.iter().map(|call| together.call((), *call));
        let release = async {
            // each of the others has been made when all have been polled once
            tokio::task::yield_now().await;
            recorder.may_go_on.add_permits(100);
        };
        let (answers, ()) = tokio::join!(join_all(begun), release);
        answers.into_iter().map(|answer| answer.unwrap_or_default()).collect()
    }

    #[tokio::test]
    async fn calls_that_wait_share_the_next_transaction() {
        let all = transactions(&[1, 2, 3, 4]).await;
        assert_eq!(all, [vec![1], vec![2, 3, 4], vec![2, 3, 4], vec![2, 3, 4]]);
    }

    #[tokio::test]
    async fn a_transaction_that_fails_is_repeated_call_by_call() {
        let all = transactions(&[1, 5, 6]).await;
        assert_eq!(all, [vec![1], vec![5], vec![6]]);
    }

    #[tokio::test]
    async fn after_a_panic_calls_are_answered_again() {
        let recorder = Arc::new(Recorder { may_go_on: Semaphore::new(100) });
        let together = GroupCommit::new(recorder);
        assert!(matches!(together.call((), 9).await, Err(DbError::Defect(_))));
        assert_eq!(together.call((), 1).await.unwrap(), [1]);
    }
}
