//! What must hold of `delete_attachment`, and of the data path that it closes.

use harness::{Cluster, ClusterBuilder, until};
use std::time::Duration;

#[tokio::test]
async fn an_export_lives_as_long_as_its_attachment_and_survives_restarts() -> anyhow::Result<()> {
    let mut cluster: Cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.attach(&volume, "server-1").await?;
    let uri = client.nbd_uri(&volume).await?;
    assert!(harness::qemu_io(&uri, &["write -P 3 0 1M", "flush"])?);

    // the worker may go: the data path stays
    cluster.workers.clear();
    assert!(harness::qemu_io(&uri, &["read -P 3 0 1M"])?);
    cluster.add_worker(&[]).await?;
    until("the new worker has opened the data path", Duration::from_secs(10), || async {
        cluster.logs().contains("data path restored")
    })
    .await?;
    assert!(harness::qemu_io(&uri, &["read -P 3 0 1M"])?);

    // the daemon may go: the data path comes back
    harness::process::kill_by_pid_file(&cluster.directory().join("disk/run/daemon.pid"));
    until("the data path is back", Duration::from_secs(10), || async {
        harness::qemu_io(&uri, &["read -P 3 0 1M"]).unwrap_or(false)
    })
    .await?;

    client.detach(&volume).await?;
    assert!(!harness::qemu_io(&uri, &["read 0 4k"])?);
    cluster.finish(&["the driver does not report"]).await
}
