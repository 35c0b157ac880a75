//! What must hold of `update_attachment`.

use harness::ClusterBuilder;
use harness::scene::connector;
use serde_json::json;
use uuid::Uuid;

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
        .finish(&["export fails because", "failed to open or close", "answered status=500"])
        .await
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
        attachments.push(client.reserve(&volume, Some(Uuid::new_v4())).await?);
    }
    let connecting = attachments.iter().enumerate().map(|(number, attachment)| {
        let (client, host) = (client.clone(), format!("host-{number}"));
        async move { client.connect(attachment, &host).await?.expect_status(200) }
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

/// Nova connects a server when it is unshelved to what was attached while it was shelved.
#[tokio::test]
async fn what_is_attached_without_a_host_gets_one_and_keeps_it_when_that_fails()
-> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let attachment = client.reserve(&volume, Some(Uuid::new_v4())).await?;
    let path = format!("/attachments/{attachment}");
    let action = format!("{path}/action");
    let complete = || client.post(&action, json!({ "os-complete": {} }));
    complete().await?.expect_status(204)?;
    client.connect(&attachment, "host-1").await?.expect_status(200)?;
    assert_eq!(client.get(&path).await?.body["attachment"]["status"], "attaching");
    complete().await?.expect_status(204)?;
    let fail = json!({ "metadata": { "fake:fail": "export" } });
    client.post(&format!("/volumes/{volume}/metadata"), fail).await?.expect_status(200)?;
    assert_eq!(client.connect(&attachment, "host-2").await?.status, 500);
    let shown = client.get(&path).await?.body["attachment"].clone();
    assert_eq!((&shown["status"], &shown["attach_mode"]), (&json!("attached"), &json!("rw")));
    let host = "select host_name from attachments where id = $1::text::uuid";
    let host = cluster.database().await?.query_one(host, &[&attachment]).await?;
    assert_eq!(host.get::<_, &str>(0), "host-1");
    // its data path is open for the one mode
    let mut readonly = connector("host-1");
    readonly["mode"] = json!("ro");
    let body = json!({ "attachment": { "connector": readonly } });
    let refused = client.put(&path, body).await?.expect_status(400)?;
    assert!(refused.fault().contains("already has a connection with mode rw"), "{}", refused.body);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    cluster
        .finish(&["export fails because", "failed to open or close", "answered status=500"])
        .await
}
