//! Volumes are filled from images, and nothing that an image is made of leads them elsewhere.

use harness::image_service::{IMAGE, ImageService};
use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn described(disk_format: &str, more: Value) -> Value {
    let mut described =
        json!({ "name": "n", "disk_format": disk_format, "container_format": "bare" });
    for (key, value) in more.as_object().into_iter().flatten() {
        described[key] = value.clone();
    }
    described
}

/// An image of a disk of 1 MiB of one letter, as `qemu-img` makes it.
fn image(directory: &Path, format: &str, options: &[&str]) -> anyhow::Result<Vec<u8>> {
    let (disk, image) = (directory.join("disk"), directory.join("image"));
    std::fs::write(&disk, vec![0x61; 1 << 20])?;
    let mut command = Command::new("qemu-img");
    command.args(["convert", "-f", "raw", "-O", format]).args(options).arg(disk).arg(&image);
    anyhow::ensure!(command.status()?.success(), "qemu-img convert to {format}");
    Ok(std::fs::read(image)?)
}

async fn volume_of(client: &Client, image: &str) -> anyhow::Result<String> {
    client.create_volume(json!({ "size": 1, "imageRef": image })).await
}

#[tokio::test]
async fn a_volume_has_what_its_image_has_and_knows_of_it() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let (client, images) = (cluster.client(), cluster.image_service()?);
    let directory = tempfile::tempdir()?;
    let more = json!({ "hw_disk_bus": "scsi", "min_disk": 1, "os_hash_algo": null });
    for (format, of_glance, options) in [
        ("raw", "raw", &[][..]),
        ("raw", "iso", &[]),
        ("qcow2", "qcow2", &["-c"]),
        ("qcow2", "qcow2", &["-o", "compression_type=zstd"]),
        ("vmdk", "vmdk", &["-o", "subformat=streamOptimized"]),
        ("vdi", "vdi", &[]),
        ("vhdx", "vhdx", &[]),
        ("vpc", "vhd", &["-o", "subformat=fixed"]),
    ] {
        let data = image(directory.path(), format, options)?;
        let image = images.add(&described(of_glance, more.clone()), data);
        let volume = volume_of(&client, &image).await?;
        client.wait_for_status(&volume, "available").await?;
        client.access(&volume, &["read -P 0x61 0 1M", "read -P 0 2M 100M"]).await?;
        let shown = client.get(&format!("/volumes/{volume}")).await?.expect_status(200)?.body;
        let shown = &shown["volume"];
        assert_eq!(shown["bootable"], "true");
        let known = &shown["volume_image_metadata"];
        assert_eq!((&known["image_id"], &known["disk_format"]), (&json!(image), &json!(of_glance)));
        assert_eq!((&known["hw_disk_bus"], &known["min_disk"]), (&json!("scsi"), &json!("1")));
    }
    let left = std::fs::read_dir(cluster.directory().join("conversion"))?.count();
    assert_eq!(left, 0, "scratch files");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_image_is_found_by_its_name_and_says_the_type_of_its_volumes() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (client, images) = (cluster.client(), cluster.image_service()?);
    client.create_volume_type("fast", json!({})).await?;
    let typed = described("raw", json!({ "name": "typed", "cinder_img_volume_type": "fast" }));
    drop(images.add(&typed, vec![1; 512]));
    let volume = volume_of(&client, "typed").await?;
    client.wait_for_status(&volume, "available").await?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.expect_status(200)?.body;
    assert_eq!(shown["volume"]["volume_type"], "fast");
    // and a snapshot of a server is one of its volume, under another name
    let snapshot = client.create_snapshot(&volume).await?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    let mapping = json!([{ "boot_index": 0, "source_type": "snapshot", "snapshot_id": snapshot }]);
    let of_server =
        described("raw", json!({ "name": "server", "block_device_mapping": mapping.to_string() }));
    drop(images.add(&of_server, Vec::new()));
    let copy = volume_of(&client, "server").await?;
    client.wait_for_status(&copy, "available").await?;
    let shown = client.get(&format!("/volumes/{copy}")).await?.expect_status(200)?.body;
    assert_eq!(shown["volume"]["snapshot_id"], json!(snapshot));

    drop(images.add(&described("raw", json!({ "name": "typed" })), vec![1; 512]));
    let ask = async |body: Value| client.post("/volumes", json!({ "volume": body })).await;
    for (body, status) in [
        (json!({ "size": 1, "imageRef": "typed" }), 409),
        (json!({ "size": 1, "imageRef": "nothing" }), 400),
        (json!({ "size": 1, "imageRef": IMAGE, "snapshot_id": snapshot }), 400),
        (json!({ "imageRef": IMAGE }), 400),
    ] {
        assert_eq!(ask(body.clone()).await?.status, status, "{body}");
    }
    for unusable in [json!({ "min_disk": 2 }), json!({ "virtual_size": (1_u64 << 30) + 1 })] {
        let image = images.add(&described("qcow2", unusable.clone()), vec![1; 512]);
        let refused = ask(json!({ "size": 1, "imageRef": image })).await?;
        assert_eq!(refused.status, 400, "{unusable}");
    }
    cluster.finish(&[]).await
}

