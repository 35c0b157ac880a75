//! What must hold of `reset_volume_status`.

use harness::ClusterBuilder;
use harness::replication::{
    arrays, fail_over, of_volume, pair, replicated_volume, wait_for_replication, wait_until_in_sync,
};
use serde_json::json;

#[tokio::test]
async fn a_volume_in_error_can_be_made_available_again() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    for status in
        ["error", "error_extending", "error_deleting", "creating", "maintenance", "available"]
    {
        client
            .act(&volume, "os-reset_status", json!({ "status": status }))
            .await?
            .expect_status(202)?;
        assert_eq!(client.volume_status(&volume).await?.as_deref(), Some(status));
    }
    let member = client.with_roles("member");
    let asked = member.act(&volume, "os-reset_status", json!({ "status": "error" })).await?;
    assert_eq!(asked.status, 403);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_status_that_no_client_offers_cannot_be_set() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    for status in ["deleting", "extending", "reverting", "reserved", "deleted", "nonsense"] {
        let asked = client.act(&volume, "os-reset_status", json!({ "status": status })).await?;
        assert_eq!(asked.status, 400, "{status}");
    }
    for body in
        [json!({}), json!({ "status": 1 }), json!({ "status": "error", "x": 1 }), json!(null)]
    {
        assert_eq!(client.act(&volume, "os-reset_status", body).await?.status, 400);
    }
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_that_is_worked_on_keeps_its_status() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1000" } });
    let volume = client.create_volume(slow).await?;
    let asked = client.act(&volume, "os-reset_status", json!({ "status": "error" })).await?;
    assert_eq!(asked.status, 400, "{}", asked.body);
    assert!(asked.fault().contains("in progress"), "{}", asked.fault());
    client.wait_for_status(&volume, "available").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_is_said_must_fit_the_attachments() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let reset = |arguments| client.act(&volume, "os-reset_status", arguments);
    assert_eq!(reset(json!({ "status": "in-use" })).await?.status, 400);
    reset(json!({ "attach_status": "detached" })).await?.expect_status(202)?;
    client.attach(&volume, "server-1").await?;
    for status in ["available", "creating"] {
        assert_eq!(reset(json!({ "status": status })).await?.status, 400, "{status}");
    }
    assert_eq!(reset(json!({ "attach_status": "detached" })).await?.status, 400);
    reset(json!({ "status": "error" })).await?.expect_status(202)?;
    reset(json!({ "status": "in-use" })).await?.expect_status(202)?;
    client.detach(&volume).await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_an_admin_says_keeps_others_off_and_can_be_unsaid_or_deleted() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    for status in ["maintenance", "creating", "attaching", "detaching"] {
        let reset = json!({ "status": status });
        client.act(&volume, "os-reset_status", reset).await?.expect_status(202)?;
        let extended = client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?;
        assert_eq!(extended.status, 400, "{status}");
        assert_eq!(client.delete(&format!("/volumes/{volume}")).await?.status, 400, "{status}");
    }
    client.act(&volume, "os-force_delete", json!({})).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_replicated_volume_stays_in_sync_while_it_is_said_to_be_in_maintenance()
-> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let volume = replicated_volume(&client).await?;
    let reset = json!({ "status": "maintenance" });
    client.act(&volume, "os-reset_status", reset).await?.expect_status(202)?;
    wait_until_in_sync(&cluster, 1).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &volume).await?, pair("maintenance", "failed-over"));
    let reset = json!({ "status": "available" });
    client.act(&volume, "os-reset_status", reset).await?.expect_status(202)?;
    cluster.finish(&[]).await
}
