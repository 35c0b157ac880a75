//! What must hold of `initialize_connection`.

use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};

async fn initialize(
    client: &Client,
    volume: &str,
    host: &str,
) -> anyhow::Result<harness::Answered> {
    let connector = json!({ "connector": harness::scene::connector(host) });
    client.act(volume, "os-initialize_connection", connector).await
}

#[tokio::test]
async fn the_answer_is_nested_as_nova_reads_it_and_leads_to_the_data() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.act(&volume, "os-reserve", json!(null)).await?.expect_status(202)?;
    let told = initialize(&client, &volume, "server-1").await?.expect_status(200)?.body;
    let info = &told["connection_info"];
    assert_eq!(
        (&info["driver_volume_type"], &info["data"]["access_mode"]),
        (&json!("nbd"), &json!("rw"))
    );
    assert_eq!(info["enforce_multipath"], false);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("attaching"));
    let uri = info["data"]["uri"].as_str().unwrap_or_default().to_owned();
    assert!(harness::qemu_io(&uri, &["write -P 1 0 1M", "flush"])?);
    // asked again, it answers the same
    let again = initialize(&client, &volume, "server-1").await?.expect_status(200)?.body;
    assert_eq!(told, again);
    assert_eq!(initialize(&client, &volume, "server-2").await?.status, 400);

    let connector = json!({ "connector": harness::scene::connector("server-1") });
    client.act(&volume, "os-terminate_connection", connector).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    assert!(!harness::qemu_io(&uri, &["read 0 4k"])?);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn it_comes_before_or_after_the_attachment_and_needs_no_reservation() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let attach = json!({ "host_name": "server-1", "mountpoint": "/dev/vdb" });
    for attached_first in [true, false] {
        let volume = client.available_volume(1).await?;
        if attached_first {
            client.act(&volume, "os-attach", attach.clone()).await?.expect_status(202)?;
            initialize(&client, &volume, "server-1").await?.expect_status(200)?;
        } else {
            initialize(&client, &volume, "server-1").await?.expect_status(200)?;
            client.act(&volume, "os-attach", attach.clone()).await?.expect_status(202)?;
        }
        let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
        assert_eq!(
            (&shown["status"], &shown["attachments"][0]["device"]),
            (&json!("in-use"), &json!("/dev/vdb"))
        );
        assert_eq!(shown["attachments"].as_array().map(Vec::len), Some(1));
        client.detach(&volume).await?;
        client.wait_for_status(&volume, "available").await?;
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_data_path_that_does_not_open_leaves_things_as_they_were() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let failing = json!({ "size": 1, "metadata": { "fake:fail": "export" } });
    let volume = client.create_volume(failing).await?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(initialize(&client, &volume, "server-1").await?.status, 500);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    client.act(&volume, "os-reserve", json!(null)).await?.expect_status(202)?;
    assert_eq!(initialize(&client, &volume, "server-1").await?.status, 500);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("attaching"));
    for body in
        [json!({}), json!({ "connector": null }), json!({ "connector": "here" }), Value::Null]
    {
        assert_eq!(client.act(&volume, "os-initialize_connection", body).await?.status, 400);
    }
    cluster.finish(&["because fake:fail says so", "the request failed"]).await
}
