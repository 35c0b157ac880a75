//! What must hold of `delete_transfer`.

use harness::ClusterBuilder;
use harness::replication::{fail_over, replicated, wait_for_replication};
use serde_json::json;

#[tokio::test]
async fn a_volume_that_is_offered_no_more_is_available() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let (id, key) = client.offer_volume(&volume).await?;
    client.delete(&format!("/os-volume-transfer/{id}")).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    assert_eq!(client.delete(&format!("/volume-transfers/{id}")).await?.status, 404);
    let accept = json!({ "accept": { "auth_key": key } });
    let path = format!("/volume-transfers/{id}/accept");
    assert_eq!(client.post(&path, accept).await?.status, 404);
    cluster.finish(&[]).await
}

/// An admin has said something else of the volume meanwhile, or has removed it.
#[tokio::test]
async fn an_offer_that_is_out_of_date_can_be_withdrawn() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    for action in ["os-reset_status", "os-force_delete"] {
        let volume = client.available_volume(1).await?;
        let (id, key) = client.offer_volume(&volume).await?;
        let arguments = match action {
            "os-reset_status" => json!({ "status": "error" }),
            _ => json!({}),
        };
        client.act(&volume, action, arguments).await?.expect_status(202)?;
        let accept = json!({ "accept": { "auth_key": key } });
        let path = format!("/volume-transfers/{id}/accept");
        let refused = client.post(&path, accept).await?;
        assert!([400, 404].contains(&refused.status), "{action}: {}", refused.body);
        client.delete(&format!("/volume-transfers/{id}")).await?.expect_status(202)?;
        assert_ne!(client.volume_status(&volume).await?.as_deref(), Some("available"), "{action}");
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_offer_is_withdrawn_while_its_volume_was_left_behind_by_a_failover() -> anyhow::Result<()>
{
    let cluster = replicated().await?;
    let client = cluster.client();
    // it is not replicated, and so not on the target
    let volume = client.available_volume(1).await?;
    let (id, _) = client.offer_volume(&volume).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("error"));
    client.delete(&format!("/volume-transfers/{id}")).await?.expect_status(202)?;
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "enabled").await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}
