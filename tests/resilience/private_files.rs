//! What the services write is for their own user, whatever the umask that they were started with.

use harness::ClusterBuilder;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

/// Every file and directory below one, with its mode. QEMU chooses the modes of its sockets; the directory that they are in keeps
/// others from them.
fn modes(directory: &Path) -> anyhow::Result<Vec<(String, u32)>> {
    let mut modes = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let metadata = std::fs::symlink_metadata(&path)?;
        if !metadata.file_type().is_socket() {
            modes.push((path.display().to_string(), metadata.permissions().mode() & 0o777));
        }
        if metadata.is_dir() {
            modes.extend(self::modes(&path)?);
        }
    }
    Ok(modes)
}

#[tokio::test]
async fn nobody_else_reads_what_is_written() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test()
        .await?
        .replicated("a", &["target"], "")
        .iscsi("i")
        .start()
        .await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.create_snapshot(&volume).await?;
    client.attach(&volume, "server").await?;
    let mut seen = 0;
    for (backend, directory) in cluster.arrays() {
        for (path, mode) in modes(&directory)? {
            assert_eq!(mode & 0o077, 0, "{backend}: {path} has the mode {mode:o}");
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen} files");
    client.detach(&volume).await?;
    cluster.finish(&[]).await
}
