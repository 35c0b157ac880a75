//! A request whose time is up before anybody reads it.

use crate::{admitted, bus, bus_config, context};
use bus::{CallError, Queue, SchedulerMessage, SubmitAnswer};
use harness::ClusterBuilder;
use model::{Error, OperationId, Result};
use operation::DeleteVolume;
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_request_whose_time_is_up_is_never_admitted() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    let bus = bus(&bus_config(&cluster)?, &CancellationToken::new()).await?;

    // the stopped scheduler has received the request already: the broker cannot drop it any more
    cluster.schedulers[0].process.signal(Signal::STOP)?;
    let message = SchedulerMessage::Submit {
        operation_id: OperationId::next(),
        operation: Box::new(DeleteVolume { volume_id: id.parse()?, snapshots: Vec::new() }.into()),
    };
    let timeout = context(Duration::from_millis(300));
    let answer =
        bus.call::<_, Result<SubmitAnswer, Error>>(&Queue::Scheduler, timeout, message).await;
    assert!(matches!(answer, Err(CallError::NotAnswered(_))), "{answer:?}");
    cluster.schedulers[0].process.signal(Signal::CONT)?;

    // a request behind it is served, so it was read
    let rename = json!({ "volume": { "name": "renamed" } });
    client.put(&format!("/volumes/{id}"), rename).await?.expect_status(200)?;
    assert_eq!(admitted(&cluster, "delete_volume").await?, 0);
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("available"));
    cluster.finish(&["dropped a request whose time was up"]).await
}