/// CVE-2022-47951, CVE-2024-32498 and their relatives: each fills no volume, and nothing else is read.
#[tokio::test]
async fn an_image_that_lies_or_leads_elsewhere_fills_no_volume() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let (client, images) = (cluster.client(), cluster.image_service()?);
    let directory = tempfile::tempdir()?;
    let secret = directory.path().join("secret");
    std::fs::write(&secret, vec![0x73; 1 << 20])?;
    let secret = secret.display().to_string();
    let qcow2 = |options: &[&str]| -> anyhow::Result<Vec<u8>> {
        let image = directory.path().join("malicious");
        let mut command = Command::new("qemu-img");
        command.args(["create", "-q", "-f", "qcow2"]).args(options).arg(&image).arg("1M");
        anyhow::ensure!(command.status()?.success(), "qemu-img create {options:?}");
        Ok(std::fs::read(image)?)
    };
    let data_file = format!("data_file={secret},data_file_raw=on");
    let flat = format!(
        "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 2048 FLAT \"{secret}\" 0\n"
    );
    let mut sparse = image(directory.path(), "vmdk", &[])?;
    let named = sparse.windows(7).position(|bytes| bytes == b"image\"\n").unwrap_or_default();
    sparse[named..named + 5].copy_from_slice(b"/etc/");
    let json = format!("json:{{\"driver\": \"raw\", \"file.filename\": \"{secret}\"}}");
    let large = qcow2(&[])?;
    for (what, format, data) in [
        ("a backing file", "qcow2", qcow2(&["-b", &secret, "-F", "raw"])?),
        ("data in another file", "qcow2", qcow2(&["-o", &data_file])?),
        ("a backing file, said to be raw", "raw", qcow2(&["-b", &secret, "-F", "raw"])?),
        ("qcow2, said to be an optical disk", "iso", large.clone()),
        ("raw, said to be qcow2", "qcow2", json.into_bytes()),
        ("a descriptor that names another file", "vmdk", flat.into_bytes()),
        ("a descriptor within that names another file", "vmdk", sparse),
        ("a header that is cut off", "qcow2", large[..20].to_vec()),
        ("nothing", "qcow2", Vec::new()),
        ("a format of which nothing is known", "ploop", b"WithoutFreeSpace".to_vec()),
    ] {
        let image = images.add(&described(format, json!({})), data);
        let volume = volume_of(&client, &image).await?;
        client.wait_for_status(&volume, "error").await?;
        let file = cluster.directory().join(format!("disk/volumes/volume-{volume}"));
        assert!(!file.exists(), "{what}");
        client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    }
    require_checked(&client, images).await?;
    cluster.finish(&["failed", "qemu-img failed"]).await
}

/// What arrives is what the image service has.
async fn require_checked(client: &Client, images: &ImageService) -> anyhow::Result<()> {
    let hash = json!({ "os_hash_algo": "sha512", "os_hash_value": "00" });
    let image = images.add(&described("raw", hash), vec![1; 512]);
    let volume = volume_of(client, &image).await?;
    client.wait_for_status(&volume, "error").await
}
