//! A database that drops its connections.

use harness::{ClusterBuilder, until};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_true_while_connections_are_cut() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let database = cluster.database().await?;
    let over = Arc::new(AtomicBool::new(false));
    let taken = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (client, over, taken) = (cluster.client(), over.clone(), taken.clone());
            tokio::spawn(async move {
                let (mut accepted, mut refused) = (Vec::new(), 0);
                while !over.load(Ordering::Relaxed) {
                    let answer =
                        client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
                    match (answer.status, answer.body["volume"]["id"].as_str()) {
                        (202, Some(id)) => {
                            taken.fetch_add(1, Ordering::Relaxed);
                            accepted.push(id.to_owned());
                        }
                        (503, _) => refused += 1,
                        _ => anyhow::bail!("{} {}", answer.status, answer.body),
                    }
                }
                Ok((accepted, refused))
            })
        })
        .collect();
    for _ in 0..10 {
        cluster.cut_database_connections().await?;
        // each time it goes on, and is in the middle of something when they are cut again
        let before = taken.load(Ordering::Relaxed);
        until("volumes are created again", Duration::from_secs(20), || async {
            taken.load(Ordering::Relaxed) > before + 2
        })
        .await?;
    }
    over.store(true, Ordering::Relaxed);
    let mut promised = 0;
    for client in clients {
        let (accepted, _refused) = client.await??;
        promised += accepted.len();
        for id in accepted {
            cluster.client().wait_for_status(&id, "available").await?;
        }
    }
    // what was not promised did not happen
    let admitted = "select count(*) from operations where state <> 'revoked'";
    let admitted: i64 = database.query_one(admitted, &[]).await?.get(0);
    assert_eq!(admitted, i64::try_from(promised)?);
    assert!(promised >= 30, "only {promised} volumes were created");
    // whatever anybody complains of is a lost connection, or an answer that did not come for want of one
    let expected = [
        "does not answer",
        "db error",
        "onnection closed",
        "communicating with the server",
        "sending the request again",
        "no answer from the scheduler before the deadline",
    ];
    cluster.finish(&expected).await
}
