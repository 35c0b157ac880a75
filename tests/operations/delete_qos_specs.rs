//! What must hold of `delete_qos_specs`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn one_that_a_type_has_stays_unless_it_is_forced() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_qos_specs("q").await?;
    let volume_type = client.create_volume_type("t", json!({})).await?;
    let path = format!("/qos-specs/{id}");
    let associate = format!("{path}/associate?vol_type_id={volume_type}");
    client.get(&associate).await?.expect_status(202)?;
    let refused = client.delete(&path).await?.expect_status(400)?;
    assert!(refused.fault().contains("still in use"), "{}", refused.body);
    client.delete(&format!("{path}?force=True")).await?.expect_status(202)?;
    assert_eq!(client.get(&path).await?.status, 404);
    let shown = client.get(&format!("/types/{volume_type}")).await?.body;
    assert_eq!(shown["volume_type"]["qos_specs_id"], json!(null));
    cluster.finish(&[]).await
}
