//! The bus on a real broker: what happens when the broker, its queues or the processes fail.

mod broker_restart;
mod expired_request;
mod memory_alarm;
mod no_scheduler;
mod notifications;
mod queue_trouble;
mod signed_requests;
mod topics;
mod unsent_acknowledgement;

use bus::message::next_traceparent;
use bus::{Bus, Context};
use configuration::{BusConfig, Config};
use harness::Cluster;
use harness::authority::Authority;
use harness::cluster::PROJECT;
use harness::rabbitmq::RabbitMq;
use harness::{ClusterBuilder, Servers};
use model::{Caller, RequestId};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A broker of the test's own, and a builder of clusters on it.
async fn own_broker() -> anyhow::Result<(RabbitMq, ClusterBuilder)> {
    let directory = harness::files::new_test_directory();
    let servers = Servers::of_this_run()?;
    let broker = RabbitMq::start(&directory, &Authority::at(&servers.certificates)).await?;
    let servers = Servers { amqp: broker.url(), ..servers };
    let builder = ClusterBuilder::on(&servers).await?;
    Ok((broker, builder))
}

fn bus_config(cluster: &Cluster) -> anyhow::Result<BusConfig> {
    Ok(Config::load(Some(&cluster.directory().join("cinderblock.toml")))?.bus)
}

async fn bus(config: &BusConfig, stopping: &CancellationToken) -> anyhow::Result<Bus> {
    let bus = Bus::start(config, "test", stopping.clone());
    anyhow::ensure!(bus.wait_until_ready(Duration::from_secs(5)).await, "the bus is not ready");
    Ok(bus)
}

fn context(timeout: Duration) -> Context {
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
    context.for_the_next(timeout)
}

/// How many operations of a kind were admitted.
async fn admitted(cluster: &Cluster, kind: &str) -> anyhow::Result<i64> {
    let sql = "select count(*) from operations where kind = $1 and state <> 'revoked'";
    Ok(cluster.database().await?.query_one(sql, &[&kind]).await?.get(0))
}
