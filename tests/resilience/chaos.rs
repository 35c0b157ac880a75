//! Random deaths of schedulers and workers under load: every answer is kept.

use harness::{Client, ClusterBuilder, until};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// The volumes of one client and what was promised of each.
#[derive(Default)]
struct Promises {
    kept: Vec<String>,
    deleted: Vec<String>,
    /// Requests whose connection broke: whatever happened is right.
    undecided: usize,
}

async fn work(
    client: Client,
    over: Arc<AtomicBool>,
    promised: Arc<AtomicUsize>,
) -> anyhow::Result<Promises> {
    let mut promises = Promises::default();
    while !over.load(Ordering::Relaxed) {
        let Ok(created) = client.post("/volumes", json!({ "volume": { "size": 1 } })).await else {
            promises.undecided += 1;
            continue;
        };
        let Some(id) = created.body["volume"]["id"].as_str().map(str::to_owned) else {
            anyhow::ensure!(created.status == 503, "{} {}", created.status, created.body);
            continue;
        };
        client.wait_for_status(&id, "available").await?;
        let deleted = client.delete(&format!("/volumes/{id}")).await?;
        match deleted.status {
            202 => {
                promised.fetch_add(1, Ordering::Relaxed);
                promises.deleted.push(id);
            }
            503 => promises.kept.push(id),
            _ => anyhow::bail!("{} {}", deleted.status, deleted.body),
        }
    }
    Ok(promises)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_kept_while_processes_die() -> anyhow::Result<()> {
    let mut cluster =
        ClusterBuilder::for_test().await?.fake("a").schedulers(2).workers(2).start().await?;
    let over = Arc::new(AtomicBool::new(false));
    let promised = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..6)
        .map(|_| tokio::spawn(work(cluster.client(), over.clone(), promised.clone())))
        .collect();
    for round in 0..10_u8 {
        // at any moment, but only when the death before is survived
        let before = promised.load(Ordering::Relaxed);
        until("volumes come and go again", Duration::from_secs(20), || async {
            promised.load(Ordering::Relaxed) > before + 2
        })
        .await?;
        tokio::time::sleep(Duration::from_millis(u64::from(Uuid::new_v4().as_bytes()[0]))).await;
        if round % 2 == 0 {
            drop(cluster.schedulers.remove(0));
            cluster.add_scheduler(&[]).await?;
        } else {
            drop(cluster.workers.remove(0));
            cluster.add_worker(&[]).await?;
        }
    }
    over.store(true, Ordering::Relaxed);
    let (mut kept, mut deleted) = (0, 0);
    for client in clients {
        let promises = client.await??;
        for id in &promises.deleted {
            cluster.client().wait_for_status(id, "deleted").await?;
        }
        for id in &promises.kept {
            // a refused deletion never happens, not even later
            assert_eq!(cluster.client().volume_status(id).await?.as_deref(), Some("available"));
        }
        kept += promises.kept.len();
        deleted += promises.deleted.len();
        anyhow::ensure!(promises.undecided == 0, "the API itself did not die");
    }
    assert!(
        deleted >= 30,
        "only {deleted} volumes lived through it ({kept} deletions were refused)"
    );
    let database = cluster.database().await?;
    let twice = "select count(*) from (select subject_id from operations where state = 'done' \
        group by subject_id, kind having count(*) > 1) t";
    assert_eq!(database.query_one(twice, &[]).await?.get::<_, i64>(0), 0);
    let drift = "select count(*) from quota_usages where used <> (select count(*) from volumes where deleted_at is null)";
    assert_eq!(database.query_one(drift, &[]).await?.get::<_, i64>(0), 0);
    cluster
        .finish(&[
            "sending the request again",
            "no answer from the scheduler before the deadline",
            "the bus connection ends",
        ])
        .await
}
