//! What must hold of `migrate_volume`.

use harness::replication::{replicated_volume, rows, wait_until_in_sync};
use harness::{BackendSpec, Client, Cluster, ClusterBuilder};
use serde_json::{Value, json};

async fn migrate(client: &Client, volume: &str, host: &str) -> anyhow::Result<harness::Answered> {
    client.act(volume, "os-migrate_volume", json!({ "host": host })).await
}

async fn shown(client: &Client, volume: &str) -> anyhow::Result<Value> {
    let answer = client.get(&format!("/volumes/{volume}")).await?.expect_status(200)?;
    Ok(answer.body["volume"].clone())
}

#[tokio::test]
async fn a_volume_arrives_with_its_data_and_leaves_nothing_behind() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("a").file("b").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let written = ["write -P 0x5a 0 8M", "write -P 0xa5 1000M 1M", "flush"];
    client.access(&volume, &written).await?;
    for _ in 0..2 {
        let destination = client.other_host(&volume).await?;
        migrate(&client, &volume, &destination).await?.expect_status(202)?;
        client.wait_for_status(&volume, "available").await?;
        let moved = shown(&client, &volume).await?;
        assert_eq!(client.host_of(&volume).await?, destination);
        assert_eq!(moved["migration_status"], "success");
        let read = ["read -P 0x5a 0 8M", "read -P 0 8M 992M", "read -P 0xa5 1000M 1M"];
        client.access(&volume, &read).await?;
    }
    // what was not written takes no room
    let (_, array) = cluster
        .arrays()
        .find(|(_, array)| array.join(format!("volumes/volume-{volume}")).exists())
        .unwrap();
    let file = std::fs::metadata(array.join(format!("volumes/volume-{volume}")))?;
    let taken = std::os::unix::fs::MetadataExt::blocks(&file) * 512;
    assert!(taken < 64 << 20, "{taken} bytes for 9 MiB");
    client.access(&volume, &["write -P 1 0 1M"]).await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_volume_where_it_was() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let client = cluster.client();
    for (failing, ends_elsewhere) in
        [("export", false), ("import_volume", false), ("delete_volume", true)]
    {
        let volume = json!({ "size": 1, "metadata": { "fake:fail": failing } });
        let volume = client.create_volume(volume).await?;
        client.wait_for_status(&volume, "available").await?;
        let (place, destination) =
            (client.host_of(&volume).await?, client.other_host(&volume).await?);
        migrate(&client, &volume, &destination).await?.expect_status(202)?;
        client.wait_for_status(&volume, "available").await?;
        let (status, end) =
            if ends_elsewhere { ("success", destination) } else { ("error", place) };
        assert_eq!(shown(&client, &volume).await?["migration_status"], status, "{failing}");
        assert_eq!(client.host_of(&volume).await?, end, "{failing}");
        let messages = client.get(&format!("/messages?resource_uuid={volume}")).await?.body;
        let count = messages["messages"].as_array().map(Vec::len);
        assert_eq!(count, Some(usize::from(!ends_elsewhere)), "{failing}: {messages}");
    }
    cluster.finish(&["because fake:fail says so"]).await
}

#[tokio::test]
async fn a_backend_of_another_kind_is_no_destination_and_does_no_harm() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let (place, destination) = (client.host_of(&volume).await?, client.other_host(&volume).await?);
    migrate(&client, &volume, &destination).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(client.host_of(&volume).await?, place);
    assert_eq!(shown(&client, &volume).await?["migration_status"], "error");
    cluster.finish(&["failed"]).await
}

