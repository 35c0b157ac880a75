//! Group commit: calls that wait at the same moment share one transaction, each with its own answer.
//!
//! While one transaction is on its way, the calls that arrive wait for the next one. Nobody waits for others to come: a call
//! that is alone goes alone. Where so many wait that another transaction is worth its own cost, it goes beside the others.

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

    /// The most transactions with one key that are on their way at once.
    const MOST_AT_ONCE: usize = 1;
    /// How many calls wait before a transaction goes beside others.
    const WORTH_ANOTHER: usize = MAX_BATCH;

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

/// What goes on with one key; there is a lane only while a transaction is on its way.
type Lanes<B> = HashMap<<B as Batch>::Key, Lane<B>>;

struct Lane<B: Batch> {
    waiting: Vec<Waiting<B>>,
    on_their_way: usize,
}

impl<B: Batch> Lane<B> {
    const fn new() -> Self {
        Self { waiting: Vec::new(), on_their_way: 0 }
    }

    /// Lets a call wait. Returns the calls of a transaction that is to go now.
    fn enqueue(&mut self, waiting: Waiting<B>) -> Option<Vec<Waiting<B>>> {
        self.waiting.push(waiting);
        let goes = self.on_their_way == 0
            || (self.on_their_way < B::MOST_AT_ONCE && self.waiting.len() >= B::WORTH_ANOTHER);
        goes.then(|| {
            self.on_their_way += 1;
            self.next()
        })
    }

    /// The calls that can share the next transaction.
    fn next(&mut self) -> Vec<Waiting<B>> {
        let later = self.waiting.split_off(self.waiting.len().min(MAX_BATCH));
        std::mem::replace(&mut self.waiting, later)
    }
}

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
        if let Some(first) = self.shared.enqueue(key, Waiting { call, answer }) {
            let shared = self.shared.clone();
            // a task of its own: whoever called may be gone before the others are answered
            tokio::spawn(async move { shared.run(key, first).await });
        }
        answered.await.map_err(|gone| DbError::Defect(gone.into()))?
    }
}

impl<B: Batch> Shared<B> {
    /// Lets a call wait for a transaction. Returns the calls of one that is to go now.
    fn enqueue(&self, key: B::Key, waiting: Waiting<B>) -> Option<Vec<Waiting<B>>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(key).or_insert_with(Lane::new).enqueue(waiting)
    }

    async fn run(&self, key: B::Key, mut batch: Vec<Waiting<B>>) {
        let _guard = CloseOnPanic { shared: self, key };
        while !batch.is_empty() {
            self.answer(key, batch).await;
            batch = self.next(key);
        }
    }

    /// The calls of the next transaction. When there are none, one is on its way less.
    fn next(&self, key: B::Key) -> Vec<Waiting<B>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lane) = lanes.get_mut(&key) else { return Vec::new() };
        let batch = lane.next();
        if batch.is_empty() {
            lane.on_their_way -= 1;
            if lane.on_their_way == 0 {
                lanes.remove(&key);
            }
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

/// Nobody would answer the calls that wait for a transaction whose task has panicked, where no other is on its way: they are
/// told, and the next call begins anew.
struct CloseOnPanic<'a, B: Batch> {
    shared: &'a Shared<B>,
    key: B::Key,
}

impl<B: Batch> Drop for CloseOnPanic<'_, B> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut lanes = self.shared.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(&self.key) {
            lane.on_their_way -= 1;
            if lane.on_their_way == 0 {
                lanes.remove(&self.key);
            }
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

        const MOST_AT_ONCE: usize = 2;
        const WORTH_ANOTHER: usize = 4;

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
    async fn where_many_wait_a_second_transaction_goes_and_no_third() {
        let calls: Vec<u32> = (10..20).collect();
        let all = transactions(&calls).await;
        let distinct = |calls: &[u32]| all.iter().filter(|with| *with == calls).count();
        assert_eq!(distinct(&[10]), 1);
        assert_eq!(distinct(&[11, 12, 13, 14]), 4);
        assert_eq!(distinct(&[15, 16, 17, 18, 19]), 5);
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
