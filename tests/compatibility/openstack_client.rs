//! python-openstackclient and openstacksdk, unchanged, without authentication.

use harness::{Cluster, ClusterBuilder};
use std::process::Command;

/// Runs a program of the clients' environment and returns what it prints, or its complaint.
fn run(program: &str, arguments: &[&str]) -> anyhow::Result<Result<String, String>> {
    let program = harness::files::run_directory().join("client/bin").join(program);
    anyhow::ensure!(program.exists(), "the clients are not installed: `make client`");
    let output = Command::new(program).args(arguments).output()?;
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(if output.status.success() { Ok(out.into_owned()) } else { Err(err.into_owned()) })
}

fn openstack(cluster: &Cluster, line: &str) -> anyhow::Result<Result<String, String>> {
    let endpoint = format!("{}/v3", cluster.endpoint());
    let mut arguments = vec![
        "--os-auth-type",
        "none",
        "--os-endpoint",
        &endpoint,
        "--os-volume-api-version",
        "3.71",
    ];
    arguments.extend(line.split_whitespace());
    run("openstack", &arguments)
}

fn done(cluster: &Cluster, line: &str) -> anyhow::Result<String> {
    openstack(cluster, line)?.map_err(|error| anyhow::anyhow!("openstack {line}: {error}"))
}

