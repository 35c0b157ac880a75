//! What must hold of `thaw_backend`.

use harness::ClusterBuilder;
use serde_json::json;

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
