//! Calls of the bus, to a receiver that does nothing.

use super::PAYLOAD;
use crate::generator;
use bus::message::next_traceparent;
use bus::serve::{ConsumerSource, Receive};
use bus::{Bus, Context, Queue};
use configuration::BusConfig;
use model::{Caller, RequestId, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Answers at once.
struct Nothing;

impl Receive for Nothing {
    type Message = String;
    type Reply = ();

    async fn receive(self: &Arc<Self>, _context: Context, _message: String) -> Result<()> {
        Ok(())
    }
}

/// Calls per second.
pub async fn rate(broker: &str, callers: usize, time: Duration) -> anyhow::Result<f64> {
    let namespace = format!("load-{}", uuid::Uuid::new_v4().simple());
    let config: BusConfig =
        serde_json::from_value(serde_json::json!({ "url": broker, "namespace": namespace }))?;
    let (stop_calling, stop_serving) = (CancellationToken::new(), CancellationToken::new());
    let calling = Bus::start(&config, "load", stop_calling.clone());
    let serving = Bus::start(&config, "load", stop_serving.clone());
    let served = tokio::spawn({
        let serving = serving.clone();
        let source = ConsumerSource::Queue(Queue::Scheduler, 64);
        async move { serving.serve(source, Arc::new(Nothing)).await }
    });
    harness::until("the bus serves", Duration::from_secs(5), || async {
        calling.is_ready() && serving.is_ready()
    })
    .await?;
    let payload = String::from_utf8(PAYLOAD.to_vec())?;
    let ask = {
        let calling = calling.clone();
        move || {
            let (bus, payload) = (calling.clone(), payload.clone());
            async move {
                bus.call::<_, Result<()>>(&Queue::Scheduler, context(), payload).await??;
                Ok(Some(()))
            }
        }
    };
    let load = generator::closed(callers, time, ask).await?;
    stop_serving.cancel();
    stop_calling.cancel();
    served.await?;
    Ok(load.rate())
}

fn context() -> Context {
    let caller = Caller { user_id: "u".into(), project_id: "p".into(), ..Caller::default() };
    let context = Context {
        request_id: RequestId::random(),
        traceparent: next_traceparent(None),
        caller,
        deadline_unix_ms: 0,
        redelivered: false,
    };
    context.for_the_next(Duration::from_secs(30))
}
