//! The system under load: release builds of the services on servers of their own, and what clients do to it.

use crate::generator::{self, Load, Request};
use crate::row::progress;
use anyhow::Context;
use harness::servers::OwnServers;
use harness::{Client, Cluster, ClusterBuilder, Service, files, until};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a client looks whether its volume has changed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long what was admitted may take to end.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(300);

/// Servers and a cluster on them.
pub struct System {
    servers: OwnServers,
    /// The cluster.
    pub cluster: Cluster,
    directory: PathBuf,
    /// How long each thing is measured.
    pub time: Duration,
}

/// How long freezes took, in milliseconds.
pub struct Freezes {
    /// Half of them at most.
    pub median: f64,
    /// The one that took longest.
    pub worst: f64,
}

/// The ids of volumes, shared by clients.
#[derive(Clone, Default)]
pub struct Ids(Arc<Mutex<Vec<String>>>);

impl Ids {
    fn push(&self, id: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    fn pop(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

async fn create(client: Client, ids: Ids) -> anyhow::Result<Option<()>> {
    ids.push(client.create_volume(json!({ "size": 1 })).await?);
    Ok(Some(()))
}

async fn delete(client: Client, ids: Ids) -> anyhow::Result<Option<()>> {
    let Some(id) = ids.pop() else { return Ok(None) };
    client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
    Ok(Some(()))
}

async fn live(client: Client) -> anyhow::Result<Option<()>> {
    let id = client.create_volume(json!({ "size": 1 })).await?;
    while client.volume_status(&id).await?.as_deref() != Some("available") {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let path = format!("/volumes/{id}");
    client.delete(&path).await?.expect_status(202)?;
    while client.get(&path).await?.status != 404 {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(Some(()))
}

impl System {
    /// Starts servers that write durably, and a cluster with what `backends` gives it.
    ///
    /// # Errors
    /// When they do not start.
    pub async fn start(
        time: Duration,
        backends: impl FnOnce(ClusterBuilder) -> ClusterBuilder,
    ) -> anyhow::Result<Self> {
        let directory = files::run_directory().join("load");
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        let servers = OwnServers::start(&directory, true).await?;
        let addresses = servers.addresses();
        addresses.prepare_template().await?;
        let builder = ClusterBuilder::on(&addresses)
            .await?
            .settings("[quota]\nvolumes = 100000000\ngigabytes = 1000000000\n")
            .default_timers()
            .log_filter("warn");
        let cluster = backends(builder).start().await?;
        Ok(Self { servers, cluster, directory, time })
    }

    /// Ends them.
    ///
    /// # Errors
    /// When they do not end.
    pub fn stop(self) -> anyhow::Result<()> {
        self.cluster.stop()?;
        self.servers.stop()?;
        Ok(std::fs::remove_dir_all(self.directory)?)
    }

    /// Tells who waits what is measured now.
    pub fn say(&self, what: &str) {
        progress(format_args!("{what} ({:?})", self.time));
    }

    /// The addresses of the servers.
    pub fn addresses(&self) -> harness::Servers {
        self.servers.addresses()
    }

    /// The processes of cinderblock.
    pub fn services(&self) -> impl Iterator<Item = u32> {
        let Cluster { apis, schedulers, workers, .. } = &self.cluster;
        apis.iter().chain(schedulers).chain(workers).map(|service| service.process.id())
    }

    /// Waits until everything that was admitted has ended.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn drain(&self) -> anyhow::Result<()> {
        let database = self.cluster.database().await?;
        until("what was admitted has ended", DRAIN_TIMEOUT, || async {
            let live =
                "select not exists (select from operations where state in ('admitted', 'running'))";
            database.query_one(live, &[]).await.is_ok_and(|row| row.get(0))
        })
        .await
    }

    /// So many clients ask again and again, at each API in turn.
    ///
    /// # Errors
    /// When a request fails that must not.
    pub async fn closed<Asked: Request>(
        &self,
        clients: usize,
        ask: impl Fn(Client) -> Asked + Clone + Send + 'static,
    ) -> anyhow::Result<Load> {
        let endpoints = self.cluster.apis.iter().map(Service::endpoint);
        let at_each: Vec<_> = endpoints.map(|api| self.cluster.client().at(&api)).collect();
        let turn = Arc::new(AtomicUsize::new(0));
        generator::closed(clients, self.time, move || {
            let next = turn.fetch_add(1, Ordering::Relaxed) % at_each.len();
            ask(at_each[next].clone())
        })
        .await
    }

    /// Creates volumes.
    ///
    /// # Errors
    /// When one is not accepted.
    pub async fn creates(&self, clients: usize, ids: &Ids) -> anyhow::Result<Load> {
        let ids = ids.clone();
        let load = self.closed(clients, move |client| create(client, ids.clone())).await?;
        self.drain().await?;
        Ok(load)
    }

    /// Creates volumes at a rate (per second).
    ///
    /// # Errors
    /// When one is not accepted.
    pub async fn creates_at(&self, rate: f64, ids: &Ids) -> anyhow::Result<Load> {
        let (client, ids) = (self.cluster.client(), ids.clone());
        let ask = move || create(client.clone(), ids.clone());
        let load = generator::open(rate, self.time, ask).await?;
        self.drain().await?;
        Ok(load)
    }

    /// Deletes those volumes.
    ///
    /// # Errors
    /// When one is not accepted.
    pub async fn deletes(&self, clients: usize, ids: &Ids) -> anyhow::Result<Load> {
        let ids = ids.clone();
        let load = self.closed(clients, move |client| delete(client, ids.clone())).await?;
        self.drain().await?;
        Ok(load)
    }

    /// Makes volumes, waits until they are there, deletes them, and waits until they are gone.
    ///
    /// # Errors
    /// When a request fails.
    pub async fn lifecycles(&self, clients: usize) -> anyhow::Result<Load> {
        self.closed(clients, live).await
    }

    /// Reads paths, one after the other and again.
    ///
    /// # Errors
    /// When one is not answered with 200.
    pub async fn reads(
        &self,
        clients: usize,
        client: &Client,
        paths: Vec<String>,
    ) -> anyhow::Result<Load> {
        let (client, turn) = (client.clone(), Arc::new(AtomicUsize::new(0)));
        let read = move || {
            let next = turn.fetch_add(1, Ordering::Relaxed) % paths.len();
            let (client, path) = (client.clone(), paths[next].clone());
            async move {
                let status = client.read(&path).await?;
                anyhow::ensure!(status == 200, "{path} is answered with {status}");
                Ok(Some(()))
            }
        };
        generator::closed(clients, self.time, read).await
    }

    /// How long freezes of a backend take while 64 clients create volumes.
    ///
    /// # Errors
    /// When one is refused, or a create is answered by anything but acceptance and refusal.
    pub async fn freezes(&self, count: usize, backend: &str) -> anyhow::Result<Freezes> {
        let (client, host) = (self.cluster.client(), self.cluster.host(backend));
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let is_over = over.clone();
        let loading = generator::closed(64, DRAIN_TIMEOUT, {
            let client = client.clone();
            move || {
                let (client, is_over) = (client.clone(), is_over.clone());
                async move {
                    let answer =
                        client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
                    anyhow::ensure!([202, 400].contains(&answer.status), "{}", answer.body);
                    Ok((!is_over.load(Ordering::Relaxed)).then_some(()))
                }
            }
        });
        let loading = tokio::spawn(loading);
        let mut took = Vec::new();
        for _ in 0..count {
            let asked = std::time::Instant::now();
            client.operate("freeze", &host).await?.expect_status(200)?;
            took.push(asked.elapsed());
            client.operate("thaw", &host).await?.expect_status(200)?;
        }
        over.store(true, Ordering::Relaxed);
        loading.await??;
        self.drain().await?;
        took.sort_unstable();
        let milliseconds = |time: &Duration| time.as_secs_f64() * 1000.0;
        let worst = milliseconds(took.last().context("freezes")?);
        Ok(Freezes { median: milliseconds(&took[count / 2]), worst })
    }
}
