//! A fan-out message reaches those who subscribe to its topic, and nobody else.

use super::{bus, bus_config, context};
use bus::serve::{ConsumerSource, Receive};
use bus::{Context, FailoverCompleted, Topic};
use harness::{ClusterBuilder, until};
use model::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Notes which backends it hears of.
#[derive(Default)]
struct Listener {
    heard: Mutex<Vec<String>>,
    count: AtomicUsize,
}

impl Receive for Listener {
    type Message = FailoverCompleted;
    type Reply = ();

    async fn receive(self: &Arc<Self>, _: Context, told: FailoverCompleted) -> Result<(), Error> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(told.backend);
        self.count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn who_subscribes_to_one_backend_does_not_hear_of_another() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let stopping = CancellationToken::new();
    let bus = bus(&bus_config(&cluster)?, &stopping).await?;
    let listeners = ["one", "other"].map(|backend| (backend, Arc::new(Listener::default())));
    for (backend, listener) in &listeners {
        let source = ConsumerSource::Topic(Topic::FailoversOf((*backend).to_owned()));
        let (bus, listener) = (bus.clone(), listener.clone());
        tokio::spawn(async move { bus.serve(source, listener).await });
    }
    until("both have subscribed", Duration::from_secs(5), || async {
        for (backend, _) in &listeners {
            let told = FailoverCompleted { backend: (*backend).to_owned() };
            bus.fan_out(context(Duration::from_secs(5)), told).await;
        }
        listeners.iter().all(|(_, listener)| listener.count.load(Ordering::SeqCst) >= 3)
    })
    .await?;
    stopping.cancel();
    for (backend, listener) in &listeners {
        let heard = listener.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(heard.iter().all(|one| one == backend), "{backend}: {heard:?}");
    }
    cluster.finish(&[]).await
}
