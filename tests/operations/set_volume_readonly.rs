//! What must hold of `set_volume_readonly`.

use harness::ClusterBuilder;
use harness::scene::connector;
use serde_json::json;

#[tokio::test]
async fn a_read_only_volume_is_attached_for_reading() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let set =
        |readonly| client.act(&volume, "os-update_readonly_flag", json!({ "readonly": readonly }));
    set(json!("true")).await?.expect_status(202)?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.body;
    assert_eq!(shown["volume"]["metadata"]["readonly"], "True");

    let body = json!({ "attachment": { "volume_uuid": volume, "connector": connector("h"), "mode": "rw" } });
    let attached = client.post("/attachments", body).await?.expect_status(200)?;
    assert_eq!(attached.body["attachment"]["attach_mode"], "ro");
    assert_eq!(set(json!(false)).await?.status, 400, "only while it is available");
    client.detach(&volume).await?;
    set(json!(false)).await?.expect_status(202)?;
    for bad in [json!("perhaps"), json!(null), json!(7)] {
        assert_eq!(set(bad).await?.status, 400);
    }
    assert_eq!(client.act(&volume, "os-update_readonly_flag", json!({})).await?.status, 400);
    cluster.finish(&[]).await
}
