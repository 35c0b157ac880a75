//! How the work grows with what there is: the same measurements at a hundred, ten thousand and a million volumes; and what
//! only shows with many.

use crate::budget;
use crate::row::{Grid, Row, progress, told};
use crate::system::{DRAIN_TIMEOUT, Ids, System};
use harness::dataset::{self, Size};
use harness::{BackendSpec, Client, ClusterBuilder, invariants, until};
use serde_json::json;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How much there is.
pub struct Sizes {
    /// How many volumes there are at each measurement.
    volumes: [u64; 3],
    /// How many of them are replicated at the end.
    replicated: u64,
}

impl Sizes {
    /// What is written down.
    pub const FULL: Self = Self { volumes: [100, 10_000, 1_000_000], replicated: 200_000 };
    /// Enough to see that everything can be measured.
    pub const QUICK: Self = Self { volumes: [100, 1_000, 10_000], replicated: 2_000 };
}

/// How many backends hold them, beside the one whose volumes are replicated.
const BACKENDS: usize = 100;
/// How many freezes are measured.
const FREEZES: usize = 20;
/// How long it may take until the planner knows of rows that were loaded.
const ANALYZE_TIMEOUT: Duration = Duration::from_secs(120);
const REPLICATION_TIMEOUT: Duration = Duration::from_secs(120);
const PURGE_TIMEOUT: Duration = Duration::from_secs(600);

/// What was measured.
pub struct Scale {
    /// The same at each number of volumes.
    pub growth: Grid,
    /// What was measured once, with all of them.
    pub rows: Vec<Row>,
}

/// The backends that the measurements need.
#[must_use]
pub fn backends(mut cluster: ClusterBuilder) -> ClusterBuilder {
    for number in 0..BACKENDS {
        cluster = cluster.backend(large(format!("b{number:02}")));
    }
    let mut replicated = large("r".to_owned());
    let _ =
        writeln!(replicated.settings, "[[backends.r.replication_device]]\nbackend_id = 'target'");
    cluster.backend(replicated)
}

/// A backend with room for any number of volumes.
pub fn large(name: String) -> BackendSpec {
    let settings = "fake.capacity_gb = 100000000.0\n".to_owned();
    BackendSpec { name, driver: "fake", settings }
}

/// Measures everything.
///
/// # Errors
/// When a request fails that must not, or something takes far too long.
pub async fn measure(system: &mut System, sizes: &Sizes) -> anyhow::Result<Scale> {
    let database = system.cluster.database().await?;
    let mut loaded = Size::of(0);
    let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
    for volumes in sizes.volumes {
        let size = Size::of(volumes);
        system.say(&format!("loading {volumes} volumes"));
        dataset::fill(&database, "host@b", loaded, size).await?;
        wait_until_analyzed(&database, volumes).await?;
        loaded = size;
        for (work, measured) in at_this_size(system, volumes).await? {
            progress(format_args!("{work}: {measured:.2}"));
            match rows.iter_mut().find(|(known, _)| *known == work) {
                Some((_, values)) => values.push(measured),
                None => rows.push((work, vec![measured])),
            }
        }
    }
    let columns = sizes.volumes.map(|volumes| format!("{volumes} volumes")).to_vec();
    let rows_once = once(system, &database, sizes).await?;
    invariants::no_deadlocks(&database).await?;
    Ok(Scale { growth: Grid { columns, rows }, rows: rows_once })
}

/// The scheduler tells PostgreSQL to look at tables that have grown.
async fn wait_until_analyzed(
    database: &tokio_postgres::Client,
    volumes: u64,
) -> anyhow::Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let at_least = volumes as f32 / 2.0;
    until("the planner knows how many volumes there are", ANALYZE_TIMEOUT, || async {
        let sql = "select reltuples from pg_class where oid = 'volumes'::regclass";
        database.query_one(sql, &[]).await.is_ok_and(|row| row.get::<_, f32>(0) >= at_least)
    })
    .await
}

type Measured = Vec<(String, f64)>;

async fn at_this_size(system: &System, volumes: u64) -> anyhow::Result<Measured> {
    let mut measured = admissions(system).await?;
    measured.extend(freezes(system).await?);
    measured.extend(reads(system, volumes).await?);
    for row in [budget::idle(system).await?, budget::resident(system)?] {
        measured.push((format!("{}, {}", row.work, row.unit), row.measured));
    }
    Ok(measured)
}

