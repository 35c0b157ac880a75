//! What must hold of `thaw_backend`.

use harness::ClusterBuilder;
use harness::replication::{replicated, replicated_volume, rows, wait_until_down};
use serde_json::{Value, json};

#[tokio::test]
async fn thaw_leaves_a_disabled_backend_disabled() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let host = cluster.host("a");
    let body =
        json!({ "host": host, "binary": "cinder-volume", "disabled_reason": "disk shelf 3" });
    client.put("/os-services/disable-log-reason", body).await?.expect_status(200)?;
    client.operate("freeze", &host).await?.expect_status(200)?;
    client.operate("thaw", &host).await?.expect_status(200)?;
    let service = &client.get("/os-services?binary=cinder-volume").await?.body["services"][0];
    assert_eq!(service["status"], "disabled");
    assert_eq!(service["disabled_reason"], "disk shelf 3");
    assert_eq!(service["frozen"], false);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn only_a_frozen_backend_is_thawed() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let refused = cluster.client().operate("thaw", &cluster.host("a")).await?;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.fault(), "The backend is not frozen.");
    cluster.finish(&[]).await
}

/// Nobody but the database is asked: there is no driver that could refuse half of a thaw.
#[tokio::test]
async fn a_thaw_is_one_row_and_needs_no_worker() -> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let volume = replicated_volume(&client).await?;
    client.create_snapshot(&volume).await?;
    let host = cluster.host("a");
    let reason = json!({ "host": host, "binary": "cinder-volume", "disabled_reason": "shelf 3" });
    client.put("/os-services/disable-log-reason", reason).await?.expect_status(200)?;
    client.operate("freeze", &host).await?.expect_status(200)?;
    cluster.workers[0].process.kill();
    wait_until_down(&client).await?;

    let all = async || anyhow::Ok(serde_json::from_str::<Value>(&rows(&cluster).await?)?);
    let mut expected = all().await?;
    assert!(expected["backends"][0]["frozen_at"].is_string(), "{expected}");
    client.operate("thaw", &host).await?.expect_status(200)?;
    let mut thawed = all().await?;
    // the backend's row is as before, but for the freeze, and for when and how often its conditions changed
    expected["backends"][0]["frozen_at"] = Value::Null;
    let version = expected["backends"][0]["gate_version"].as_i64().unwrap();
    expected["backends"][0]["gate_version"] = json!(version + 1);
    expected["backends"][0]["updated_at"] = thawed["backends"][0]["updated_at"].clone();
    // and the log has one operation more, which has ended
    let operations = thawed["operations"].as_array_mut().unwrap();
    let position = operations.iter().position(|one| one["kind"] == "thaw_backend").unwrap();
    assert_eq!(operations.remove(position)["state"], "done");
    assert_eq!(thawed, expected);

    let refused = client.operate("thaw", &host).await?.expect_status(400)?;
    assert_eq!(refused.fault(), "The backend is not frozen.");
    cluster.finish(&[]).await
}