#[tokio::test]
async fn the_openstack_command_goes_through_the_life_of_volumes_snapshots_and_types()
-> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    // without authentication the command calls its project so
    let client = cluster.client().in_project("notused");
    done(&cluster, "volume type create --property volume_backend_name=a gold")?;
    assert!(done(&cluster, "volume type list --long")?.contains("volume_backend_name='a'"));
    let created = done(&cluster, "volume create --size 1 --type gold -f value -c id disk")?;
    let disk = created.trim();
    client.wait_for_status(disk, "available").await?;
    assert!(done(&cluster, "volume list")?.contains("disk"));
    done(&cluster, "volume set --size 2 disk")?;
    client.wait_for_status(disk, "available").await?;
    done(&cluster, "volume set --bootable --property tier=gold disk")?;
    let shown = done(&cluster, "volume show disk -f json")?;
    assert!(shown.contains("\"tier\": \"gold\"") && shown.contains("\"size\": 2"), "{shown}");
    let snapshot = done(&cluster, "volume snapshot create --volume disk -f value -c id snap")?;
    let path = format!("/snapshots/{}", snapshot.trim());
    client.wait_until(&path, "snapshot", "available").await?;
    let copy = done(&cluster, "volume create --snapshot snap -f value -c id copy")?;
    client.wait_for_status(copy.trim(), "available").await?;
    assert!(done(&cluster, "volume summary")?.contains('2'));
    assert!(done(&cluster, "availability zone list --volume")?.contains("available"));
    assert!(done(&cluster, "volume backend pool list")?.contains("host@a#a"));

    client.operate("freeze", "host@a").await?.expect_status(200)?;
    let refused = openstack(&cluster, "volume delete copy")?.err().unwrap_or_default();
    assert!(refused.contains("is frozen since"), "{refused}");
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    done(&cluster, "volume delete copy")?;
    done(&cluster, "volume snapshot delete snap")?;
    client.wait_until(&path, "snapshot", "deleted").await?;
    done(&cluster, "volume delete disk")?;
    client.wait_for_status(disk, "deleted").await?;
    client.wait_for_status(copy.trim(), "deleted").await?;
    done(&cluster, "volume type delete gold")?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_openstack_command_transfers_a_volume_to_another_project() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let donor = cluster.client().in_project("donor");
    let disk = donor.available_volume(1).await?;
    let (offered, key) = donor.offer_volume(&disk).await?;
    let accepted =
        format!("volume transfer request accept {offered} --auth-key {key} -f value -c volume_id");
    assert_eq!(done(&cluster, &accepted)?.trim(), disk);
    assert!(done(&cluster, "volume list")?.contains(&disk));

    let created =
        format!("volume transfer request create --name gift {disk} -f value -c id -c auth_key");
    let shown = done(&cluster, &created)?;
    let [key, id] = shown.split_whitespace().collect::<Vec<_>>()[..] else {
        anyhow::bail!("an id and a key: {shown}");
    };
    assert_eq!((key.len(), id.len()), (16, 36), "{shown}");
    assert!(done(&cluster, "volume transfer request list")?.contains("gift"));
    assert!(done(&cluster, "volume transfer request show gift")?.contains(&disk));
    done(&cluster, &format!("volume transfer request delete {id}"))?;
    assert!(done(&cluster, &format!("volume show {disk}"))?.contains("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_openstack_command_retypes_and_migrates() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let client = cluster.client().in_project("notused");
    done(&cluster, "volume type create --property volume_backend_name=b on-b")?;
    done(&cluster, "volume type create anywhere")?;
    let disk = client.available_volume(1).await?;
    done(&cluster, &format!("volume set --type on-b --retype-policy on-demand {disk}"))?;
    client.wait_for_status(&disk, "available").await?;
    assert_eq!(client.host_of(&disk).await?, "host@b");
    done(&cluster, &format!("volume set --type anywhere {disk}"))?;
    client.wait_for_status(&disk, "available").await?;
    done(&cluster, &format!("volume migrate --host host@a#a {disk}"))?;
    client.wait_for_status(&disk, "available").await?;
    assert_eq!(client.host_of(&disk).await?, "host@a");
    cluster.finish(&[]).await
}

/// What a program does that is written with the SDK.
const PROGRAM: &str = r#"
import sys, openstack
cloud = openstack.connect(auth_type="none", endpoint=sys.argv[1],
                          block_storage_endpoint_override=sys.argv[1],
                          block_storage_default_microversion="3.71")
storage = cloud.block_storage
kind = storage.create_type(name="silver", extra_specs={"volume_backend_name": "a"})
volume = storage.create_volume(name="disk", size=1, volume_type="silver", metadata={"k": "v"})
storage.wait_for_status(volume, "available", interval=0.1, wait=20)
storage.extend_volume(volume, 2)
storage.wait_for_status(storage.get_volume(volume), "available", interval=0.1, wait=20)
assert storage.get_volume(volume).size == 2
other = storage.create_type(name="bronze", extra_specs={"volume_backend_name": "b"})
storage.retype_volume(volume, other.id, "on-demand")
storage.wait_for_status(storage.get_volume(volume), "available", interval=0.1, wait=20)
assert storage.get_volume(volume).host == "host@b#b"
storage.retype_volume(volume, kind.id, "on-demand")
storage.wait_for_status(storage.get_volume(volume), "available", interval=0.1, wait=20)
storage.delete_type(other)
other = storage.create_type(name="bronze")
storage.retype_volume(volume, other.id, "never")
storage.wait_for_status(storage.get_volume(volume), "available", interval=0.1, wait=20)
storage.migrate_volume(volume, host="host@b#b")
storage.wait_for_status(storage.get_volume(volume), "available", interval=0.1, wait=20)
assert storage.get_volume(volume).host == "host@b#b"
snapshot = storage.create_snapshot(volume_id=volume.id, name="snap")
storage.wait_for_status(snapshot, "available", interval=0.1, wait=20)
assert [found.id for found in storage.volumes()] == [volume.id]
assert storage.find_volume("disk").id == volume.id
attachment = storage.create_attachment(volume.id, connector={"host": "h", "ip": "127.0.0.1"},
                                       instance="0f6ecb1a-5fc9-4b5f-8f16-5e0f2b7a1111")
storage.complete_attachment(attachment)
assert storage.get_volume(volume).status == "in-use"
storage.delete_attachment(attachment)
assert storage.get_volume(volume).status == "available"
storage.delete_snapshot(snapshot)
storage.wait_for_delete(snapshot, interval=0.1, wait=20)
storage.delete_volume(volume)
storage.wait_for_delete(volume, interval=0.1, wait=20)
storage.delete_type(kind)
storage.delete_type(other)
print("done")
"#;

#[tokio::test]
async fn the_sdk_goes_through_the_life_of_a_volume_and_its_attachment() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let endpoint = format!("{}/v3", cluster.endpoint());
    let printed = run("python", &["-c", PROGRAM, &endpoint])?;
    assert_eq!(printed.map(|out| out.trim().to_owned()), Ok("done".to_owned()));
    cluster.finish(&[]).await
}
