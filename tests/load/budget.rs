//! The rows of the budget, and how each is measured.

use crate::generator::Load;
use crate::machine;
use crate::row::{Row, told};
use crate::system::{Ids, System};
use serde_json::json;
use std::time::{Duration, Instant};

/// How many freezes are measured.
const FREEZES: usize = 50;

/// Measures every row on a system with one backend, `a`.
///
/// # Errors
/// When a request fails that must not.
pub async fn measure(system: &System) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    rows.extend(told([idle(system).await?, resident(system)?]));
    rows.extend(told(one_client(system).await?));
    rows.extend(told(many_clients(system).await?));
    rows.extend(told([lifecycles(system).await?]));
    rows.extend(told(reads(system).await?));
    rows.extend(told([refusals(system).await?]));
    rows.extend(told([freezes(system).await?]));
    Ok(rows)
}

/// The share of one processor that the services use while nobody asks for anything.
///
/// # Errors
/// When the kernel does not tell.
pub async fn idle(system: &System) -> anyhow::Result<Row> {
    system.say("idle services");
    let used = || system.services().map(machine::processor_time).sum::<anyhow::Result<Duration>>();
    let (before, started) = (used()?, Instant::now());
    tokio::time::sleep(system.time.max(Duration::from_secs(5))).await;
    let share = (used()? - before).as_secs_f64() / started.elapsed().as_secs_f64();
    Ok(Row::cost("three idle services: processor", share * 100.0, "%", 2.0))
}

/// What the services have resident.
///
/// # Errors
/// When the kernel does not tell.
pub fn resident(system: &System) -> anyhow::Result<Row> {
    let mib = system.services().map(machine::resident_mib).sum::<anyhow::Result<f64>>()?;
    Ok(Row::cost("three idle services: resident", mib, "MiB", 40.0))
}

async fn one_client(system: &System) -> anyhow::Result<[Row; 2]> {
    system.say("admissions of one client");
    let ids = Ids::default();
    let created = system.creates(1, &ids).await?;
    let deleted = system.deletes(1, &ids).await?;
    let row = |work, load: &Load| Row {
        note: format!("p99 {:.1} ms", load.milliseconds(0.99)),
        ..Row::cost(work, load.milliseconds(0.5), "ms", 1.5)
    };
    Ok([row("create, 1 client, p50", &created), row("delete, 1 client, p50", &deleted)])
}

async fn many_clients(system: &System) -> anyhow::Result<[Row; 4]> {
    system.say("admissions of 64 clients");
    let ids = Ids::default();
    let before = machine::processor_time_of_others();
    let created = system.creates(64, &ids).await?;
    let deleted = system.deletes(64, &ids).await?;
    let used = (machine::processor_time_of_others() - before).as_secs_f64() * 1000.0;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let pairs = created.count().midpoint(deleted.count()) as f64;
    let p99 = |load: &Load| format!("p99 {:.0} ms; must be 60 ms", load.milliseconds(0.99));
    let half = created.rate() / 2.0;
    system.say("admissions at half of that rate");
    let open = system.creates_at(half, &ids).await?;
    Ok([
        Row::rate("creates, 64 clients, one project", created.rate(), 3000.0, p99(&created)),
        Row::rate("deletes, 64 clients, one project", deleted.rate(), 3000.0, p99(&deleted)),
        Row {
            note: format!("{half:.0}/s, from the moment when each was due"),
            ..Row::cost("creates at half that rate, p99", open.milliseconds(0.99), "ms", 60.0)
        },
        Row::cost("processor per volume created and deleted", used / pairs, "ms", 1.8),
    ])
}

async fn lifecycles(system: &System) -> anyhow::Result<Row> {
    system.say("lifecycles of 16 clients");
    let load = system.lifecycles(16).await?;
    let note = format!("p99 {:.0} ms", load.milliseconds(0.99));
    Ok(Row::rate("lifecycles, 16 clients that poll every 10 ms", load.rate(), 600.0, note))
}

async fn reads(system: &System) -> anyhow::Result<[Row; 2]> {
    system.say("reads of 16 clients");
    let client = system.cluster.client();
    let mut volumes = Vec::new();
    for _ in 0..100 {
        volumes.push(format!("/volumes/{}", client.create_volume(json!({ "size": 1 })).await?));
    }
    system.drain().await?;
    let one = system.reads(16, &client, volumes).await?;
    let page = system.reads(16, &client, vec!["/volumes/detail?limit=100".to_owned()]).await?;
    let p99 = |load: &Load| format!("p99 {:.1} ms", load.milliseconds(0.99));
    Ok([
        Row::rate("GET volume, 16 clients", one.rate(), 20_000.0, p99(&one)),
        Row::rate("GET detail of 100, 16 clients", page.rate(), 2_500.0, p99(&page)),
    ])
}

async fn refusals(system: &System) -> anyhow::Result<Row> {
    system.say("refusals of a frozen backend");
    let client = system.cluster.client();
    let id = client.available_volume(1).await?;
    let host = system.cluster.host("a");
    client.operate("freeze", &host).await?.expect_status(200)?;
    let load = system
        .closed(64, move |client| {
            let id = id.clone();
            async move {
                let refused = client.act(&id, "os-extend", json!({ "new_size": 2 })).await?;
                refused.expect_status(400).map(|_| Some(()))
            }
        })
        .await?;
    client.operate("thaw", &host).await?.expect_status(200)?;
    let note = format!("p99 {:.0} ms", load.milliseconds(0.99));
    Ok(Row::rate("refusals by a frozen backend, 64 clients", load.rate(), 5_000.0, note))
}

async fn freezes(system: &System) -> anyhow::Result<Row> {
    system.say("freezes under 64 clients");
    let freezes = system.freezes(FREEZES, "a").await?;
    Ok(Row {
        note: format!("p50 {:.0} ms", freezes.median),
        ..Row::cost("freeze under 64 clients, the worst of 50", freezes.worst, "ms", 60.0)
    })
}
