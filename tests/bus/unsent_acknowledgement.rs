//! An acknowledgement that cannot be sent.

use crate::{bus, bus_config, context, own_broker};
use bus::serve::{ConsumerSource, Receive};
use bus::{BackendMessage, Context, Queue};
use harness::until;
use model::{Error, OperationId, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Counts deliveries; the first one lasts until it is told to go on.
#[derive(Default)]
struct Counting {
    deliveries: AtomicUsize,
    go_on: Notify,
}

impl Receive for Counting {
    type Message = BackendMessage;
    type Reply = ();

    async fn receive(
        self: &Arc<Self>,
        _context: Context,
        _message: BackendMessage,
    ) -> Result<(), Error> {
        if self.deliveries.fetch_add(1, Ordering::SeqCst) == 0 {
            self.go_on.notified().await;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_acknowledged_is_delivered_again() -> anyhow::Result<()> {
    let (broker, builder) = own_broker().await?;
    let cluster = builder.start().await?;
    let stopping = CancellationToken::new();
    let bus = bus(&bus_config(&cluster)?, &stopping).await?;
    let receiver = Arc::new(Counting::default());
    let queue = Queue::Backend("nobody's".to_owned());
    let serving = tokio::spawn({
        let (bus, receiver) = (bus.clone(), receiver.clone());
        async move { bus.serve(ConsumerSource::Queue(queue, 1), receiver).await }
    });
    let deliveries = || async { receiver.deliveries.load(Ordering::SeqCst) };

    // a hint to a queue that is not there yet would be lost
    until("the queue is there", Duration::from_secs(20), || async {
        let queues = broker.control(&["list_queues", "--quiet", "name"]).await;
        queues.is_ok_and(|queues| queues.contains("nobody's"))
    })
    .await?;
    let message = BackendMessage::Execute { operation_id: OperationId::next() };
    bus.send_to_backend("nobody's", context(Duration::from_secs(60)), message).await;
    until("it is delivered", Duration::from_secs(10), || async { deliveries().await == 1 }).await?;
    broker.control(&["close_all_connections", "a test"]).await?;
    receiver.go_on.notify_one();
    until("it is delivered again", Duration::from_secs(10), || async { deliveries().await >= 2 })
        .await?;

    stopping.cancel();
    serving.await?;
    let left = broker.control(&["list_queues", "--quiet", "name", "messages"]).await?;
    assert!(left.lines().any(|line| line.contains("nobody's") && line.ends_with("\t0")), "{left}");
    drop(cluster);
    broker.stop()
}
