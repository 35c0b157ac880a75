//! What must hold of `disable_backend`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_disabled_backend_refuses_with_its_reason_for_admins_only() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    let host = cluster.host("a");
    let body =
        json!({ "host": host, "service": "cinder-volume", "disabled_reason": "disk shelf 3" });
    let answer = client.put("/os-services/disable-log-reason", body).await?.expect_status(200)?;
    assert_eq!(
        answer.body,
        json!({ "host": host, "service": "cinder-volume", "binary": "", "status": "disabled", "disabled": true, "disabled_reason": "disk shelf 3" })
    );

    let refused = client.delete(&format!("/volumes/{id}")).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("Backend host@a is disabled since"), "{}", refused.fault());
    assert!(refused.fault().contains("(disk shelf 3)"), "{}", refused.fault());
    let refused = client.with_roles("member").delete(&format!("/volumes/{id}")).await?;
    assert!(
        !refused.fault().contains("shelf") && !refused.fault().contains("host@a"),
        "{}",
        refused.fault()
    );
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn disabling_without_a_reason_really_disables() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    for _ in 0..2 {
        client.operate("disable", &cluster.host("a")).await?.expect_status(200)?;
    }
    let service = &client.get("/os-services?host=host").await?.body["services"][1];
    assert_eq!(service["status"], "disabled");
    assert_eq!(client.post("/volumes", json!({ "volume": { "size": 1 } })).await?.status, 400);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_scheduler_is_stopped_and_not_disabled() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let body = json!({ "host": "host", "binary": "cinder-scheduler" });
    let refused = cluster.client().put("/os-services/disable", body).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("stop the process"), "{}", refused.fault());
    cluster.finish(&[]).await
}
