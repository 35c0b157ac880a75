//! What must hold of `update_volume_type`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_type_is_renamed_and_its_volumes_with_it() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume_type("old", json!({})).await?;
    let volume = client.create_volume(json!({ "size": 1, "volume_type": "old" })).await?;
    client.wait_for_status(&volume, "available").await?;
    let path = format!("/types/{id}");
    let update = |fields| client.put(&path, json!({ "volume_type": fields }));
    let renamed = update(json!({ "name": "new", "description": "d" })).await?.expect_status(200)?;
    assert_eq!(renamed.body["volume_type"]["name"], "new");
    let shown = client.get(&format!("/volumes/{volume}")).await?.body;
    assert_eq!(shown["volume"]["volume_type"], "new");

    assert_eq!(update(json!({ "name": "__DEFAULT__" })).await?.status, 409);
    for bad in
        [json!({}), json!({ "name": "" }), json!({ "name": null }), json!({ "is_public": "x" })]
    {
        assert_eq!(update(bad.clone()).await?.status, 400, "{bad}");
    }
    let unknown = client.put("/types/nowhere", json!({ "volume_type": { "name": "x" } })).await?;
    assert_eq!(unknown.status, 404);
    // usage counts by the type's identity, whatever it is called
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    cluster.finish(&[]).await
}
