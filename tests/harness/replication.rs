//! A backend with replication targets, and how its failovers are watched.

use crate::{Answered, BackendSpec, Client, Cluster, ClusterBuilder, Service, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const TARGETS: &str = "[[backends.a.replication_device]]\nbackend_id = 'b'\n\
                       [[backends.a.replication_device]]\nbackend_id = 'c'\n";

/// What a worker may complain of when its primary is cut off, or its target is gone.
pub const CUT_OFF: [&str; 4] =
    ["replica out of sync", "mirror not established", "replication failed", "could not be updated"];

/// A cluster with one fake backend `a` that has the targets `b` and `c`, and a type `replicated`.
///
/// # Errors
/// When it does not start.
pub async fn replicated() -> anyhow::Result<Cluster> {
    replicated_with(ClusterBuilder::for_test().await?).await
}

/// The same, on servers that the test has chosen.
///
/// # Errors
/// When it does not start.
pub async fn replicated_with(builder: ClusterBuilder) -> anyhow::Result<Cluster> {
    let backend =
        BackendSpec { name: "a".to_owned(), driver: "fake", settings: TARGETS.to_owned() };
    let cluster = builder.backend(backend).start().await?;
    create_replicated_type(&cluster).await?;
    Ok(cluster)
}

/// A cluster with one file backend `a`, arrays that are its targets, and a type `replicated`.
///
/// # Errors
/// When it does not start.
pub async fn arrays(targets: &[&str]) -> anyhow::Result<Cluster> {
    arrays_with(targets, "").await
}

/// The same, with more settings of the backend.
///
/// # Errors
/// When it does not start.
pub async fn arrays_with(targets: &[&str], settings: &str) -> anyhow::Result<Cluster> {
    arrays_on(ClusterBuilder::for_test().await?, targets, settings).await
}

/// The same, in a directory that the test has prepared.
///
/// # Errors
/// When it does not start.
pub async fn arrays_on(
    builder: ClusterBuilder,
    targets: &[&str],
    settings: &str,
) -> anyhow::Result<Cluster> {
    let cluster = builder.replicated("a", targets, settings).start().await?;
    create_replicated_type(&cluster).await?;
    Ok(cluster)
}

async fn create_replicated_type(cluster: &Cluster) -> anyhow::Result<()> {
    let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
    cluster.client().create_volume_type("replicated", specs).await.map(drop)
}

/// Waits until this many volumes are in sync with their replicas, by a look at the replicas that began after this
/// was called, by the database's clock.
///
/// # Errors
/// When they are not in time.
pub async fn wait_until_in_sync(cluster: &Cluster, volumes: i64) -> anyhow::Result<()> {
    let database = cluster.database().await?;
    let asked: SystemTime = database.query_one("select clock_timestamp()", &[]).await?.get(0);
    let sql = "select coalesce(sum((report #>> '{replication,in_sync}')::bigint), 0)::bigint from backends \
               where (report #>> '{replication,looked_at}')::timestamptz > $1";
    until("all volumes are in sync", Duration::from_secs(30), || async {
        database.query_one(sql, &[&asked]).await.is_ok_and(|row| row.get::<_, i64>(0) == volumes)
    })
    .await
}

/// An available volume of a type; driver methods named in `failing` fail for it.
///
/// # Errors
/// When it does not become available.
pub async fn volume(client: &Client, volume_type: &str, failing: &str) -> anyhow::Result<String> {
    let asked =
        json!({ "size": 1, "volume_type": volume_type, "metadata": { "fake:fail": failing } });
    let id = client.create_volume(asked).await?;
    client.wait_for_status(&id, "available").await?;
    Ok(id)
}

/// An available volume that is replicated.
///
/// # Errors
/// When it does not become available.
pub async fn replicated_volume(client: &Client) -> anyhow::Result<String> {
    volume(client, "replicated", "").await
}

/// The backend's line in the service list.
///
/// # Errors
/// When there is no answer.
pub async fn service(client: &Client) -> anyhow::Result<Value> {
    let listed = client.get("/os-services?binary=cinder-volume").await?.expect_status(200)?;
    Ok(listed.body["services"][0].clone())
}

/// The id of the link over which a volume's replica is written, if it has missed nothing.
///
/// # Errors
/// When there is no relay that answers.
pub fn link(cluster: &Cluster, target: &str, volume: &str) -> anyhow::Result<Option<String>> {
    let control = cluster.directory().join(target).join("run/relay-control.sock");
    let mut relay = UnixStream::connect(control)?;
    relay.write_all(b"\"list\"\n")?;
    let answer: Value = serde_json::from_reader(relay)?;
    let links = answer["listing"]["links"].as_array().cloned().unwrap_or_default();
    let export = format!("replica-{volume}");
    let link = links.iter().find(|link| link["export"] == export.as_str());
    Ok(link.and_then(|link| link["id"].as_str()).map(str::to_owned))
}

/// Waits until it is noted that a volume's replica is complete, and has missed nothing since.
///
/// # Errors
/// When it is not in time.
pub async fn wait_for_replica(cluster: &Cluster, target: &str, volume: &str) -> anyhow::Result<()> {
    let mark = cluster.directory().join(target).join(format!("in-sync/volume-{volume}"));
    until("the replica is complete", Duration::from_secs(20), || async {
        let marked = std::fs::read_to_string(&mark).ok();
        marked.is_some() && link(cluster, target, volume).is_ok_and(|link| link == marked)
    })
    .await
}

/// In the configuration, B becomes the backend's own array, and C its target.
///
/// # Errors
/// When the configuration cannot be changed.
pub fn swap_sides(cluster: &Cluster) -> anyhow::Result<()> {
    let config = cluster.directory().join("cinderblock.toml");
    let directory = |array: &str| format!("'{}'", cluster.directory().join(array).display());
    let swapped = std::fs::read_to_string(&config)?
        .replace(&directory("b"), &directory("c"))
        .replace(&directory("a"), &directory("b"))
        .replace("backend_id = 'b'", "backend_id = 'c'");
    Ok(std::fs::write(&config, swapped)?)
}

/// Waits until the backend is served.
///
/// # Errors
/// When it is not in time.
pub async fn wait_until_serving(client: &Client) -> anyhow::Result<()> {
    wait_for_backend_state(client, "up").await
}

/// Waits until the backend is not served.
///
/// # Errors
/// When it is, for too long.
pub async fn wait_until_down(client: &Client) -> anyhow::Result<()> {
    wait_for_backend_state(client, "down").await
}

async fn wait_for_backend_state(client: &Client, wanted: &str) -> anyhow::Result<()> {
    until(wanted, Duration::from_secs(15), || async {
        service(client).await.is_ok_and(|service| service["backend_state"] == wanted)
    })
    .await
}

/// Suspends a worker while it has no session with a storage daemon: a monitor talks to one client at a time, and the next
/// worker would wait for as long as this one sleeps.
///
/// # Errors
/// When it has one all the time.
pub async fn suspend(cluster: &Cluster, worker: usize) -> anyhow::Result<()> {
    let process = &cluster.workers[worker].process;
    until("the worker sleeps between two sessions", Duration::from_secs(30), || async {
        let sleeps = process.signal(Signal::STOP).is_ok();
        let is_alone = sleeps && monitors(cluster).iter().all(|monitor| is_free(monitor));
        if !is_alone {
            // or it has ended
            let _awake = process.signal(Signal::CONT);
        }
        is_alone
    })
    .await
}

/// The monitors of a cluster's storage daemons.
fn monitors(cluster: &Cluster) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cluster.directory()).ok().into_iter().flatten().flatten();
    let monitors = entries.map(|entry| entry.path().join("run/qmp.sock"));
    monitors.filter(|monitor| monitor.exists()).collect()
}

