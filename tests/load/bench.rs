//! The rows of the budget, and how each is measured.

use crate::generator::{self, Load, Request};
use crate::machine;
use anyhow::Context;
use harness::servers::OwnServers;
use harness::{Client, Cluster, ClusterBuilder, files, until};
use serde_json::json;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a client looks whether its volume has changed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long what was admitted may take to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(300);
/// How many freezes are measured.
const FREEZES: usize = 50;

/// One row.
pub struct Row {
    /// What is done.
    pub work: &'static str,
    /// What it came to.
    pub measured: f64,
    /// In what.
    pub unit: &'static str,
    /// What it must come to.
    pub budget: f64,
    /// Whether that is the most, and not the least.
    pub is_cost: bool,
    /// What else was seen.
    pub note: String,
}

impl Row {
    fn rate(work: &'static str, measured: f64, budget: f64, note: String) -> Self {
        Self { work, measured, unit: "/s", budget, is_cost: false, note }
    }

    fn cost(work: &'static str, measured: f64, unit: &'static str, budget: f64) -> Self {
        Self { work, measured, unit, budget, is_cost: true, note: String::new() }
    }

    /// The share of the budget that is reached; 1 is the budget, more is better.
    pub fn share(&self) -> f64 {
        if self.is_cost { self.budget / self.measured } else { self.measured / self.budget }
    }
}

/// A cluster under measurement.
pub struct Bench {
    servers: OwnServers,
    cluster: Cluster,
    directory: PathBuf,
    /// How long each row is measured.
    time: Duration,
}

type Ids = Arc<Mutex<Vec<String>>>;

fn push(ids: &Ids, id: String) {
    ids.lock().unwrap_or_else(PoisonError::into_inner).push(id);
}

