//! What must hold of `extend_volume`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn an_extended_volume_has_the_new_size_in_the_record_and_on_disk() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    client.act(&id, "os-extend", json!({ "new_size": 3 })).await?.expect_status(202)?;
    client.wait_for_status(&id, "available").await?;
    let shown = client.get(&format!("/volumes/{id}")).await?;
    assert_eq!(shown.body["volume"]["size"], 3);
    let file = cluster.directory().join(format!("disk/volumes/volume-{id}"));
    assert_eq!(std::fs::metadata(file)?.len(), 3 << 30);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_size_that_does_not_grow_is_refused() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 2 })).await?;
    client.wait_for_status(&id, "available").await?;
    for size in [1, 2] {
        let refused = client.act(&id, "os-extend", json!({ "new_size": size })).await?;
        assert_eq!(refused.status, 400);
        let expected = format!("(current: 2, extended: {size})");
        assert!(refused.fault().contains(&expected), "{}", refused.fault());
    }
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn growth_counts_against_the_quota_until_it_fails() -> anyhow::Result<()> {
    let settings = "[quota]\nvolumes = 5\ngigabytes = 5\n";
    let cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    let client = cluster.client();
    let failing = json!({ "size": 2, "metadata": { "fake:fail": "extend_volume" } });
    let id = client.create_volume(failing).await?;
    client.wait_for_status(&id, "available").await?;
    assert_eq!(client.act(&id, "os-extend", json!({ "new_size": 6 })).await?.status, 413);
    client.act(&id, "os-extend", json!({ "new_size": 5 })).await?.expect_status(202)?;
    client.wait_for_status(&id, "error_extending").await?;
    assert_eq!(client.get(&format!("/volumes/{id}")).await?.body["volume"]["size"], 2);
    // the three gigabytes are free again
    let other = client.create_volume(json!({ "size": 3 })).await?;
    client.wait_for_status(&other, "available").await?;
    cluster.finish(&["extend_volume fails because"]).await
}

#[tokio::test]
async fn an_attached_volume_grows_only_where_caller_and_backend_agree() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("online").file("offline").start().await?;
    let client = cluster.client();
    client.operate("disable", &cluster.host("offline")).await?.expect_status(200)?;
    let online = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&online, "available").await?;
    client.operate("enable", &cluster.host("offline")).await?.expect_status(200)?;
    client.operate("disable", &cluster.host("online")).await?.expect_status(200)?;
    let offline = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&offline, "available").await?;
    client.operate("enable", &cluster.host("online")).await?.expect_status(200)?;
    cluster.database().await?.execute("update volumes set status = 'in-use'", &[]).await?;

    let before = client.with_version("volume 3.41");
    let refused = before.act(&online, "os-extend", json!({ "new_size": 2 })).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("microversion 3.42"), "{}", refused.fault());
    let refused = client.act(&offline, "os-extend", json!({ "new_size": 2 })).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("cannot extend an attached volume"), "{}", refused.fault());

    client.act(&online, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&online, "in-use").await?;
    assert_eq!(client.get(&format!("/volumes/{online}")).await?.body["volume"]["size"], 2);
    cluster.finish(&[]).await
}