/// Whether a monitor greets a client within a second; nobody listens at one that a daemon has left behind.
fn is_free(monitor: &Path) -> bool {
    let Ok(mut session) = UnixStream::connect(monitor) else { return true };
    let patience = Some(Duration::from_secs(1));
    session.set_read_timeout(patience).is_ok() && session.read(&mut [0; 16]).is_ok()
}

/// Waits until a process that shall die has died.
///
/// # Errors
/// When it lives too long.
pub async fn wait_until_dead(service: &mut Service) -> anyhow::Result<()> {
    let process = RefCell::new(&mut service.process);
    until("it is dead", Duration::from_secs(15), || async {
        process.borrow_mut().ended().is_ok_and(|ended| ended.is_some())
    })
    .await
}

/// Asks for a failover of backend `a`.
///
/// # Errors
/// When there is no answer.
pub async fn fail_over(client: &Client, target: Value) -> anyhow::Result<Answered> {
    client
        .put("/os-services/failover_host", json!({ "host": "host@a", "backend_id": target }))
        .await
}

/// Waits until the backend's replication has a status.
///
/// # Errors
/// When it does not get there in time.
pub async fn wait_for_replication(client: &Client, wanted: &str) -> anyhow::Result<()> {
    until(wanted, Duration::from_secs(15), || async {
        service(client).await.is_ok_and(|service| service["replication_status"] == wanted)
    })
    .await
}

/// Status and replication status of what a path shows.
///
/// # Errors
/// When it is not there.
pub async fn stands(client: &Client, path: &str, key: &str) -> anyhow::Result<(String, String)> {
    let shown = client.get(path).await?.expect_status(200)?.body[key].clone();
    let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
    Ok((text("status"), text("replication_status")))
}

/// Status and replication status of a volume.
///
/// # Errors
/// When it is not there.
pub async fn of_volume(client: &Client, id: &str) -> anyhow::Result<(String, String)> {
    stands(client, &format!("/volumes/{id}"), "volume").await
}

/// A status and a replication status.
#[must_use]
pub fn pair(status: &str, replication: &str) -> (String, String) {
    (status.to_owned(), replication.to_owned())
}

/// Everything that a failover could change. What workers tell of their backends is not part of it.
///
/// # Errors
/// When the database does not answer.
pub async fn rows(cluster: &Cluster) -> anyhow::Result<String> {
    let sql = "select jsonb_build_object( \
        'backends', (select jsonb_agg(to_jsonb(b) - 'seen_at' - 'report' - 'replicas_looked_at' order by id) from backends b), \
        'volumes', (select jsonb_agg(to_jsonb(v) order by id) from volumes v), \
        'snapshots', (select jsonb_agg(to_jsonb(s) order by id) from snapshots s), \
        'operations', (select jsonb_agg(to_jsonb(o) order by id) from operations o))::text";
    Ok(cluster.database().await?.query_one(sql, &[]).await?.get(0))
}
