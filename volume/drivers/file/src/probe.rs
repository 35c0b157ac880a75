//! Whether storage answers: looks at it, of which one goes on at a time, so that storage that hangs takes one thread and not all of them.

use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// A look that does not end while the storage hangs.
#[derive(Debug, Default)]
pub(crate) struct Probe(Mutex<Option<JoinHandle<bool>>>);

impl Probe {
    /// What the look that is under way, or else this one, says; `false` when it takes too long. What one has said that nobody waited
    /// for is too old.
    pub async fn ask(
        &self,
        timeout: Duration,
        look: impl FnOnce() -> bool + Send + 'static,
    ) -> bool {
        let asked = async {
            let mut looking = self.0.lock().await;
            looking.take_if(|looked| looked.is_finished());
            let seen = looking.get_or_insert_with(|| tokio::task::spawn_blocking(look)).await;
            *looking = None;
            seen.unwrap_or(false)
        };
        tokio::time::timeout(timeout, asked).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Instant;

    #[tokio::test]
    async fn storage_that_hangs_takes_one_thread_and_everybody_waits_at_once() {
        let (probe, short) = (Arc::new(Probe::default()), Duration::from_millis(50));
        let (answer, hanging) = mpsc::channel::<bool>();
        assert!(!probe.ask(short, move || hanging.recv().unwrap_or(false)).await);
        let began = Instant::now();
        let asked = [(); 10].map(|()| {
            let probe = probe.clone();
            tokio::spawn(async move { probe.ask(short, || panic!("one look at a time")).await })
        });
        for one in asked {
            assert!(!one.await.unwrap());
        }
        assert!(began.elapsed() < short * 5);
        answer.send(false).unwrap();
        let answers = async {
            while !probe.ask(short, || true).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), answers).await.expect("it looks anew");
    }
}
