//! A database that drops its connections.

use harness::ClusterBuilder;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_true_while_connections_are_cut() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let database = cluster.database().await?;
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (client, over) = (cluster.client(), over.clone());
            tokio::spawn(async move {
                let (mut accepted, mut refused) = (Vec::new(), 0);
                while !over.load(Ordering::Relaxed) {
                    let answer =
                        client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
                    match (answer.status, answer.body["volume"]["id"].as_str()) {
                        (202, Some(id)) => accepted.push(id.to_owned()),
                        (503, _) => refused += 1,
                        _ => anyhow::bail!("{} {}", answer.status, answer.body),
                    }
                }
                Ok((accepted, refused))
            })
        })
        .collect();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cluster.cut_database_connections().await?;
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
    assert!(promised > 20, "only {promised} volumes were created");
    let expected = [
        "database",
        "connection",
        "statement",
        "giving up",
        "not",
        "gate",
        "heartbeat",
        "sweep",
        "WARN",
    ];
    cluster.finish(&expected).await
}
