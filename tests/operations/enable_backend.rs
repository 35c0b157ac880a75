//! What must hold of `enable_backend`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn an_enabled_backend_takes_volumes_again_and_has_no_reason_left() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let host = cluster.host("a");
    let body = json!({ "host": host, "binary": "cinder-volume", "disabled_reason": "why" });
    client.put("/os-services/disable-log-reason", body).await?.expect_status(200)?;
    client.operate("enable", &host).await?.expect_status(200)?;
    let service = &client.get("/os-services?binary=cinder-volume").await?.body["services"][0];
    assert_eq!(
        (&service["status"], &service["disabled_reason"]),
        (&json!("enabled"), &json!(null))
    );
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    // a scheduler is there or not, and not enabled anyway
    for (host, status) in [("host", 400), ("nobody", 404)] {
        let body = json!({ "host": host, "binary": "cinder-scheduler" });
        assert_eq!(client.put("/os-services/enable", body).await?.status, status, "{host}");
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn enable_leaves_a_frozen_backend_frozen() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let host = cluster.host("a");
    client.operate("freeze", &host).await?.expect_status(200)?;
    client.operate("disable", &host).await?.expect_status(200)?;
    client.operate("enable", &host).await?.expect_status(200)?;
    let refused = client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("1 frozen"), "{}", refused.fault());
    cluster.finish(&[]).await
}

#[tokio::test]
async fn new_backends_start_as_the_configuration_says() -> anyhow::Result<()> {
    for (enabled, status) in [(true, "enabled"), (false, "disabled")] {
        let settings = "[quota]\nvolumes = -1\n";
        let cluster = ClusterBuilder::for_test().await?.settings(settings);
        let cluster =
            cluster.volume_settings(&format!("enable_new_backends = {enabled}\n")).start().await?;
        let listed = cluster.client().get("/os-services?binary=cinder-volume").await?;
        assert_eq!(listed.body["services"][0]["status"], status);
        cluster.finish(&[]).await?;
    }
    Ok(())
}
