//! What must hold of `delete_backup`.

use crate::stored::objects;
use harness::{ClusterBuilder, PROJECT};
use serde_json::json;

#[tokio::test]
async fn a_backup_goes_with_its_data_once_nothing_differs_from_it() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let full = client.create_backup(&volume).await?;
    let child = client.back_up(json!({ "volume_id": volume, "incremental": true })).await?;
    let (full, child) = (format!("/backups/{full}"), format!("/backups/{child}"));
    let refused = client.delete(&full).await?.expect_status(400)?;
    assert!(refused.fault().contains("Incremental backups exist"), "{}", refused.body);
    let used =
        client.get(&format!("/os-quota-sets/{PROJECT}?usage=true")).await?.expect_status(200)?.body;
    assert_eq!(used["quota_set"]["backups"]["in_use"], 2);
    assert_eq!(used["quota_set"]["backup_gigabytes"]["in_use"], 2);
    for path in [&child, &full] {
        client.delete(path).await?.expect_status(202)?;
        client.wait_until(path, "backup", "deleted").await?;
    }
    assert_eq!(objects(&cluster)?.len(), 0);
    let used =
        client.get(&format!("/os-quota-sets/{PROJECT}?usage=true")).await?.expect_status(200)?.body;
    assert_eq!(used["quota_set"]["backups"]["in_use"], 0);
    client.delete(&full).await?.expect_status(404)?;
    cluster.finish(&[]).await
}
