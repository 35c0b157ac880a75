//! What must hold of `retype_volume`.

use harness::{Answered, Client, ClusterBuilder};
use serde_json::{Value, json};

async fn retype(
    client: &Client,
    volume: &str,
    to: &str,
    policy: Value,
) -> anyhow::Result<Answered> {
    let arguments = json!({ "new_type": to, "migration_policy": policy });
    client.act(volume, "os-retype", arguments).await
}

async fn type_of(client: &Client, volume: &str) -> anyhow::Result<String> {
    let shown = client.get(&format!("/volumes/{volume}")).await?.expect_status(200)?;
    Ok(shown.body["volume"]["volume_type"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_volume_stays_where_the_new_type_fits_and_goes_where_it_must() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("a").file("b").start().await?;
    let client = cluster.client();
    for (name, backend) in [("on-a", "a"), ("on-b", "b")] {
        let specs = json!({ "extra_specs": { "volume_backend_name": backend } });
        client.create_volume_type(name, specs).await?;
    }
    client.create_volume_type("anywhere", json!({})).await?;
    let volume = client.create_volume(json!({ "size": 1, "volume_type": "on-a" })).await?;
    client.wait_for_status(&volume, "available").await?;
    client.access(&volume, &["write -P 7 0 4M", "flush"]).await?;

    retype(&client, &volume, "anywhere", json!("on-demand")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(type_of(&client, &volume).await?, "anywhere");
    assert_eq!(client.host_of(&volume).await?, "host@a");
    let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
    assert_eq!(shown["migration_status"], json!(null), "it has not moved");

    let refused = retype(&client, &volume, "on-b", json!("never")).await?.expect_status(400)?;
    assert!(refused.fault().contains("1 excluded by the migration policy"), "{}", refused.body);
    assert_eq!(type_of(&client, &volume).await?, "anywhere");
    let snapshot = client.create_snapshot(&volume).await?;
    let refused = retype(&client, &volume, "on-b", json!("on-demand")).await?.expect_status(400)?;
    assert!(refused.fault().contains("snapshots"), "{}", refused.body);
    client.delete(&format!("/snapshots/{snapshot}")).await?.expect_status(202)?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "deleted").await?;

    retype(&client, &volume, "on-b", json!("on-demand")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(type_of(&client, &volume).await?, "on-b");
    assert_eq!(client.host_of(&volume).await?, "host@b");
    let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
    assert_eq!(shown["migration_status"], "success");
    client.access(&volume, &["read -P 7 0 4M"]).await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_attached_volume_changes_its_type_where_it_is_or_not_at_all() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let client = cluster.client();
    client.create_volume_type("plain", json!({})).await?;
    let shared = json!({ "extra_specs": { "multiattach": "<is> True" } });
    client.create_volume_type("shared", shared).await?;
    let volume = client.available_volume(1).await?;
    client.attach(&volume, "server-1").await?;
    let refused = retype(&client, &volume, "shared", json!(null)).await?.expect_status(400)?;
    assert!(refused.fault().contains("multiattach property"), "{}", refused.body);
    retype(&client, &volume, "plain", json!(null)).await?.expect_status(202)?;
    client.wait_for_status(&volume, "in-use").await?;
    assert_eq!(type_of(&client, &volume).await?, "plain");
    let place = client.host_of(&volume).await?;
    let other = client.other_host(&volume).await?;
    let elsewhere = json!({ "extra_specs": { "volume_backend_name": &other[5..] } });
    client.create_volume_type("elsewhere", elsewhere).await?;
    let refused =
        retype(&client, &volume, "elsewhere", json!("on-demand")).await?.expect_status(400)?;
    assert!(refused.fault().contains("attached"), "{}", refused.body);
    client.detach(&volume).await?;
    retype(&client, &volume, "shared", json!(null)).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.body;
    assert_eq!(shown["volume"]["multiattach"], true);
    assert_eq!(client.host_of(&volume).await?, place);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_cannot_be_retyped_is_refused() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    client.create_volume_type("new", json!({})).await?;
    client
        .create_volume_type("secret", json!({ "os-volume-type-access:is_public": false }))
        .await?;
    let volume = client.available_volume(1).await?;
    let same = retype(&client, &volume, "__DEFAULT__", json!(null)).await?;
    assert_eq!((same.status, same.fault().contains("already")), (400, true), "{}", same.body);
    assert_eq!(retype(&client, &volume, "unknown", json!(null)).await?.status, 404);
    let member = client.with_roles("member");
    assert_eq!(retype(&member, &volume, "secret", json!(null)).await?.status, 404);
    assert_eq!(retype(&client, &volume, "new", json!("sometimes")).await?.status, 400);
    let limits = json!({ "quota_set": { "gigabytes_new": 0 } });
    client
        .put(&format!("/os-quota-sets/{}", harness::PROJECT), limits)
        .await?
        .expect_status(200)?;
    assert_eq!(retype(&client, &volume, "new", json!(null)).await?.status, 413);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_fails_keeps_its_type_and_its_quota() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    client.create_volume_type("new", json!({})).await?;
    let failing = json!({ "size": 2, "metadata": { "fake:fail": "retype_volume" } });
    let volume = client.create_volume(failing).await?;
    client.wait_for_status(&volume, "available").await?;
    retype(&client, &volume, "new", json!(null)).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(type_of(&client, &volume).await?, "__DEFAULT__");
    cluster.finish(&["because fake:fail says so"]).await
}
