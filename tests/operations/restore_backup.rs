//! What must hold of `restore_backup`.

use crate::stored::{Disk, objects};
use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_volume_gets_what_each_backup_has_and_nothing_else() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let described = json!({ "size": 1, "name": "original", "metadata": { "of": "original" } });
    let volume = client.create_volume(described).await?;
    client.wait_for_status(&volume, "available").await?;
    let disk = Disk::of(&cluster, "disk", &volume);
    disk.write(0, b"aaaa")?;
    disk.write((1 << 30) - 4, b"zzzz")?;
    let full = client.create_backup(&volume).await?;
    disk.write(0, b"bbbb")?;
    let second = client.back_up(json!({ "volume_id": volume, "incremental": true })).await?;
    disk.write(70 << 20, b"cccc")?;
    let third = client.back_up(json!({ "volume_id": volume, "incremental": true })).await?;

    let larger = client.create_volume(json!({ "size": 2, "metadata": { "own": "1" } })).await?;
    client.wait_for_status(&larger, "available").await?;
    let target = Disk::of(&cluster, "disk", &larger);
    for (backup, first, later) in
        [(&third, b"bbbb", b"cccc"), (&full, b"aaaa", &[0; 4]), (&second, b"bbbb", &[0; 4])]
    {
        target.write(1 << 20, b"left")?;
        target.write((1 << 30) + 5, b"left")?;
        let asked = json!({ "restore": { "volume_id": larger } });
        let path = format!("/backups/{backup}");
        let answer = client.post(&format!("{path}/restore"), asked).await?.expect_status(202)?.body;
        assert_eq!(answer["restore"]["backup_id"], json!(backup));
        assert_eq!(answer["restore"]["volume_id"], json!(larger));
        client.wait_for_status(&larger, "available").await?;
        client.wait_until(&path, "backup", "available").await?;
        assert_eq!(target.read(0, 4)?, first);
        assert_eq!(target.read(70 << 20, 4)?, later);
        assert_eq!(target.read((1 << 30) - 4, 4)?, b"zzzz");
        assert_eq!(target.read(1 << 20, 4)?, [0; 4], "nothing is left of what it had");
        assert_eq!(target.read((1 << 30) + 5, 4)?, [0; 4], "nor beyond the backup");
    }
    // as Cinder does: what was known of the volume that the backup is of
    let shown = client.get(&format!("/volumes/{larger}")).await?.expect_status(200)?.body;
    let shown = &shown["volume"];
    assert_eq!(shown["name"], "original");
    assert_eq!(shown["metadata"], json!({ "of": "original", "src_backup_id": second }));
    assert_eq!(shown["size"], 2);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_cannot_get_it_keeps_what_it_has() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let original = client.available_volume(2).await?;
    let backup = client.create_backup(&original).await?;
    let (small, used) = (client.available_volume(1).await?, client.available_volume(2).await?);
    client.attach(&used, "server-1").await?;
    let path = format!("/backups/{backup}/restore");
    for (volume, status) in [(&small, 400), (&used, 400), (&backup, 404)] {
        let asked = json!({ "restore": { "volume_id": volume } });
        let answer = client.post(&path, asked).await?;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let shown = client.get(&format!("/backups/{backup}")).await?.expect_status(200)?.body;
    assert_eq!(shown["backup"]["status"], "available");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_damaged_backup_does_not_pass_for_whole() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let disk = Disk::of(&cluster, "disk", &volume);
    // what cannot be compressed: each bit counts
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(1 << 20).collect();
    disk.write(0, &noise)?;
    let backup = client.create_backup(&volume).await?;
    disk.write(0, b"bbbb")?;
    let first =
        objects(&cluster)?.into_iter().find(|path| path.to_string_lossy().ends_with("-00001"));
    let first = first.unwrap_or_default();
    let mut damaged = std::fs::read(&first)?;
    damaged[1000] ^= 1;
    std::fs::write(&first, damaged)?;

    let asked = json!({ "restore": { "volume_id": volume } });
    client.post(&format!("/backups/{backup}/restore"), asked).await?.expect_status(202)?;
    client.wait_for_status(&volume, "error_restoring").await?;
    client.wait_until(&format!("/backups/{backup}"), "backup", "available").await?;
    assert_eq!(disk.read(0, 4)?, b"bbbb", "files get a content as a whole, or not at all");
    let messages = client.get("/messages").await?.expect_status(200)?.body;
    assert_eq!(messages["messages"][0]["resource_uuid"], json!(volume));
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    cluster.finish(&["failed"]).await
}
