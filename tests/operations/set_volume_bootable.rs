//! What must hold of `set_volume_bootable`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_volume_is_bootable_when_somebody_says_so() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    for (said, shown) in [(json!(true), "true"), (json!("False"), "false"), (json!("1"), "true")] {
        let arguments = json!({ "bootable": said });
        client.act(&volume, "os-set_bootable", arguments).await?.expect_status(200)?;
        let volume = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
        assert_eq!(volume["bootable"], shown);
    }
    for bad in [json!({}), json!({ "bootable": "perhaps" }), json!({ "bootable": true, "x": 1 })] {
        assert_eq!(client.act(&volume, "os-set_bootable", bad).await?.status, 400);
    }
    let stranger = client.in_project("other").with_roles("member");
    let asked = stranger.act(&volume, "os-set_bootable", json!({ "bootable": false })).await?;
    assert_eq!(asked.status, 404);
    cluster.finish(&[]).await
}
