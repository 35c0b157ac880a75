//! A request, or its announcement, that arrives twice.

use anyhow::Context as _;
use bus::message::next_traceparent;
use bus::{BackendMessage, Bus, Context, Queue, SchedulerMessage, SubmitAnswer};
use configuration::{BusConfig, Config};
use harness::cluster::PROJECT;
use harness::{Cluster, ClusterBuilder};
use model::{Caller, Error, OperationId, RequestId, Result, VolumeId};
use operation::{DeleteVolume, ExtendVolume, FreezeBackend, Operation, UpdateVolume};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A bus on the cluster's queues.
async fn bus(cluster: &Cluster) -> anyhow::Result<Bus> {
    let config: BusConfig = Config::load(Some(&cluster.directory().join("cinderblock.toml")))?.bus;
    let bus = Bus::start(&config, "test", CancellationToken::new());
    anyhow::ensure!(bus.wait_until_ready(TIMEOUT).await, "the bus is not ready");
    Ok(bus)
}

fn context() -> Context {
    let caller = Caller {
        user_id: "tester".to_owned(),
        project_id: PROJECT.to_owned(),
        roles: vec!["admin".to_owned()],
        is_admin: true,
        ..Caller::default()
    };
    let context = Context {
        request_id: RequestId::random(),
        traceparent: next_traceparent(None),
        caller,
        deadline_unix_ms: 0,
        redelivered: false,
    };
    context.for_the_next(TIMEOUT)
}

async fn submit(bus: &Bus, id: OperationId, operation: &Operation) -> anyhow::Result<SubmitAnswer> {
    let message =
        SchedulerMessage::Submit { operation_id: id, operation: Box::new(operation.clone()) };
    let answer: Result<SubmitAnswer, Error> =
        bus.call(&Queue::Scheduler, context(), message).await?;
    Ok(answer?)
}

async fn count(cluster: &Cluster, sql: &str) -> anyhow::Result<i64> {
    Ok(cluster.database().await?.query_one(sql, &[]).await?.get(0))
}

#[tokio::test]
async fn a_request_that_is_delivered_twice_is_admitted_once() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let bus = bus(&cluster).await?;
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    let volume_id: VolumeId = id.parse()?;

    let extend = ExtendVolume { volume_id, new_size_gb: 2, while_attached: false }.into();
    let key = OperationId::next();
    assert!(matches!(submit(&bus, key, &extend).await?, SubmitAnswer::Admitted(_)));
    client.wait_for_status(&id, "available").await?;
    // by its status and size alone the volume could not be extended to 2 again
    assert!(matches!(submit(&bus, key, &extend).await?, SubmitAnswer::Admitted(_)));
    assert!(matches!(submit(&bus, OperationId::next(), &extend).await?, SubmitAnswer::Refused(_)));

    let delete = DeleteVolume { volume_id, snapshots: Vec::new() }.into();
    let key = OperationId::next();
    let twice =
        futures_util::future::try_join(submit(&bus, key, &delete), submit(&bus, key, &delete));
    let twice = twice.await?;
    assert!(matches!(twice, (SubmitAnswer::Admitted(_), SubmitAnswer::Admitted(_))), "{twice:?}");
    client.wait_for_status(&id, "deleted").await?;
    assert_eq!(count(&cluster, "select count(*) from operations").await?, 3);
    assert_eq!(count(&cluster, "select sum(used)::bigint from quota_usages").await?, 0);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_request_admitted_before_a_freeze_stays_admitted_when_it_comes_again()
-> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let bus = bus(&cluster).await?;
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    let delete = DeleteVolume { volume_id: id.parse()?, snapshots: Vec::new() }.into();
    let key = OperationId::next();
    submit(&bus, key, &delete).await?;
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    // the answer was lost, so to speak, and the API asks again
    assert!(matches!(submit(&bus, key, &delete).await?, SubmitAnswer::Admitted(_)));
    client.wait_for_status(&id, "deleted").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_that_was_placed_stays_admitted_when_no_backend_would_take_it_any_more()
-> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let bus = bus(&cluster).await?;
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    let recorded = "select id, jsonb_build_object('kind', kind, 'arguments', arguments) \
                    from operations where kind = 'create_volume'";
    let row = cluster.database().await?.query_one(recorded, &[]).await?;
    let create: Operation = serde_json::from_value(row.get(1))?;
    let again = submit(&bus, OperationId(row.get(0)), &create).await?;
    assert!(matches!(again, SubmitAnswer::Admitted(_)), "{again:?}");
    let another = submit(&bus, OperationId::next(), &create).await?;
    assert!(matches!(another, SubmitAnswer::Refused(_)), "{another:?}");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_operation_that_ends_with_its_admission_has_one_effect_too() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let bus = bus(&cluster).await?;
    let id = client.create_volume(json!({ "size": 1, "name": "first" })).await?;
    client.wait_for_status(&id, "available").await?;
    let rename = UpdateVolume {
        volume_id: id.parse()?,
        name: Some(Some("second".to_owned())),
        description: None,
        metadata: None,
        metadata_seen: None,
    }
    .into();
    let key = OperationId::next();
    submit(&bus, key, &rename).await?;
    let again = json!({ "volume": { "name": "third" } });
    client.put(&format!("/volumes/{id}"), again).await?.expect_status(200)?;
    submit(&bus, key, &rename).await?;
    assert_eq!(client.get(&format!("/volumes/{id}")).await?.body["volume"]["name"], "third");

    let backend: uuid::Uuid =
        cluster.database().await?.query_one("select id from backends", &[]).await?.get(0);
    let freeze = FreezeBackend { backend_id: model::BackendId(backend) }.into();
    let key = OperationId::next();
    submit(&bus, key, &freeze).await?;
    client.operate("thaw", &cluster.host("a")).await?.expect_status(200)?;
    submit(&bus, key, &freeze).await?;
    let service = &client.get("/os-services?binary=cinder-volume").await?.body["services"][0];
    assert_eq!(service["frozen"], false);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_announcement_that_comes_twice_or_never_changes_nothing() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.workers(2).start().await?;
    let client = cluster.client();
    let bus = bus(&cluster).await?;
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "300" } });
    let id = client.create_volume(slow).await?;
    let operation: uuid::Uuid =
        cluster.database().await?.query_one("select id from operations", &[]).await?.get(0);
    for _ in 0..20 {
        let message = BackendMessage::Execute { operation_id: OperationId(operation) };
        bus.send_to_backend(&cluster.host("a"), context(), message).await;
    }
    client.wait_for_status(&id, "available").await?;
    let row = cluster.database().await?;
    let row =
        row.query_one("select state, attempts from operations", &[]).await.context("one row")?;
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("done", 1));

    // one that is never announced: the sweep finds it
    let database = cluster.database().await?;
    let silent = "insert into operations (id, request_id, user_id, project_id, kind, arguments, subject_table, subject_id, backend_id, backend_epoch, state, created_at) \
        select gen_random_uuid(), 'r', 'u', $1, 'delete_volume', jsonb_build_object('volume_id', v.id, 'snapshots', '[]'::jsonb), 'volumes', v.id, v.backend_id, 1, 'admitted', now() - interval '1 minute' from volumes v";
    database.execute("update volumes set status = 'deleting'", &[]).await?;
    database.execute(silent, &[&PROJECT]).await?;
    client.wait_for_status(&id, "deleted").await?;
    // the operation that was made up here has reserved nothing
    cluster.finish_unsettled(&[])
}
