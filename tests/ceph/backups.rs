//! Backups of volumes on Ceph: in use, incremental, restored to a volume with snapshots, and to another backend.

use harness::ceph::{self, new_pool};
use harness::{BackendSpec, ClusterBuilder};
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;

/// A pool for volumes.
struct Pool {
    conf: PathBuf,
    name: String,
}

impl Pool {
    async fn new() -> anyhow::Result<Self> {
        let conf = ceph::of_this_run()?.join("a/ceph.conf");
        let name = new_pool(&conf).await?;
        Ok(Self { conf, name })
    }

    fn backend(&self) -> BackendSpec {
        let settings = format!(
            "rbd.rbd_ceph_conf = '{}'\nrbd.rbd_pool = '{}'\nrbd.rbd_user = 'admin'\n",
            self.conf.display(),
            self.name
        );
        BackendSpec { name: "a".to_owned(), driver: "rbd", settings }
    }

    /// Overwrites the first MiB of a volume.
    async fn write(&self, byte: u8, volume: &str) -> anyhow::Result<()> {
        let image = format!("{}/volume-{volume}", self.name);
        let mut diff = b"rbd diff v1\nw".to_vec();
        diff.extend_from_slice(&0_u64.to_le_bytes());
        diff.extend_from_slice(&(1_u64 << 20).to_le_bytes());
        diff.resize(diff.len() + (1 << 20), byte);
        diff.push(b'e');
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(&diff)?;
        let path = file.path().display().to_string();
        let import = ["import-diff", "--no-progress", &path, &image];
        ceph::run(&self.conf, "rbd", &import).await.map(drop)
    }

    /// Whether a volume begins with a MiB of this byte.
    async fn begins_with(&self, byte: u8, volume: &str) -> anyhow::Result<bool> {
        let directory = tempfile::tempdir()?;
        let disk = directory.path().join("disk");
        let path = disk.display().to_string();
        let image = format!("{}/volume-{volume}", self.name);
        ceph::run(&self.conf, "rbd", &["export", "--no-progress", &image, &path]).await?;
        harness::holds(&disk, byte, 0, 1 << 20)
    }

    async fn snapshots(&self, volume: &str) -> anyhow::Result<usize> {
        let image = format!("{}/volume-{volume}", self.name);
        let list = ["snap", "ls", "--format", "json", &image];
        let listed = ceph::run(&self.conf, "rbd", &list).await?;
        let listed: serde_json::Value = serde_json::from_str(&listed)?;
        Ok(listed.as_array().map_or(0, Vec::len))
    }
}

#[tokio::test]
async fn volumes_on_ceph_are_backed_up_and_restored() -> anyhow::Result<()> {
    let pool = Pool::new().await?;
    let builder = ClusterBuilder::for_test().await?.default_timers();
    let cluster = builder.backend(pool.backend()).file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let ceph = client
        .create_volume_type("ceph", json!({ "extra_specs": { "volume_backend_name": "a" } }))
        .await?;
    let volume = client.create_volume(json!({ "size": 1, "volume_type": ceph })).await?;
    client.wait_for_status(&volume, "available").await?;
    pool.write(b'a', &volume).await?;
    let full = client.create_backup(&volume).await?;

    // a server has it, and a snapshot stands on it
    let snapshot = client.create_snapshot(&volume).await?;
    let attachment = client.attach(&volume, "server-1").await?;
    pool.write(b'b', &volume).await?;
    let asked = json!({ "volume_id": volume, "force": true, "incremental": true });
    let second = client.back_up(asked).await?;
    assert_eq!(pool.snapshots(&volume).await?, 1, "that of the backup is gone");
    client.delete(&format!("/attachments/{attachment}")).await?.expect_status(200)?;
    client.wait_for_status(&volume, "available").await?;

    for (backup, byte) in [(&full, b'a'), (&second, b'b'), (&full, b'a')] {
        let asked = json!({ "restore": { "volume_id": volume } });
        client.post(&format!("/backups/{backup}/restore"), asked).await?.expect_status(202)?;
        client.wait_for_status(&volume, "available").await?;
        assert!(pool.begins_with(byte, &volume).await?, "{byte}");
        assert_eq!(pool.snapshots(&volume).await?, 1, "it keeps its snapshot");
    }
    client.act(&volume, "revert", json!({ "snapshot_id": snapshot })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;

    // to a new volume there, and to one of files
    let files = client
        .create_volume_type("files", json!({ "extra_specs": { "volume_backend_name": "disk" } }))
        .await?;
    client.wait_until(&format!("/backups/{second}"), "backup", "available").await?;
    let newer = client.with_version("volume 3.47");
    let asked = json!({ "backup_id": second, "volume_type": ceph });
    let copy = newer.create_volume(asked).await?;
    client.wait_for_status(&copy, "available").await?;
    assert!(pool.begins_with(b'b', &copy).await?);
    client.wait_until(&format!("/backups/{second}"), "backup", "available").await?;
    let asked = json!({ "backup_id": second, "volume_type": files });
    let elsewhere = newer.create_volume(asked).await?;
    client.wait_for_status(&elsewhere, "available").await?;
    let disk = cluster.directory().join(format!("disk/volumes/volume-{elsewhere}"));
    assert!(harness::holds(&disk, b'b', 0, 1 << 20)?);
    cluster.finish(&[]).await
}
