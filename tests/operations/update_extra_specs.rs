//! What must hold of `update_extra_specs`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn extra_specs_are_set_shown_and_removed_while_the_type_is_unused() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume_type("gold", json!({})).await?;
    let specs = format!("/types/{id}/extra_specs");
    let item = |key: &str| format!("{specs}/{key}");
    let set = |entries| client.post(&specs, json!({ "extra_specs": entries }));
    let echo =
        set(json!({ "vendor_name": "Open Source", "k:x": "1" })).await?.expect_status(200)?;
    assert_eq!(echo.body, json!({ "extra_specs": { "vendor_name": "Open Source", "k:x": "1" } }));
    let put = client.put(&item("k:x"), json!({ "k:x": "2" })).await?.expect_status(200)?;
    assert_eq!(put.body, json!({ "k:x": "2" }));
    assert_eq!(client.get(&item("k:x")).await?.body, json!({ "k:x": "2" }));
    assert_eq!(client.put(&item("k:x"), json!({ "other": "2" })).await?.status, 400);
    client.delete(&item("k:x")).await?.expect_status(202)?;
    assert_eq!(client.delete(&item("k:x")).await?.status, 404);
    assert_eq!(client.get(&item("k:x")).await?.status, 404);
    let all = client.get(&specs).await?.body;
    assert_eq!(all, json!({ "extra_specs": { "vendor_name": "Open Source" } }));
    assert_eq!(client.with_roles("member").get(&specs).await?.body, json!({ "extra_specs": {} }));
    assert_eq!(set(json!({ "k": 1 })).await?.status, 400);
    assert_eq!(client.post(&specs, json!({})).await?.status, 400);

    let volume = client.create_volume(json!({ "size": 1, "volume_type": "gold" })).await?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(set(json!({ "k": "v" })).await?.status, 400, "there is a volume of it");
    assert_eq!(client.delete(&item("vendor_name")).await?.status, 400);
    cluster.finish(&[]).await
}
