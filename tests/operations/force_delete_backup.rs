//! What must hold of `force_delete_backup`.

use crate::stored::objects;
use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn an_admin_removes_a_backup_whatever_its_status() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let backup = client.create_backup(&volume).await?;
    let path = format!("/backups/{backup}");
    let sql = "update backups set status = 'error_deleting'";
    cluster.database().await?.execute(sql, &[]).await?;
    client.delete(&path).await?.expect_status(400)?;
    let action = format!("{path}/action");
    client.post(&action, json!({ "os-force_delete": {} })).await?.expect_status(202)?;
    client.wait_until(&path, "backup", "deleted").await?;
    assert_eq!(objects(&cluster)?.len(), 0);
    cluster.finish(&[]).await
}