fn pop(ids: &Ids) -> Option<String> {
    ids.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

async fn create(client: Client, ids: Ids) -> anyhow::Result<Option<()>> {
    push(&ids, client.create_volume(json!({ "size": 1 })).await?);
    Ok(Some(()))
}

async fn delete(client: Client, ids: Ids) -> anyhow::Result<Option<()>> {
    let Some(id) = pop(&ids) else { return Ok(None) };
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

impl Bench {
    /// Starts servers and a cluster.
    ///
    /// # Errors
    /// When they do not start.
    pub async fn start(time: Duration) -> anyhow::Result<Self> {
        let directory = files::run_directory().join("load");
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        let servers = OwnServers::start(&directory, true).await?;
        let addresses = servers.addresses();
        addresses.prepare_template().await?;
        let limits = "[quota]\nvolumes = 100000000\ngigabytes = 1000000000\n\
                      [backends.a.fake]\ncapacity_gb = 100000000.0\n";
        let cluster = ClusterBuilder::on(&addresses)
            .await?
            .settings(limits)
            .log_filter("warn")
            .fake("a")
            .start()
            .await?;
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

    /// Measures every row.
    ///
    /// # Errors
    /// When a request fails that must not.
    pub async fn measure(&self) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        rows.push(self.idle().await?);
        rows.push(self.resident()?);
        rows.extend(self.one_client().await?);
        rows.extend(self.many_clients().await?);
        rows.push(self.lifecycles().await?);
        rows.extend(self.reads().await?);
        rows.push(self.refusals().await?);
        rows.push(self.freezes().await?);
        rows.push(self.commits().await?);
        Ok(rows)
    }

    fn say(&self, what: &str) {
        #[expect(clippy::print_stderr, reason = "progress, for who waits")]
        {
            eprintln!("{what} ({:?})", self.time);
        }
    }

    fn services(&self) -> impl Iterator<Item = u32> {
        let Cluster { apis, schedulers, workers, .. } = &self.cluster;
        apis.iter().chain(schedulers).chain(workers).map(|service| service.process.id())
    }

    /// Waits until everything that was admitted has ended.
    async fn drain(&self) -> anyhow::Result<()> {
        let database = self.cluster.database().await?;
        until("what was admitted has ended", DRAIN_TIMEOUT, || async {
            let live =
                "select not exists (select from operations where state in ('admitted', 'running'))";
            database.query_one(live, &[]).await.is_ok_and(|row| row.get(0))
        })
        .await
    }

    async fn closed<Asked: Request>(
        &self,
        clients: usize,
        ids: &Ids,
        ask: impl Fn(Client, Ids) -> Asked + Clone + Send + 'static,
    ) -> anyhow::Result<Load> {
        let (client, ids) = (self.cluster.client(), ids.clone());
        generator::closed(clients, self.time, move || ask(client.clone(), ids.clone())).await
    }

    async fn creates(&self, clients: usize, ids: &Ids) -> anyhow::Result<Load> {
        let load = self.closed(clients, ids, create).await?;
        self.drain().await?;
        Ok(load)
    }

    async fn deletes(&self, clients: usize, ids: &Ids) -> anyhow::Result<Load> {
        let load = self.closed(clients, ids, delete).await?;
        self.drain().await?;
        Ok(load)
    }

    async fn idle(&self) -> anyhow::Result<Row> {
        self.say("idle services");
        let used =
            || self.services().map(machine::processor_time).sum::<anyhow::Result<Duration>>();
        let (before, started) = (used()?, Instant::now());
        tokio::time::sleep(self.time).await;
        let share = (used()? - before).as_secs_f64() / started.elapsed().as_secs_f64();
        Ok(Row::cost("three idle services: processor", share * 100.0, "%", 2.0))
    }

    fn resident(&self) -> anyhow::Result<Row> {
        let resident = self.services().map(machine::resident_mib).sum::<anyhow::Result<f64>>()?;
        Ok(Row::cost("three idle services: resident", resident, "MiB", 40.0))
    }

    async fn one_client(&self) -> anyhow::Result<[Row; 2]> {
        self.say("admissions of one client");
        let ids = Ids::default();
        let created = self.creates(1, &ids).await?;
        let deleted = self.deletes(1, &ids).await?;
        let row = |work, load: &Load| Row {
            note: format!("p99 {:.1} ms", load.milliseconds(0.99)),
            ..Row::cost(work, load.milliseconds(0.5), "ms", 1.5)
        };
        Ok([row("create, 1 client, p50", &created), row("delete, 1 client, p50", &deleted)])
    }

    async fn many_clients(&self) -> anyhow::Result<Vec<Row>> {
        self.say("admissions of 64 clients");
        let ids = Ids::default();
        let before = machine::processor_time_of_others();
        let created = self.creates(64, &ids).await?;
        let deleted = self.deletes(64, &ids).await?;
        let used = (machine::processor_time_of_others() - before).as_secs_f64() * 1000.0;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let pairs = created.count().midpoint(deleted.count()) as f64;
        let p99 = |load: &Load| format!("p99 {:.0} ms; must be 60 ms", load.milliseconds(0.99));
        let half = created.rate() / 2.0;
        self.say("admissions at half of that rate");
        let (client, more) = (self.cluster.client(), ids.clone());
        let open =
            generator::open(half, self.time, move || create(client.clone(), more.clone())).await?;
        self.drain().await?;
        Ok(vec![
            Row::rate("creates, 64 clients, one project", created.rate(), 3000.0, p99(&created)),
            Row::rate("deletes, 64 clients, one project", deleted.rate(), 3000.0, p99(&deleted)),
            Row {
                note: format!("{half:.0}/s, from the moment when each was due"),
                ..Row::cost("creates at half that rate, p99", open.milliseconds(0.99), "ms", 60.0)
            },
            Row::cost("processor per volume created and deleted", used / pairs, "ms", 1.8),
        ])
    }

    async fn lifecycles(&self) -> anyhow::Result<Row> {
        self.say("lifecycles of 16 clients");
        let ids = Ids::default();
        let load = self.closed(16, &ids, |client, _| live(client)).await?;
        let note = format!("p99 {:.0} ms", load.milliseconds(0.99));
        Ok(Row::rate("lifecycles, 16 clients that poll every 10 ms", load.rate(), 600.0, note))
    }

    async fn reads(&self) -> anyhow::Result<[Row; 2]> {
        self.say("reads of 16 clients");
        let client = self.cluster.client();
        let mut id = String::new();
        for _ in 0..100 {
            id = client.create_volume(json!({ "size": 1 })).await?;
        }
        self.drain().await?;
        let read = async |path: String| {
            let client = self.cluster.client();
            let ask = move || {
                let (client, path) = (client.clone(), path.clone());
                async move { client.get(&path).await?.expect_status(200).map(|_| Some(())) }
            };
            generator::closed(16, self.time, ask).await
        };
        let one = read(format!("/volumes/{id}")).await?;
        let page = read("/volumes/detail?limit=100".to_owned()).await?;
        let p99 = |load: &Load| format!("p99 {:.1} ms", load.milliseconds(0.99));
        Ok([
            Row::rate("GET volume, 16 clients", one.rate(), 20_000.0, p99(&one)),
            Row::rate("GET detail of 100, 16 clients", page.rate(), 2_500.0, p99(&page)),
        ])
    }

    async fn refusals(&self) -> anyhow::Result<Row> {
        self.say("refusals of a frozen backend");
        let client = self.cluster.client();
        let id = client.available_volume(1).await?;
        let host = self.cluster.host("a");
        client.operate("freeze", &host).await?.expect_status(200)?;
        let ids = Arc::new(Mutex::new(vec![id]));
        let load = self
            .closed(64, &ids, |client, ids| async move {
                let id = ids.lock().unwrap_or_else(PoisonError::into_inner)[0].clone();
                let refused = client.act(&id, "os-extend", json!({ "new_size": 2 })).await?;
                refused.expect_status(400).map(|_| Some(()))
            })
            .await?;
        client.operate("thaw", &host).await?.expect_status(200)?;
        let note = format!("p99 {:.0} ms", load.milliseconds(0.99));
        Ok(Row::rate("refusals by a frozen backend, 64 clients", load.rate(), 5_000.0, note))
    }

    async fn freezes(&self) -> anyhow::Result<Row> {
        self.say("freezes under 64 clients");
        let (client, host) = (self.cluster.client(), self.cluster.host("a"));
        let over = Arc::new(Mutex::new(false));
        let is_over = over.clone();
        let loading = generator::closed(64, DRAIN_TIMEOUT, {
            let client = client.clone();
            move || {
                let (client, is_over) = (client.clone(), is_over.clone());
                async move {
                    let answer =
                        client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
                    anyhow::ensure!([202, 400].contains(&answer.status), "{}", answer.body);
                    let is_over = *is_over.lock().unwrap_or_else(PoisonError::into_inner);
                    Ok((!is_over).then_some(()))
                }
            }
        });
        let loading = tokio::spawn(loading);
        let mut took = Vec::new();
        for _ in 0..FREEZES {
            let asked = Instant::now();
            client.operate("freeze", &host).await?.expect_status(200)?;
            took.push(asked.elapsed());
            client.operate("thaw", &host).await?.expect_status(200)?;
        }
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        loading.await??;
        self.drain().await?;
        took.sort_unstable();
        let worst = took.last().context("freezes")?.as_secs_f64() * 1000.0;
        let median = took[took.len() / 2].as_secs_f64() * 1000.0;
        Ok(Row {
            note: format!("p50 {median:.0} ms"),
            ..Row::cost("freeze under 64 clients, the worst of 50", worst, "ms", 60.0)
        })
    }

    /// What the disk allows: one row and its commit, one connection.
    async fn commits(&self) -> anyhow::Result<Row> {
        self.say("bare commits");
        let database = self.cluster.database().await?;
        database
            .batch_execute("create table bare (id bigint generated always as identity)")
            .await?;
        let insert = database.prepare("insert into bare default values").await?;
        let (started, mut count) = (Instant::now(), 0_u32);
        while started.elapsed() < self.time {
            database.execute(&insert, &[]).await?;
            count += 1;
        }
        let rate = f64::from(count) / started.elapsed().as_secs_f64();
        database.batch_execute("drop table bare").await?;
        let note = "the limit of one connection, no budget".to_owned();
        Ok(Row::rate("insert with commit, 1 connection", rate, rate, note))
    }
}
