//! What people do with volumes on Ceph, and that the gate holds there.

use harness::ceph::{self, new_pool};
use harness::{Client, Cluster, ClusterBuilder, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

struct Backend {
    cluster: Cluster,
    conf: PathBuf,
    pool: String,
}

impl Backend {
    async fn start() -> anyhow::Result<Self> {
        let conf = ceph::of_this_run()?.join("a/ceph.conf");
        let pool = new_pool(&conf).await?;
        let cluster = ClusterBuilder::for_test().await?.default_timers();
        let cluster = cluster.rbd("a", &conf, &pool).start().await?;
        Ok(Self { cluster, conf, pool })
    }

    fn client(&self) -> Client {
        self.cluster.client()
    }

    async fn rbd(&self, arguments: &[&str]) -> anyhow::Result<String> {
        ceph::run(&self.conf, "rbd", arguments).await
    }

    async fn images(&self) -> anyhow::Result<String> {
        self.rbd(&["ls", &self.pool]).await
    }

    fn image(&self, volume: &str) -> String {
        format!("{}/volume-{volume}", self.pool)
    }
}

/// A client that writes to an image until it is cut off.
fn writer(conf: &Path, image: &str) -> anyhow::Result<Child> {
    let mut command = Command::new("rbd");
    command.env("CEPH_CONF", conf).args(["bench", "--io-type", "write", "--io-total", "100G"]);
    Ok(command.arg(image).stdout(Stdio::null()).kill_on_drop(true).spawn()?)
}

async fn has_watcher(backend: &Backend, image: &str) -> bool {
    let status = backend.rbd(&["status", image, "--format", "json"]).await;
    status.is_ok_and(|status| status.contains("address"))
}

async fn gone(client: &Client, path: &str) -> anyhow::Result<()> {
    client.delete(path).await?.expect_status(202)?;
    until("it is gone", Duration::from_secs(30), || async {
        client.get(path).await.is_ok_and(|answer| answer.status == 404)
    })
    .await
}

#[tokio::test]
async fn a_volume_lives_and_nothing_of_it_is_left() -> anyhow::Result<()> {
    let backend = Backend::start().await?;
    let client = backend.client();
    let volume = client.available_volume(1).await?;
    let image = backend.image(&volume);
    let bench = ["bench", "--io-type", "write", "--io-total", "4M", "--io-pattern", "rand"];
    backend.rbd(&[&bench[..], &[&image]].concat()).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    let copies = [
        client.create_volume(json!({ "size": 2, "snapshot_id": snapshot })).await?,
        client.create_volume(json!({ "size": 1, "source_volid": volume })).await?,
    ];
    for copy in &copies {
        client.wait_for_status(copy, "available").await?;
    }

    client.attach(&volume, "host-1").await?;
    let told = client.connection_info(&volume).await?;
    assert_eq!(told["driver_volume_type"], "rbd");
    assert_eq!(told["name"], image.as_str());
    let mut server = writer(&backend.conf, &image)?;
    until("a server writes", Duration::from_secs(20), || has_watcher(&backend, &image)).await?;
    let client_of_nova = client.with_version("volume 3.42");
    client_of_nova.act(&volume, "os-extend", json!({ "new_size": 3 })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "in-use").await?;
    let info: Value =
        serde_json::from_str(&backend.rbd(&["info", &image, "--format", "json"]).await?)?;
    assert_eq!(info["size"], 3_u64 << 30);
    assert!(server.try_wait()?.is_none(), "it goes on to write");
    client.detach(&volume).await?;
    let ended = tokio::time::timeout(Duration::from_secs(60), server.wait()).await??;
    assert!(!ended.success(), "what is detached cannot be written to");

    gone(&client, &format!("/snapshots/{snapshot}")).await?;
    gone(&client, &format!("/volumes/{volume}")).await?;
    for copy in copies {
        gone(&client, &format!("/volumes/{copy}")).await?;
    }
    assert_eq!(backend.images().await?, "");
    until("the trash is empty", Duration::from_secs(60), || async {
        backend.rbd(&["trash", "ls", &backend.pool]).await.is_ok_and(|left| left.is_empty())
    })
    .await?;
    backend.cluster.finish(&["cutting off a client"]).await
}

#[tokio::test]
async fn a_frozen_backend_refuses_before_anything_has_changed() -> anyhow::Result<()> {
    let backend = Backend::start().await?;
    let client = backend.client();
    let volume = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    let before = backend.rbd(&["ls", "--long", &backend.pool]).await?;
    let asked = [
        client.post("/volumes", json!({ "volume": { "size": 1 } })).await?,
        client.delete(&format!("/volumes/{volume}")).await?,
        client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?,
        client
            .with_version("volume 3.40")
            .act(&volume, "revert", json!({ "snapshot_id": snapshot }))
            .await?,
        client.delete(&format!("/snapshots/{snapshot}")).await?,
    ];
    for answer in asked {
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    assert_eq!(backend.rbd(&["ls", "--long", &backend.pool]).await?, before);
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    backend.cluster.finish(&[]).await
}

#[tokio::test]
async fn an_image_becomes_a_volume_and_the_reverse() -> anyhow::Result<()> {
    let backend = Backend::start().await?;
    let client = backend.client();
    let [image, snapshot] =
        [format!("{}/brought", backend.pool), format!("{}/brought@daily", backend.pool)];
    backend.rbd(&["create", "--size", "1G", &image]).await?;
    backend.rbd(&["snap", "create", &snapshot]).await?;
    let host = format!("host@a#{}", backend.pool);
    let asked = json!({ "volume": { "host": host, "ref": { "source-name": "brought" } } });
    let managed = client.post("/manageable_volumes", asked).await?.expect_status(202)?;
    let id = managed.body["volume"]["id"].as_str().unwrap_or_default().to_owned();
    client.wait_for_status(&id, "available").await?;
    let asked = json!({ "snapshot": { "volume_id": id, "ref": { "source-name": "daily" } } });
    let managed = client.post("/manageable_snapshots", asked).await?.expect_status(202)?;
    let daily = managed.body["snapshot"]["id"].as_str().unwrap_or_default().to_owned();
    client.wait_until(&format!("/snapshots/{daily}"), "snapshot", "available").await?;
    client
        .post(&format!("/snapshots/{daily}/action"), json!({ "os-unmanage": {} }))
        .await?
        .expect_status(202)?;
    until("it is unmanaged", Duration::from_secs(20), || async {
        client.get(&format!("/snapshots/{daily}")).await.is_ok_and(|answer| answer.status == 404)
    })
    .await?;
    client.act(&id, "os-unmanage", json!({})).await?.expect_status(202)?;
    client.wait_for_status(&id, "deleted").await?;
    assert_eq!(backend.images().await?.trim(), format!("volume-{id}"));
    let kept = backend.rbd(&["snap", "ls", &backend.image(&id)]).await?;
    assert!(kept.contains(&format!("snapshot-{daily}")), "{kept}");
    backend.cluster.finish(&[]).await
}
