//! What must hold of `reset_backup_status`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn an_admin_says_where_a_backup_stands() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let path = format!("/backups/{}", client.create_backup(&volume).await?);
    let action = format!("{path}/action");
    for status in ["error", "available"] {
        let reset = json!({ "os-reset_status": { "status": status } });
        client.post(&action, reset).await?.expect_status(202)?;
        client.wait_until(&path, "backup", status).await?;
    }
    for refused in ["creating", "restoring", "deleted", "nonsense"] {
        let reset = json!({ "os-reset_status": { "status": refused } });
        assert_eq!(client.post(&action, reset).await?.status, 400, "{refused}");
    }
    cluster.finish(&[]).await
}
