//! What must hold of `unmanage_volume`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn the_data_stay_and_can_come_back() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.access(&volume, &["write -P 0x71 0 1M", "flush"]).await?;
    client.attach(&volume, "server-1").await?;
    assert_eq!(client.act(&volume, "os-unmanage", json!(null)).await?.status, 400);
    client.detach(&volume).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    assert_eq!(client.act(&volume, "os-unmanage", json!(null)).await?.status, 400);
    client.delete(&format!("/snapshots/{snapshot}")).await?.expect_status(202)?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "deleted").await?;
    let member = client.with_roles("member");
    assert_eq!(member.act(&volume, "os-unmanage", json!(null)).await?.status, 403);

    client.act(&volume, "os-unmanage", json!(null)).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    let name = format!("volume-{volume}");
    let listed = client.get("/manageable_volumes?host=host@disk").await?.body;
    let expected =
        json!([{ "reference": { "source-name": name }, "size": 1, "safe_to_manage": true }]);
    assert_eq!(listed["manageable-volumes"], expected);
    let asked = json!({ "volume": { "host": "host@disk", "ref": { "source-name": name } } });
    let answer = client.post("/manageable_volumes", asked).await?.expect_status(202)?;
    let back = answer.body["volume"]["id"].as_str().unwrap_or_default().to_owned();
    client.wait_for_status(&back, "available").await?;
    client.access(&back, &["read -P 0x71 0 1M"]).await?;
    cluster.finish(&[]).await
}