async fn admissions(system: &System) -> anyhow::Result<Measured> {
    system.say("admissions");
    let ids = Ids::default();
    let alone = system.creates(1, &ids).await?;
    let created = system.creates(64, &ids).await?;
    let deleted = system.deletes(64, &ids).await?;
    let lifecycles = system.lifecycles(16).await?;
    Ok(vec![
        ("create, 1 client, p50, ms".to_owned(), alone.milliseconds(0.5)),
        ("creates, 64 clients, /s".to_owned(), created.rate()),
        ("deletes, 64 clients, /s".to_owned(), deleted.rate()),
        ("lifecycles, 16 clients, /s".to_owned(), lifecycles.rate()),
    ])
}

async fn freezes(system: &System) -> anyhow::Result<Measured> {
    system.say("freezes under 64 clients");
    let freezes = system.freezes(FREEZES, "b00").await?;
    Ok(vec![
        ("freeze under 64 clients, p50, ms".to_owned(), freezes.median),
        (format!("freeze under 64 clients, the worst of {FREEZES}, ms"), freezes.worst),
    ])
}

/// Lists and sums of one tenant and of all, by one client.
async fn reads(system: &System, volumes: u64) -> anyhow::Result<Measured> {
    let admin = system.cluster.client();
    let tenant = admin.in_project(&dataset::project(7)).with_roles("member");
    let of_all = |path: &str| format!("/volumes/detail?all_tenants=1{path}");
    let owned = volumes.div_ceil(dataset::PROJECTS).max(1);
    let deep_of_tenant = marker(system, Some(&dataset::project(7)), owned * 9 / 10).await?;
    let deep_of_all = marker(system, None, volumes / 2).await?;
    let tenants_page = format!("/volumes/detail?limit=100&marker={deep_of_tenant}");
    let all_page = of_all(&format!("&limit=100&marker={deep_of_all}"));
    let name = volumes / 2;
    let paths: [(&str, &Client, String); 11] = [
        ("tenant: first page of 100", &tenant, "/volumes/detail?limit=100".to_owned()),
        ("tenant: deep page of 100", &tenant, tenants_page),
        ("admin: first page of 100, all tenants", &admin, of_all("&limit=100")),
        ("admin: deep page of 100, all tenants", &admin, all_page),
        ("tenant: a name", &tenant, "/volumes/detail?name=volume-7".to_owned()),
        ("admin: a name, all tenants", &admin, of_all(&format!("&name=volume-{name}"))),
        ("tenant: summary", &tenant, "/volumes/summary".to_owned()),
        ("admin: summary, all tenants", &admin, "/volumes/summary?all_tenants=1".to_owned()),
        ("tenant: limits and usage", &tenant, "/limits".to_owned()),
        (
            "admin: a project's quota and usage",
            &admin,
            "/os-quota-sets/project-7?usage=true".to_owned(),
        ),
        ("admin: services", &admin, "/os-services".to_owned()),
    ];
    let mut measured = Vec::new();
    for (what, client, path) in paths {
        system.say(what);
        let load = system.reads(1, client, vec![path]).await?;
        measured.push((format!("{what}, p50, ms"), load.milliseconds(0.5)));
    }
    Ok(measured)
}

/// The volume at a place of a list.
async fn marker(system: &System, project: Option<&str>, place: u64) -> anyhow::Result<String> {
    let sql = "select id::text from volumes where deleted_at is null and project_id = coalesce($1, project_id) \
               order by created_at desc, id desc offset $2 limit 1";
    let place = i64::try_from(place)?;
    let row = system.cluster.database().await?.query_one(sql, &[&project, &place]).await?;
    Ok(row.get(0))
}

async fn once(
    system: &mut System,
    database: &tokio_postgres::Client,
    sizes: &Sizes,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    rows.extend(told([worker_start(system).await?]));
    rows.extend(told(replication(system, database, sizes).await?));
    rows.extend(told(two_of_each(system).await?));
    rows.extend(told([purge(system, database).await?]));
    Ok(rows)
}

