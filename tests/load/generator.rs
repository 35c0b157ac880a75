//! The generator: closed loops, in which each client waits for its answer, and open ones, in which requests come at a
//! rate whatever becomes of those before.

use hdrhistogram::Histogram;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Ten minutes: what takes longer counts as that.
const LONGEST_MICROS: u64 = 600_000_000;

/// What a load came to.
pub struct Load {
    latencies: Histogram<u64>,
    elapsed: Duration,
}

impl Load {
    fn new() -> anyhow::Result<Self> {
        let latencies = Histogram::new_with_bounds(1, LONGEST_MICROS, 3)?;
        Ok(Self { latencies, elapsed: Duration::ZERO })
    }

    fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(micros);
    }

    /// How many requests were answered.
    pub fn count(&self) -> u64 {
        self.latencies.len()
    }

    /// Answers per second.
    pub fn rate(&self) -> f64 {
        as_f64(self.count()) / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the requests had at most, in milliseconds.
    pub fn milliseconds(&self, share: f64) -> f64 {
        as_f64(self.latencies.value_at_quantile(share)) / 1000.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds are far below 2^53")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

/// One request and its answer; `None` when there is nothing left to ask.
pub trait Request: Future<Output = anyhow::Result<Option<()>>> + Send {}

impl<Asked: Future<Output = anyhow::Result<Option<()>>> + Send> Request for Asked {}

/// So many clients ask again and again, each as soon as it was answered, until the time is up or there is nothing left
/// to ask (`None`).
///
/// # Errors
/// The first error of any of them.
pub async fn closed<Asked: Request>(
    clients: usize,
    time: Duration,
    ask: impl Fn() -> Asked + Clone + Send + 'static,
) -> anyhow::Result<Load> {
    let started = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let ask = ask.clone();
        running.spawn(async move {
            let mut own = Load::new()?;
            while started.elapsed() < time {
                let asked = Instant::now();
                if ask().await?.is_none() {
                    break;
                }
                own.record(asked.elapsed());
            }
            anyhow::Ok(own)
        });
    }
    let mut load = Load::new()?;
    while let Some(own) = running.join_next().await {
        load.latencies.add(&own??.latencies)?;
    }
    load.elapsed = started.elapsed();
    Ok(load)
}

/// Asks at a rate (per second). A latency counts from the moment when the request was due, so that a system that stands
/// still is not asked less for it.
///
/// # Errors
/// The first error of any request.
pub async fn open<Asked: Request>(
    rate: f64,
    time: Duration,
    ask: impl Fn() -> Asked + Clone + Send + 'static,
) -> anyhow::Result<Load> {
    let started = Instant::now();
    let load = std::sync::Arc::new(Mutex::new(Load::new()?));
    let mut running = JoinSet::new();
    let mut due = started;
    while due < started + time {
        tokio::time::sleep_until(due.into()).await;
        let (ask, load) = (ask.clone(), load.clone());
        running.spawn(async move {
            ask().await?;
            load.lock().unwrap_or_else(PoisonError::into_inner).record(due.elapsed());
            anyhow::Ok(())
        });
        due += Duration::from_secs_f64(1.0 / rate);
    }
    while let Some(asked) = running.join_next().await {
        asked??;
    }
    let mut load =
        std::mem::replace(&mut *load.lock().unwrap_or_else(PoisonError::into_inner), Load::new()?);
    load.elapsed = started.elapsed();
    Ok(load)
}
