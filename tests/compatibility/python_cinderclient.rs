//! python-cinderclient, unchanged, with its own noauth plugin.

use harness::cluster::PROJECT;
use harness::{Cluster, ClusterBuilder};
use std::process::Command;

/// Runs the `cinder` command and returns what it prints.
fn cinder(cluster: &Cluster, arguments: &[&str]) -> anyhow::Result<Result<String, String>> {
    let program = harness::files::run_directory().join("client/bin/cinder");
    anyhow::ensure!(program.exists(), "python-cinderclient is not installed: `make client`");
    let output = Command::new(program)
        .args(arguments)
        .env("OS_AUTH_TYPE", "noauth")
        .env("OS_ENDPOINT", format!("{}/v3", cluster.endpoint()))
        .env("CINDER_ENDPOINT", format!("{}/v3", cluster.endpoint()))
        .env("OS_PROJECT_ID", PROJECT)
        .env("OS_USER_ID", "admin")
        .output()?;
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(if output.status.success() { Ok(out.into_owned()) } else { Err(err.into_owned()) })
}

fn done(cluster: &Cluster, arguments: &[&str]) -> anyhow::Result<String> {
    cinder(cluster, arguments)?.map_err(|error| anyhow::anyhow!("cinder {arguments:?}: {error}"))
}

#[tokio::test]
async fn the_cinder_command_lists_creates_extends_deletes_freezes_and_thaws() -> anyhow::Result<()>
{
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    assert!(done(&cluster, &["service-list"])?.contains("host@a"));
    done(&cluster, &["create", "1", "--name", "disk", "--metadata", "k=v"])?;
    let id = client.get("/volumes").await?.body["volumes"][0]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    client.wait_for_status(&id, "available").await?;
    assert!(done(&cluster, &["list"])?.contains(&id));
    assert!(done(&cluster, &["show", "disk"])?.contains("host@a#a"));
    done(&cluster, &["extend", "disk", "2"])?;
    client.wait_for_status(&id, "available").await?;
    done(&cluster, &["rename", "disk", "platter"])?;
    done(&cluster, &["metadata", "platter", "set", "tier=gold"])?;
    assert!(done(&cluster, &["metadata-show", "platter"])?.contains("gold"));

    done(&cluster, &["freeze-host", "host@a"])?;
    let refused = cinder(&cluster, &["delete", "platter"])?;
    assert!(refused.is_err(), "{refused:?}");
    let refused = cinder(&cluster, &["extend", "platter", "3"])?.err().unwrap_or_default();
    assert!(refused.contains("Backend host@a is frozen since"), "{refused}");
    assert!(done(&cluster, &["service-list", "--withreplication"])?.contains("True"));
    done(&cluster, &["thaw-host", "host@a"])?;

    done(&cluster, &["service-disable", "host@a", "cinder-volume", "--reason", "maintenance"])?;
    assert!(done(&cluster, &["service-list"])?.contains("maintenance"));
    assert!(cinder(&cluster, &["create", "1"])?.is_err());
    done(&cluster, &["service-enable", "host@a", "cinder-volume"])?;
    done(&cluster, &["delete", "platter"])?;
    client.wait_for_status(&id, "deleted").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_cinder_command_transfers_a_volume() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (donor, client) = (cluster.client().in_project("donor"), cluster.client());
    let disk = donor.available_volume(1).await?;
    let (offered, key) = donor.offer_volume(&disk).await?;
    done(&cluster, &["transfer-accept", &offered, &key])?;
    assert_eq!(client.volume_status(&disk).await?.as_deref(), Some("available"));
    // under the older name and the newer one
    for version in ["3.54", "3.71"] {
        let with =
            |rest: &[&'static str]| [&["--os-volume-api-version", version][..], rest].concat();
        done(&cluster, &[&with(&["transfer-create", "--name", "gift"])[..], &[&disk]].concat())?;
        assert!(done(&cluster, &with(&["transfer-list"]))?.contains("gift"), "{version}");
        assert!(done(&cluster, &with(&["transfer-show", "gift"]))?.contains(&disk), "{version}");
        done(&cluster, &with(&["transfer-delete", "gift"]))?;
        assert_eq!(client.volume_status(&disk).await?.as_deref(), Some("available"));
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_cinder_command_retypes_and_migrates() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let client = cluster.client();
    done(&cluster, &["type-create", "on-b"])?;
    done(&cluster, &["type-key", "on-b", "set", "volume_backend_name=b"])?;
    done(&cluster, &["type-create", "anywhere"])?;
    let id = client.available_volume(1).await?;
    done(&cluster, &["retype", &id, "on-b", "--migration-policy", "on-demand"])?;
    client.wait_for_status(&id, "available").await?;
    assert!(done(&cluster, &["show", &id])?.contains("host@b#b"));
    done(&cluster, &["retype", &id, "anywhere"])?;
    client.wait_for_status(&id, "available").await?;
    done(&cluster, &["migrate", &id, "host@a#a"])?;
    client.wait_for_status(&id, "available").await?;
    let shown = done(&cluster, &["show", &id])?;
    assert!(shown.contains("host@a#a") && shown.contains("success"), "{shown}");
    cluster.finish(&[]).await
}
