//! What must hold of `set_default_type`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_project_gets_its_own_default_as_long_as_it_has_one() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let project = harness::PROJECT;
    let gold = client.create_volume_type("gold", json!({})).await?;
    let path = format!("/default-types/{project}");
    assert_eq!(client.get(&path).await?.status, 404);
    let set = |name: &str| json!({ "default_type": { "volume_type": name } });
    assert_eq!(client.put(&path, set("unknown")).await?.status, 400);
    let answer = client.put(&path, set("gold")).await?.expect_status(200)?;
    let expected = json!({ "project_id": project, "volume_type_id": gold });
    assert_eq!(answer.body["default_type"], expected);
    assert_eq!(client.get(&path).await?.body["default_type"], expected);
    assert_eq!(client.get("/default-types").await?.body["default_types"], json!([expected]));
    assert_eq!(client.get("/types/default").await?.body["volume_type"]["name"], "gold");
    let volume = client.available_volume(1).await?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.body;
    assert_eq!(shown["volume"]["volume_type"], "gold");
    let elsewhere = client.in_project("other");
    assert_eq!(elsewhere.get("/types/default").await?.body["volume_type"]["name"], "__DEFAULT__");
    // nobody is left without a type
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    let refused = client.delete(&format!("/types/{gold}")).await?.expect_status(400)?;
    assert!(refused.fault().contains("default type of a project"), "{}", refused.body);
    client.delete(&path).await?.expect_status(204)?;
    client.delete(&path).await?.expect_status(204)?;
    assert_eq!(client.get("/types/default").await?.body["volume_type"]["name"], "__DEFAULT__");
    client.delete(&format!("/types/{gold}")).await?.expect_status(202)?;
    assert_eq!(client.with_version("volume 3.61").get(&path).await?.status, 404);
    cluster.finish(&[]).await
}