#[tokio::test]
async fn two_backends_on_one_directory_do_not_destroy_what_is_there() -> anyhow::Result<()> {
    let builder = ClusterBuilder::for_test().await?.file("a").file("b");
    std::fs::create_dir_all(builder.directory())?;
    std::os::unix::fs::symlink(builder.directory().join("a"), builder.directory().join("b"))?;
    std::fs::create_dir(builder.directory().join("a"))?;
    let cluster = builder.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.access(&volume, &["write -P 3 0 1M", "flush"]).await?;
    let destination = client.other_host(&volume).await?;
    migrate(&client, &volume, &destination).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(shown(&client, &volume).await?["migration_status"], "error");
    client.access(&volume, &["read -P 3 0 1M"]).await?;
    cluster.finish_unsettled(&["the same array"])
}

async fn refused(cluster: &Cluster, volume: &str, host: &str, text: &str) -> anyhow::Result<()> {
    let answer = migrate(&cluster.client(), volume, host).await?.expect_status(400)?;
    anyhow::ensure!(answer.fault().contains(text), "{}", answer.body);
    Ok(())
}

#[tokio::test]
async fn what_cannot_go_is_refused_and_stays() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let (place, destination) = (client.host_of(&volume).await?, client.other_host(&volume).await?);
    refused(&cluster, &volume, &place, "already").await?;
    refused(&cluster, &volume, "host@nowhere", "No available service named 'host@nowhere'").await?;
    refused(
        &cluster,
        &volume,
        &format!("{destination}#no-pool"),
        "2 backends: 1 already holding the volume, 1 not the requested backend",
    )
    .await?;
    for (condition, named) in [("freeze", "frozen"), ("disable", "disabled")] {
        let end = if condition == "freeze" { "thaw" } else { "enable" };
        // neither may a volume leave such a backend, nor come to one
        client.operate(condition, &place).await?.expect_status(200)?;
        refused(&cluster, &volume, &destination, named).await?;
        client.operate(end, &place).await?.expect_status(200)?;
        client.operate(condition, &destination).await?.expect_status(200)?;
        refused(&cluster, &volume, &destination, &format!("1 {named}")).await?;
        client.operate(end, &destination).await?.expect_status(200)?;
    }
    let snapshot = client.create_snapshot(&volume).await?;
    refused(&cluster, &volume, &destination, "snapshots").await?;
    client.delete(&format!("/snapshots/{snapshot}")).await?.expect_status(202)?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "deleted").await?;
    client.attach(&volume, "server-1").await?;
    refused(&cluster, &volume, &destination, "must be available").await?;
    client.detach(&volume).await?;
    let members = client.with_roles("member");
    assert_eq!(migrate(&members, &volume, &destination).await?.status, 403);
    migrate(&client, &volume, &format!("{destination}#{}", &destination[5..]))
        .await?
        .expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(client.host_of(&volume).await?, destination);
    cluster.finish(&[]).await
}

/// To a backend that would take it, with a replica of its own.
#[tokio::test]
async fn a_replicated_volume_goes_nowhere_before_it_is_retyped() -> anyhow::Result<()> {
    let mut builder = ClusterBuilder::for_test().await?;
    for name in ["a", "b"] {
        let settings = format!("[[backends.{name}.replication_device]]\nbackend_id = 'away'\n");
        builder = builder.backend(BackendSpec { name: name.to_owned(), driver: "fake", settings });
    }
    let cluster = builder.start().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
    client.create_volume_type("replicated", specs).await?;
    let volume = replicated_volume(&client).await?;
    let (place, destination) = (client.host_of(&volume).await?, client.other_host(&volume).await?);
    // until then its row still changes
    wait_until_in_sync(&cluster, 1).await?;
    let before = rows(&cluster).await?;
    let text = "Volume is replicated; retype it to a type without replication before migrating it.";
    refused(&cluster, &volume, &destination, text).await?;
    assert_eq!(rows(&cluster).await?, before);
    assert_eq!(client.host_of(&volume).await?, place);

    let plain = json!({ "new_type": "__DEFAULT__", "migration_policy": "never" });
    client.act(&volume, "os-retype", plain).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    migrate(&client, &volume, &destination).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(client.host_of(&volume).await?, destination);
    cluster.finish(&[]).await
}
