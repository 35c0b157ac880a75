//! Images with the real Glance and the real Keystone: of a user, who asks with the openstack command.

use harness::glance::Glance;
use harness::keystone::Keystone;
use harness::{Cluster, ClusterBuilder};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A user with the openstack command.
struct User<'a> {
    keystone: &'a Keystone,
    /// The command's home.
    directory: &'a Path,
}

impl User<'_> {
    /// Runs the command, which prints JSON.
    async fn runs(&self, line: &str) -> anyhow::Result<Value> {
        let program = harness::files::run_directory().join("client/bin/openstack");
        anyhow::ensure!(program.exists(), "the clients are not installed: `make client`");
        let mut command = tokio::process::Command::new(program);
        command.args(line.split(' ')).current_dir(self.directory);
        for (name, value) in [
            ("AUTH_URL", &*self.keystone.url()),
            ("USERNAME", "owner"),
            ("PASSWORD", "owner"),
            ("PROJECT_NAME", "servers"),
            ("USER_DOMAIN_ID", "default"),
            ("PROJECT_DOMAIN_ID", "default"),
            ("VOLUME_API_VERSION", "3.71"),
        ] {
            command.env(format!("OS_{name}"), value);
        }
        let output = command.output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "openstack {line}: {complaint}");
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }
}

#[tokio::test]
async fn a_users_own_image_becomes_a_volume_and_the_volume_an_image() -> anyhow::Result<()> {
    let builder = ClusterBuilder::for_test().await?.without_image_service().file("disk");
    let mut cluster: Cluster = builder.start().await?;
    let directory = cluster.directory().to_owned();
    let keystone = Keystone::start(&directory.join("keystone"), 3600).await?;
    let api = keystone.add_api(&mut cluster).await?;
    keystone.register_endpoint("block-storage", &format!("{api}/v3")).await?;
    let _glance = Glance::start(&directory.join("glance"), &keystone).await?;
    keystone.replace_workers(&mut cluster).await?;
    let project = keystone.create_project("servers").await?;
    keystone.create_user("owner", "member", &project).await?;
    let token = keystone.token("owner", "owner", "servers").await?;
    let client = cluster.client().at(&api).in_project(&project).with_token(&token);
    let user = User { keystone: &keystone, directory: &directory };

    std::fs::write(directory.join("disk.raw"), vec![0x61; 3 << 20])?;
    let mut convert = Command::new("qemu-img");
    convert.args(["convert", "-f", "raw", "-O", "qcow2", "disk.raw", "disk.qcow2"]);
    anyhow::ensure!(convert.current_dir(&directory).status()?.success(), "qemu-img");
    let create = "image create -f json --private --disk-format qcow2 --container-format bare";
    user.runs(&format!("{create} --property hw_disk_bus=scsi --file disk.qcow2 own")).await?;
    let made = user.runs("volume create -f json --image own --size 1 boot").await?;
    let volume = made["id"].as_str().unwrap_or_default().to_owned();
    client.wait_for_status(&volume, "available").await?;
    let shown = user.runs("volume show -f json boot").await?;
    assert_eq!(shown["bootable"], true);
    assert_eq!(shown["volume_image_metadata"]["hw_disk_bus"], "scsi");
    let disk = directory.join(format!("disk/volumes/volume-{volume}"));
    assert!(
        harness::holds(&disk, 0x61, 0, 3 << 20)? && harness::holds(&disk, 0, 3 << 20, 1 << 20)?
    );

    user.runs("image create -f json --volume boot --disk-format qcow2 of-boot").await?;
    client.wait_for_status(&volume, "available").await?;
    let image = user.runs("image show -f json of-boot").await?;
    assert_eq!((&image["status"], &image["disk_format"]), (&"active".into(), &"qcow2".into()));
    assert_eq!(image["properties"]["hw_disk_bus"], "scsi");
    let again = user.runs("volume create -f json --image of-boot --size 2 again").await?;
    let again = again["id"].as_str().unwrap_or_default();
    client.wait_for_status(again, "available").await?;
    let disk = directory.join(format!("disk/volumes/volume-{again}"));
    assert!(harness::holds(&disk, 0x61, 0, 3 << 20)?);
    user.runs("volume delete again").await?;
    cluster.finish(&[]).await
}
