//! What must hold of `create_volume_from_backup`.

use crate::stored::Disk;
use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_new_volume_has_what_the_backup_has() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    Disk::of(&cluster, "disk", &volume).write(100 << 20, b"content")?;
    let backup = client.create_backup(&volume).await?;
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;

    let newer = client.with_version("volume 3.47");
    for asked in [json!({ "backup_id": backup }), json!({ "backup_id": backup, "size": 2 })] {
        let made = newer.create_volume(asked).await?;
        client.wait_for_status(&made, "available").await?;
        assert_eq!(Disk::of(&cluster, "disk", &made).read(100 << 20, 7)?, b"content");
    }
    // without a volume, a new one is made
    let path = format!("/backups/{backup}");
    client.wait_until(&path, "backup", "available").await?;
    let restore = format!("{path}/restore");
    let answer = client.post(&restore, json!({ "restore": {} })).await?.expect_status(202)?.body;
    let answer = &answer["restore"];
    assert_eq!(answer["volume_name"], json!(format!("restore_backup_{backup}")));
    let made = answer["volume_id"].as_str().unwrap_or_default();
    client.wait_for_status(made, "available").await?;
    assert_eq!(Disk::of(&cluster, "disk", made).read(100 << 20, 7)?, b"content");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_backup_is_one_source_and_no_volume_is_smaller_than_it() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client().with_version("volume 3.47");
    let volume = client.available_volume(2).await?;
    let backup = client.create_backup(&volume).await?;
    for (asked, status) in [
        (json!({ "backup_id": backup, "size": 1 }), 400),
        (json!({ "backup_id": backup, "source_volid": volume }), 400),
        (json!({ "backup_id": volume, "size": 2 }), 404),
        (json!({ "backup_id": "x", "size": 2 }), 400),
    ] {
        let answer = client.post("/volumes", json!({ "volume": asked })).await?;
        assert_eq!(answer.status, status, "{asked}: {}", answer.body);
    }
    cluster.finish(&[]).await
}
