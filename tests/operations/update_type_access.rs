//! What must hold of `update_type_access`.

use harness::ClusterBuilder;
use serde_json::{Value, json};

#[tokio::test]
async fn a_private_type_is_there_for_those_who_have_access() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let private = json!({ "os-volume-type-access:is_public": false });
    let id = client.create_volume_type("secret", private).await?;
    let path = format!("/types/{id}");
    let guest = client.in_project("guests").with_roles("member");
    let asked = json!({ "volume": { "size": 1, "volume_type": "secret" } });
    assert_eq!(guest.get(&path).await?.status, 404);
    assert_eq!(guest.post("/volumes", asked.clone()).await?.status, 404);
    let count = |listed: &Value| listed["volume_types"].as_array().map_or(0, Vec::len);
    assert_eq!(count(&guest.get("/types").await?.body), 1);
    assert_eq!(count(&client.get("/types").await?.body), 1);
    assert_eq!(count(&client.get("/types?is_public=None").await?.body), 2);
    assert_eq!(count(&client.get("/types?is_public=false").await?.body), 1);
    assert_eq!(client.get("/types?is_public=perhaps").await?.status, 400);

    let action = format!("{path}/action");
    let act = |name: &'static str| client.post(&action, json!({ name: { "project": "guests" } }));
    act("addProjectAccess").await?.expect_status(202)?;
    assert_eq!(act("addProjectAccess").await?.status, 409);
    let listed = client.get(&format!("{path}/os-volume-type-access")).await?.body;
    let expected = json!([{ "volume_type_id": id, "project_id": "guests" }]);
    assert_eq!(listed["volume_type_access"], expected);
    assert_eq!(count(&guest.get("/types").await?.body), 2);
    guest.get(&path).await?.expect_status(200)?;
    guest.post("/volumes", asked.clone()).await?.expect_status(202)?;

    act("removeProjectAccess").await?.expect_status(202)?;
    assert_eq!(act("removeProjectAccess").await?.status, 404);
    assert_eq!(guest.post("/volumes", asked).await?.status, 404);
    let nobody = json!({ "addProjectAccess": {} });
    assert_eq!(client.post(&action, nobody).await?.status, 400);

    let public = client.create_volume_type("open", json!({})).await?;
    let public = format!("/types/{public}");
    let add = json!({ "addProjectAccess": { "project": "p" } });
    assert_eq!(client.post(&format!("{public}/action"), add).await?.status, 400);
    assert_eq!(client.get(&format!("{public}/os-volume-type-access")).await?.status, 404);
    cluster.finish(&[]).await
}
