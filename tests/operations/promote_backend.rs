//! What must hold of `promote_backend`.

use harness::replication::{
    fail_over, of_volume, pair, replicated, service, volume, wait_for_replication, wait_until_down,
    wait_until_serving,
};
use harness::{Cluster, until};
use serde_json::{Value, json};
use std::time::Duration;

/// Stops the worker, and makes its target its primary, and `d` its target.
async fn stop_and_swap(cluster: &mut Cluster) -> anyhow::Result<()> {
    cluster.workers.clear();
    wait_until_down(&cluster.client()).await?;
    let config = cluster.directory().join("cinderblock.toml");
    let swapped = std::fs::read_to_string(&config)?.replace("backend_id = 'b'", "backend_id = 'd'");
    Ok(std::fs::write(&config, swapped)?)
}

#[tokio::test]
async fn a_target_is_promoted_without_a_word_of_sql() -> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let (moving, lost) =
        (volume(&client, "replicated", "").await?, volume(&client, "__DEFAULT__", "").await?);
    let promote = || client.operate("reset_active_backend", "host@a");
    let refused = |answer: harness::Answered, named: &'static str| {
        anyhow::ensure!(answer.status == 400 && answer.fault().contains(named), "{}", answer.body);
        Ok(())
    };
    refused(promote().await?, "not frozen")?;
    let reason =
        json!({ "host": "host@a", "binary": "cinder-volume", "disabled_reason": "shelf 3" });
    client.put("/os-services/disable-log-reason", reason).await?.expect_status(200)?;
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    let conditions = async || {
        let shown = service(&client).await?;
        let facts = ["status", "disabled_reason", "frozen"];
        anyhow::Ok(json!(facts.map(|fact| shown[fact].clone())))
    };
    assert_eq!(conditions().await?, json!(["disabled", "shelf 3", true]));
    refused(promote().await?, "is not failed over")?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    refused(promote().await?, "still names b as a target")?;
    // stop, swap, reset, start, thaw
    stop_and_swap(&mut cluster).await?;
    promote().await?.expect_status(200)?;
    // nothing was thawed or enabled by the way
    assert_eq!(conditions().await?, json!(["disabled", "shelf 3", true]));
    assert_eq!(of_volume(&client, &moving).await?, pair("available", "enabled"));
    assert_eq!(of_volume(&client, &lost).await?, pair("error", "disabled"));
    cluster.add_worker(&[]).await?;
    wait_until_serving(&client).await?;
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    assert_eq!(conditions().await?, json!(["disabled", "shelf 3", false]));
    client.operate("enable", "host@a").await?.expect_status(200)?;
    assert_eq!(conditions().await?, json!(["enabled", null, false]));
    let shown = service(&client).await?;
    assert_eq!(
        (&shown["replication_status"], &shown["active_backend_id"]),
        (&json!("enabled"), &Value::Null)
    );
    // and later over to the new target
    fail_over(&client, json!("d")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &moving).await?, pair("available", "failed-over"));
    refused(
        client.operate("replication_enable", "host@a").await?,
        "Replication cannot be enabled",
    )?;
    cluster.finish(&[]).await
}

/// A driver that has not taken note of the promotion does not serve.
#[tokio::test]
async fn the_driver_is_told_that_its_target_was_promoted() -> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "promoted").await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    stop_and_swap(&mut cluster).await?;
    client.operate("reset_active_backend", "host@a").await?.expect_status(200)?;
    cluster.add_worker(&[]).await?;
    until("the driver refuses", Duration::from_secs(10), || async {
        let log = std::fs::read_to_string(cluster.workers[0].process.log()).unwrap_or_default();
        log.contains("promoted fails because fake:fail says so")
    })
    .await?;
    assert_eq!(service(&client).await?["backend_state"], "down");
    let changed = json!({ "metadata": { "fake:fail": "" } });
    client.post(&format!("/volumes/{id}/metadata"), changed).await?.expect_status(200)?;
    wait_until_serving(&client).await?;
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    cluster.finish(&["cannot follow the active side"]).await
}

/// Whoever swaps the configuration and forgets the promotion does not serve the wrong side.
#[tokio::test]
async fn a_worker_that_does_not_know_the_active_target_waits_for_the_promotion()
-> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    stop_and_swap(&mut cluster).await?;
    cluster.add_worker(&[]).await?;
    until("the worker says what is wrong", Duration::from_secs(10), || async {
        let log = std::fs::read_to_string(cluster.workers[0].process.log()).unwrap_or_default();
        log.contains("the active side of the backend is b, which its configuration no longer has as a replication_device")
    })
    .await?;
    // the process lives, and the backend is down, for operators and for the gate
    let shown = service(&client).await?;
    assert_eq!((&shown["state"], &shown["backend_state"]), (&json!("up"), &json!("down")));
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    let refused = client.act(&id, "os-extend", json!({ "new_size": 2 })).await?;
    assert_eq!(refused.status, 503, "{}", refused.body);
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    client.operate("reset_active_backend", "host@a").await?.expect_status(200)?;
    wait_until_serving(&client).await?;
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&id, "available").await?;
    cluster.finish(&["cannot follow the active side"]).await
}