async fn worker_start(system: &mut System) -> anyhow::Result<Row> {
    system.say("a worker starts");
    system.cluster.workers.clear();
    let started = Instant::now();
    system.cluster.add_worker(&[]).await?;
    let took = started.elapsed().as_secs_f64();
    Ok(Row {
        note: format!("of {} backends", BACKENDS + 1),
        ..Row::cost("a worker is ready", took, "s", 5.0)
    })
}

async fn replication(
    system: &System,
    database: &tokio_postgres::Client,
    sizes: &Sizes,
) -> anyhow::Result<[Row; 3]> {
    system.say("replicated volumes");
    let backend = system.cluster.host("r");
    // those that have no snapshots, which the purge is about
    let [.., all] = sizes.volumes;
    let all = Size::of(all).volumes;
    dataset::replicate(database, &backend, all - sizes.replicated..all).await?;
    until("all replicas are in sync", REPLICATION_TIMEOUT, || async {
        let sql = "select not exists (select from volumes v join backends b on b.id = v.backend_id where b.name = $1 \
                   and v.deleted_at is null and v.replicated and v.replication_extended_status is distinct from 'in-sync')";
        database.query_one(sql, &[&backend]).await.is_ok_and(|row| row.get(0))
    })
    .await?;
    let (idle, resident) = (budget::idle(system).await?, budget::resident(system)?);
    let failover = Row::cost("failover", failover(system, database, &backend).await?, "s", 4.0);
    let note = format!("{} replicated volumes, {} backends", sizes.replicated, BACKENDS + 1);
    Ok([idle, resident, failover].map(|row| Row { note: note.clone(), ..row }))
}

/// How many seconds a failover takes, from the request to its end.
async fn failover(
    system: &System,
    database: &tokio_postgres::Client,
    backend: &str,
) -> anyhow::Result<f64> {
    system.say("failover");
    let asked = Instant::now();
    let failover = json!({ "host": backend, "backend_id": "target" });
    let client = system.cluster.client();
    client.put("/os-services/failover_host", failover).await?.expect_status(202)?;
    until("the failover has ended", DRAIN_TIMEOUT, || async {
        let sql = "select replication_status = 'failed-over' from backends where name = $1";
        database.query_one(sql, &[&backend]).await.is_ok_and(|row| row.get(0))
    })
    .await?;
    Ok(asked.elapsed().as_secs_f64())
}

/// The rates with two of each service, beside those with one, in turn.
async fn two_of_each(system: &mut System) -> anyhow::Result<[Row; 3]> {
    system.say("one of each service");
    let one = rates(system).await?;
    system.cluster.add_api(&[]).await?;
    system.cluster.add_scheduler(&[]).await?;
    system.cluster.add_worker(&[]).await?;
    system.say("two of each service");
    let two = rates(system).await?;
    let row = |work, place: usize| Row {
        note: "the budget is the rate with one of each, in the same run".to_owned(),
        ..Row::rate(work, two[place], one[place], String::new())
    };
    Ok([
        row("creates, 64 clients, two of each service", 0),
        row("deletes, 64 clients, two of each service", 1),
        row("lifecycles, 16 clients, two of each service", 2),
    ])
}

async fn rates(system: &System) -> anyhow::Result<[f64; 3]> {
    let ids = Ids::default();
    let created = system.creates(64, &ids).await?.rate();
    let deleted = system.deletes(64, &ids).await?.rate();
    Ok([created, deleted, system.lifecycles(16).await?.rate()])
}

async fn purge(system: &mut System, database: &tokio_postgres::Client) -> anyhow::Result<Row> {
    system.say("purge");
    let count = dataset::remove_a_tenth(database, "host@b", "31 days").await?;
    let started = Instant::now();
    system.cluster.add_scheduler(&[]).await?;
    until("everything old is purged", PURGE_TIMEOUT, || async {
        let old = "select not exists (select from volumes where deleted_at < now() - interval '30 days') \
                   and not exists (select from snapshots where deleted_at < now() - interval '30 days') \
                   and not exists (select from operations where finished_at < now() - interval '30 days')";
        database.query_one(old, &[]).await.is_ok_and(|row| row.get(0))
    })
    .await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let rate = count as f64 / started.elapsed().as_secs_f64();
    Ok(Row::rate("rows purged", rate, 1000.0, format!("{count} rows")))
}
