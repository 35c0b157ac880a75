//! Where schedulers have a key, they take what is signed with it, and nothing else.

use super::{admitted, bus, bus_config, context};
use bus::{Queue, SchedulerMessage, SubmitAnswer};
use configuration::{BusConfig, Secret};
use harness::{Cluster, ClusterBuilder};
use model::{BackendId, Error, OperationId};
use operation::FreezeBackend;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const KEY: &str = "a key that is known to those who ask";

/// Asks a scheduler to freeze, as somebody on the broker who says that they are an admin, and signs with this key.
async fn freeze(cluster: &Cluster, key: Option<&str>) -> anyhow::Result<Result<(), Error>> {
    let backend: uuid::Uuid =
        cluster.database().await?.query_one("select id from backends", &[]).await?.get(0);
    let config = BusConfig { request_key: key.map(Secret::from), ..bus_config(cluster)? };
    let stopping = CancellationToken::new();
    let bus = bus(&config, &stopping).await?;
    let operation = FreezeBackend { backend_id: BackendId(backend) }.into();
    let message = SchedulerMessage::Submit {
        operation_id: OperationId::next(),
        operation: Box::new(operation),
    };
    let answer: Result<SubmitAnswer, Error> =
        bus.call(&Queue::Scheduler, context(Duration::from_secs(5)), message).await?;
    stopping.cancel();
    Ok(answer.map(drop))
}

#[tokio::test]
async fn what_is_not_signed_is_not_admitted() -> anyhow::Result<()> {
    let settings = format!("request_key = '{KEY}'");
    let cluster = ClusterBuilder::for_test().await?.bus_settings(&settings).start().await?;
    for key in [None, Some("another key, as long as the right one")] {
        let refused = freeze(&cluster, key).await?;
        assert!(refused.is_err(), "{key:?}: {refused:?}");
    }
    assert_eq!(admitted(&cluster, "freeze_backend").await?, 0);
    // those who have the key are heard
    let client = cluster.client();
    client.available_volume(1).await?;
    freeze(&cluster, Some(KEY)).await??;
    assert_eq!(admitted(&cluster, "freeze_backend").await?, 1);
    cluster.finish(&["not signed"]).await
}

#[tokio::test]
async fn without_a_key_whoever_reaches_the_broker_is_believed() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    freeze(&cluster, None).await??;
    assert_eq!(admitted(&cluster, "freeze_backend").await?, 1);
    cluster.finish(&[]).await
}
