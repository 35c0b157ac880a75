//! What must hold of attachments: their statuses, the volume's, and the data path.

use harness::scene::connector;
use harness::{Client, Cluster, ClusterBuilder, until};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;
use uuid::Uuid;

async fn volume(client: &Client) -> anyhow::Result<String> {
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    Ok(id)
}

async fn reserve(client: &Client, volume: &str, server: Option<Uuid>) -> anyhow::Result<String> {
    let mut attachment = json!({ "volume_uuid": volume });
    if let Some(server) = server {
        attachment["instance_uuid"] = json!(server);
    }
    let answer = client
        .post("/attachments", json!({ "attachment": attachment }))
        .await?
        .expect_status(200)?;
    Ok(answer.body["attachment"]["id"].as_str().unwrap_or_default().to_owned())
}

async fn connect(
    client: &Client,
    attachment: &str,
    host: &str,
) -> anyhow::Result<harness::Answered> {
    let body = json!({ "attachment": { "connector": connector(host) } });
    client.put(&format!("/attachments/{attachment}"), body).await
}

/// Whether qemu-io can do this on an NBD export.
fn qemu_io(uri: &str, commands: &[&str]) -> anyhow::Result<bool> {
    let mut command = Command::new("qemu-io");
    command.args(["-f", "raw"]);
    for step in commands {
        command.args(["-c", step]);
    }
    let output = command.arg(uri).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && !printed.contains("failed"))
}

#[tokio::test]
async fn a_server_is_attached_and_detached_step_by_step() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = volume(&client).await?;
    let server = Uuid::new_v4();
    let attachment = reserve(&client, &volume, Some(server)).await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("reserved"));
    let path = format!("/attachments/{attachment}");
    assert_eq!(client.get(&path).await?.body["attachment"]["connection_info"], json!({}));

    let updated = connect(&client, &attachment, "server-1").await?.expect_status(200)?;
    let info = &updated.body["attachment"]["connection_info"];
    assert_eq!((&info["driver_volume_type"], &info["access_mode"]), (&json!("fake"), &json!("rw")));
    assert_eq!(info["attachment_id"], json!(attachment));
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("attaching"));

    let complete = json!({ "os-complete": {} });
    let before = client.with_version("volume 3.43");
    assert_eq!(before.post(&format!("{path}/action"), complete.clone()).await?.status, 404);
    client.post(&format!("{path}/action"), complete).await?.expect_status(204)?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
    assert_eq!(shown["status"], "in-use");
    assert_eq!(shown["attachments"][0]["server_id"], json!(server));
    assert_eq!(shown["attachments"][0]["attachment_id"], json!(attachment));
    assert_eq!(client.delete(&format!("/volumes/{volume}")).await?.status, 400);

    let left = client.delete(&path).await?.expect_status(200)?;
    assert_eq!(left.body, json!({ "attachments": [] }));
    assert_eq!(client.get(&path).await?.status, 404);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn with_a_connector_it_is_one_call() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = volume(&client).await?;
    let body = json!({ "attachment": { "volume_uuid": volume, "connector": connector("h"), "mode": "ro" } });
    let answer = client.post("/attachments", body.clone()).await?.expect_status(200)?;
    let attachment = &answer.body["attachment"];
    assert_eq!(
        (&attachment["status"], &attachment["attach_mode"]),
        (&json!("attaching"), &json!("ro"))
    );
    assert_eq!(attachment["connection_info"]["access_mode"], "ro");
    // nobody else gets it meanwhile
    assert_eq!(client.post("/attachments", body).await?.status, 400);
    let listed = client.get(&format!("/attachments?volume_id={volume}")).await?.body;
    assert_eq!(listed["attachments"][0]["id"], attachment["id"]);
    assert_eq!(client.with_version("volume 3.26").get("/attachments").await?.status, 404);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_data_path_that_does_not_open_leaves_the_volume_available() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id =
        client.create_volume(json!({ "size": 1, "metadata": { "fake:fail": "export" } })).await?;
    client.wait_for_status(&id, "available").await?;
    let body = json!({ "attachment": { "volume_uuid": id, "connector": connector("h") } });
    assert_eq!(client.post("/attachments", body).await?.status, 500);
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("available"));
    assert_eq!(client.get("/attachments").await?.body["attachments"], json!([]));
    cluster
        .finish(&["export fails because", "could not open or close", "answered status=500"])
        .await
}

