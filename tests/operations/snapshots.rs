//! What must hold of the operations on snapshots, and of volumes made from them.

use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};

async fn volume(client: &Client, size: i32) -> anyhow::Result<String> {
    let id = client.create_volume(json!({ "size": size })).await?;
    client.wait_for_status(&id, "available").await?;
    Ok(id)
}

async fn shown(client: &Client, path: &str, key: &str) -> anyhow::Result<Value> {
    Ok(client.get(path).await?.expect_status(200)?.body[key].clone())
}

#[tokio::test]
async fn a_snapshot_is_made_shown_changed_and_removed() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = volume(&client, 2).await?;
    let body =
        json!({ "snapshot": { "volume_id": volume, "name": "before", "metadata": { "a": "1" } } });
    let created = client.post("/snapshots", body).await?.expect_status(202)?;
    let snapshot = &created.body["snapshot"];
    assert_eq!((&snapshot["status"], &snapshot["size"]), (&json!("creating"), &json!(2)));
    assert!(snapshot.get("os-extended-snapshot-attributes:progress").is_none());
    let path = format!("/snapshots/{}", snapshot["id"].as_str().unwrap_or_default());
    client.wait_until(&path, "snapshot", "available").await?;
    let detail = shown(&client, &path, "snapshot").await?;
    assert_eq!(detail["os-extended-snapshot-attributes:progress"], "100%");

    client.put(&path, json!({ "snapshot": { "name": "after" } })).await?.expect_status(200)?;
    client
        .post(&format!("{path}/metadata"), json!({ "metadata": { "b": "2" } }))
        .await?
        .expect_status(200)?;
    client.delete(&format!("{path}/metadata/a")).await?.expect_status(200)?;
    let listed = client.get("/snapshots/detail?name=after").await?.body;
    assert_eq!(listed["snapshots"][0]["metadata"], json!({ "b": "2" }));
    // the volume cannot go before it
    let refused = client.delete(&format!("/volumes/{volume}")).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("still has snapshots"), "{}", refused.fault());
    client.delete(&path).await?.expect_status(202)?;
    client.wait_until(&path, "snapshot", "deleted").await?;
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_goes_with_its_snapshots_when_that_is_asked_for() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = volume(&client, 1).await?;
    for _ in 0..3 {
        client.create_snapshot(&volume).await?;
    }
    client.delete(&format!("/volumes/{volume}?cascade=true")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    assert_eq!(client.get("/snapshots").await?.body["snapshots"], json!([]));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn volumes_are_made_from_snapshots_and_other_volumes() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").fake("other").start().await?;
    let client = cluster.client();
    client.operate("disable", &cluster.host("other")).await?.expect_status(200)?;
    let source = volume(&client, 2).await?;
    client.operate("enable", &cluster.host("other")).await?.expect_status(200)?;
    let snapshot = client.create_snapshot(&source).await?;
    let refused = client
        .post("/volumes", json!({ "volume": { "size": 1, "snapshot_id": snapshot } }))
        .await?;
    assert_eq!(refused.status, 400);
    for (body, size) in [
        (json!({ "snapshot_id": snapshot }), 2),
        (json!({ "snapshot_id": snapshot, "size": 3 }), 3),
        (json!({ "source_volid": source }), 2),
        (json!({ "source_volid": source, "size": 4 }), 4),
    ] {
        let id = client.create_volume(body.clone()).await?;
        client.wait_for_status(&id, "available").await?;
        let made = shown(&client, &format!("/volumes/{id}"), "volume").await?;
        assert_eq!(made["size"], size, "{body}");
        // where its source is, however much room there is elsewhere
        assert_eq!(made["os-vol-host-attr:host"], "host@disk#disk", "{body}");
        for source in ["snapshot_id", "source_volid"] {
            assert_eq!(made[source], body[source], "{body}");
        }
    }
    let both = json!({ "volume": { "snapshot_id": snapshot, "source_volid": source } });
    assert_eq!(client.post("/volumes", both).await?.status, 400);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_is_being_copied_from_stays_until_the_copy_is_there() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let source = volume(&client, 1).await?;
    let snapshot = client.create_snapshot(&source).await?;
    let slow = |body: Value| {
        let mut body = body;
        body["metadata"] = json!({ "fake:latency_ms": "1000" });
        client.create_volume(body)
    };
    let from_snapshot = slow(json!({ "snapshot_id": snapshot })).await?;
    let clone = slow(json!({ "source_volid": source })).await?;
    let refused = client.delete(&format!("/snapshots/{snapshot}")).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("is being copied from"), "{}", refused.fault());
    assert_eq!(client.delete(&format!("/volumes/{source}?cascade=true")).await?.status, 400);
    for id in [&from_snapshot, &clone] {
        client.wait_for_status(id, "available").await?;
    }
    client.delete(&format!("/volumes/{source}?cascade=true")).await?.expect_status(202)?;
    client.wait_for_status(&source, "deleted").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_attached_volume_needs_force_until_3_66() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = volume(&client, 1).await?;
    client.attach(&volume, "server-1").await?;
    let older = client.with_version("volume 3.65");
    let plain = json!({ "snapshot": { "volume_id": volume } });
    let forced = json!({ "snapshot": { "volume_id": volume, "force": true } });
    let refused = older.post("/snapshots", plain.clone()).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("with force"), "{}", refused.fault());
    older.post("/snapshots", forced).await?.expect_status(202)?;
    client.post("/snapshots", plain).await?.expect_status(202)?;
    let unforced = json!({ "snapshot": { "volume_id": volume, "force": false } });
    assert_eq!(client.post("/snapshots", unforced).await?.status, 400);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_revert_takes_the_newest_snapshot_of_the_volumes_size() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = volume(&client, 1).await?;
    assert_eq!(client.act(&volume, "revert", json!({ "snapshot_id": null })).await?.status, 400);
    let older = client.create_snapshot(&volume).await?;
    let newest = client.create_snapshot(&volume).await?;
    let revert = |id: &str| {
        let (client, volume, id) = (client.clone(), volume.clone(), id.to_owned());
        async move { client.act(&volume, "revert", json!({ "snapshot_id": id })).await }
    };
    assert_eq!(revert(&older).await?.status, 400);
    let before = client.with_version("volume 3.39");
    assert_eq!(before.act(&volume, "revert", json!({ "snapshot_id": newest })).await?.status, 404);
    revert(&newest).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    client.wait_until(&format!("/snapshots/{newest}"), "snapshot", "available").await?;

    client.attach(&volume, "server-1").await?;
    assert_eq!(revert(&newest).await?.status, 409);
    client.detach(&volume).await?;
    client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(revert(&newest).await?.status, 400);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_snapshot_that_the_driver_cannot_make_or_remove_says_so() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = volume(&client, 1).await?;
    let failing = |what: &str| json!({ "snapshot": { "volume_id": volume, "metadata": { "fake:fail": what } } });
    let id = |answer: harness::Answered| {
        format!("/snapshots/{}", answer.body["snapshot"]["id"].as_str().unwrap_or_default())
    };
    let unmade =
        id(client.post("/snapshots", failing("create_snapshot")).await?.expect_status(202)?);
    client.wait_until(&unmade, "snapshot", "error").await?;
    client.delete(&unmade).await?.expect_status(202)?;
    client.wait_until(&unmade, "snapshot", "deleted").await?;

    let stubborn =
        id(client.post("/snapshots", failing("delete_snapshot")).await?.expect_status(202)?);
    client.wait_until(&stubborn, "snapshot", "available").await?;
    client.delete(&stubborn).await?.expect_status(202)?;
    client.wait_until(&stubborn, "snapshot", "error_deleting").await?;
    assert_eq!(client.delete(&stubborn).await?.status, 400);
    client.delete(&format!("{stubborn}/metadata/fake:fail")).await?.expect_status(200)?;
    let force = json!({ "os-force_delete": null });
    client.post(&format!("{stubborn}/action"), force).await?.expect_status(202)?;
    client.wait_until(&stubborn, "snapshot", "deleted").await?;
    cluster.finish(&["fails because"]).await
}
