//! Images on Ceph: what is in the cluster already is cloned, and everything else comes as a file.

use harness::ceph::{self, new_pool};
use harness::image_service::IMAGE;
use harness::{BackendSpec, ClusterBuilder};
use serde_json::json;
use std::path::PathBuf;
use uuid::Uuid;

/// A Ceph cluster, with a pool for volumes and one for images.
struct Pools {
    conf: PathBuf,
    volumes: String,
    images: String,
}

impl Pools {
    async fn new() -> anyhow::Result<Self> {
        let conf = ceph::of_this_run()?.join("a/ceph.conf");
        let (volumes, images) = (new_pool(&conf).await?, new_pool(&conf).await?);
        Ok(Self { conf, volumes, images })
    }

    fn backend(&self) -> BackendSpec {
        let Self { conf, volumes, images } = self;
        let settings = format!(
            "rbd.rbd_ceph_conf = '{}'\nrbd.rbd_pool = '{volumes}'\nrbd.rbd_user = 'admin'\nrbd.rbd_image_pools = ['{images}']\n",
            conf.display()
        );
        BackendSpec { name: "a".to_owned(), driver: "rbd", settings }
    }

    async fn rbd(&self, arguments: &[&str]) -> anyhow::Result<String> {
        ceph::run(&self.conf, "rbd", arguments).await
    }

    fn volume(&self, id: &str) -> String {
        format!("{}/volume-{id}", self.volumes)
    }

    /// Whether a volume begins with a MiB of this byte.
    async fn begins_with(&self, byte: u8, volume: &str) -> anyhow::Result<bool> {
        let directory = tempfile::tempdir()?;
        let disk = directory.path().join("disk");
        let path = disk.display().to_string();
        self.rbd(&["export", "--no-progress", &self.volume(volume), &path]).await?;
        harness::holds(&disk, byte, 0, 1 << 20)
    }

    async fn is_clone(&self, volume: &str) -> anyhow::Result<bool> {
        let info = self.rbd(&["info", "--format", "json", &self.volume(volume)]).await?;
        Ok(info.contains("\"parent\""))
    }
}

#[tokio::test]
async fn an_image_in_the_same_cluster_is_cloned_and_others_are_copied() -> anyhow::Result<()> {
    let pools = Pools::new().await?;
    let cluster = ClusterBuilder::for_test().await?.default_timers().backend(pools.backend());
    let cluster = cluster.start().await?;
    let (client, service) = (cluster.client(), cluster.image_service()?);
    let id = Uuid::new_v4().to_string();
    let stored = format!("{}/{id}", pools.images);
    pools.rbd(&["create", "--size", "64M", &stored]).await?;
    pools.rbd(&["bench", "--io-type", "write", "--io-total", "4M", &stored]).await?;
    pools.rbd(&["snap", "create", "--no-progress", &format!("{stored}@snap")]).await?;
    let fsid = ceph::run(&pools.conf, "ceph", &["fsid"]).await?;
    let described = json!({
        "id": id, "name": "stored", "disk_format": "raw", "container_format": "bare",
        "direct_url": format!("rbd://{}/{}/{id}/snap", fsid.trim(), pools.images),
    });
    // were it fetched, the volume would not have what is in the pool
    drop(service.add(&described, Vec::new()));
    let cloned = client.create_volume(json!({ "size": 1, "imageRef": id })).await?;
    client.wait_for_status(&cloned, "available").await?;
    assert!(pools.is_clone(&cloned).await?);
    let copied = client.create_volume(json!({ "size": 1, "imageRef": IMAGE })).await?;
    client.wait_for_status(&copied, "available").await?;
    assert!(!pools.is_clone(&copied).await? && pools.begins_with(0x5a, &copied).await?);

    // it goes into an image, and into a volume that has a snapshot
    let snapshot = client.create_snapshot(&copied).await?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    let empty = client.available_volume(1).await?;
    let upload = json!({ "image_name": "empty", "disk_format": "qcow2" });
    let told = client.act(&empty, "os-volume_upload_image", upload).await?.expect_status(202)?;
    client.wait_for_status(&empty, "available").await?;
    let image = told.body["os-volume_upload_image"]["image_id"].clone();
    client.act(&copied, "os-reimage", json!({ "image_id": image })).await?.expect_status(202)?;
    client.wait_for_status(&copied, "available").await?;
    assert!(pools.begins_with(0, &copied).await?);
    let to_snapshot = json!({ "snapshot_id": snapshot });
    client.act(&copied, "revert", to_snapshot).await?.expect_status(202)?;
    client.wait_for_status(&copied, "available").await?;
    assert!(pools.begins_with(0x5a, &copied).await?);
    cluster.finish(&[]).await
}