#[tokio::test]
async fn a_second_server_is_refused_and_the_same_one_may_move() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = volume(&client).await?;
    let server = Uuid::new_v4();
    let first = reserve(&client, &volume, Some(server)).await?;
    connect(&client, &first, "host-1").await?.expect_status(200)?;
    client
        .post(&format!("/attachments/{first}/action"), json!({ "os-complete": {} }))
        .await?
        .expect_status(204)?;
    let stranger =
        json!({ "attachment": { "volume_uuid": volume, "instance_uuid": Uuid::new_v4() } });
    assert_eq!(client.post("/attachments", stranger).await?.status, 400);
    // the same server on another host: a live migration
    let second = reserve(&client, &volume, Some(server)).await?;
    connect(&client, &second, "host-2").await?.expect_status(200)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    client.delete(&format!("/attachments/{first}")).await?.expect_status(200)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("attaching"));
    client
        .post(&format!("/attachments/{second}/action"), json!({ "os-complete": {} }))
        .await?
        .expect_status(204)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn servers_come_and_go_while_the_backend_is_frozen() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = volume(&client).await?;
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    client.attach(&volume, "server-1").await?;
    client.detach(&volume).await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_strict_freeze_refuses_servers_too() -> anyhow::Result<()> {
    let settings = "[scheduler]\nfrozen_refuses_connections = true\n";
    let cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    let client = cluster.client();
    let volume = volume(&client).await?;
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    let refused =
        client.post("/attachments", json!({ "attachment": { "volume_uuid": volume } })).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("is frozen since"), "{}", refused.fault());
    cluster.finish(&[]).await
}

async fn uri(client: &Client, volume: &str) -> anyhow::Result<String> {
    let attachments = client.get(&format!("/attachments/detail?volume_id={volume}")).await?.body;
    let info: &Value = &attachments["attachments"][0]["connection_info"];
    Ok(info["uri"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_export_lives_as_long_as_its_attachment_and_survives_restarts() -> anyhow::Result<()> {
    let mut cluster: Cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = volume(&client).await?;
    client.attach(&volume, "server-1").await?;
    let uri = uri(&client, &volume).await?;
    assert!(qemu_io(&uri, &["write -P 3 0 1M", "flush"])?);

    // the worker may go: the data path stays
    cluster.workers.clear();
    assert!(qemu_io(&uri, &["read -P 3 0 1M"])?);
    cluster.add_worker(&[]).await?;
    assert!(qemu_io(&uri, &["read -P 3 0 1M"])?);

    // the daemon may go: the data path comes back
    harness::process::kill_by_pid_file(&cluster.directory().join("disk/run/daemon.pid"));
    until("the data path is back", Duration::from_secs(10), || async {
        qemu_io(&uri, &["read -P 3 0 1M"]).unwrap_or(false)
    })
    .await?;

    client.detach(&volume).await?;
    assert!(!qemu_io(&uri, &["read 0 4k"])?);
    cluster.finish(&["the driver does not report"]).await
}

#[tokio::test]
async fn two_servers_at_once_wait_for_one_another() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "300" } });
    let volume = client.create_volume(slow).await?;
    client.wait_for_status(&volume, "available").await?;
    let multiattach = "update volumes set multiattach = true";
    cluster.database().await?.execute(multiattach, &[]).await?;
    let mut attachments = Vec::new();
    for _ in 0..4 {
        attachments.push(reserve(&client, &volume, Some(Uuid::new_v4())).await?);
    }
    let connecting = attachments.iter().enumerate().map(|(number, attachment)| {
        let (client, host) = (client.clone(), format!("host-{number}"));
        async move { connect(&client, attachment, &host).await?.expect_status(200) }
    });
    futures_util::future::try_join_all(connecting).await?;
    let closing = attachments.iter().map(|attachment| {
        let client = client.clone();
        async move { client.delete(&format!("/attachments/{attachment}")).await?.expect_status(200) }
    });
    futures_util::future::try_join_all(closing).await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}
