//! What must hold of `disassociate_qos_specs`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn it_is_taken_from_one_type_or_from_all() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_qos_specs("q").await?;
    let path = format!("/qos-specs/{id}");
    let mut types = Vec::new();
    for name in ["a", "b", "c"] {
        let volume_type = client.create_volume_type(name, json!({})).await?;
        let associate = format!("{path}/associate?vol_type_id={volume_type}");
        client.get(&associate).await?.expect_status(202)?;
        types.push(volume_type);
    }
    let other = client.create_qos_specs("other").await?;
    let not_this = format!("/qos-specs/{other}/disassociate?vol_type_id={}", types[0]);
    assert_eq!(client.get(&not_this).await?.status, 400);
    let one = format!("{path}/disassociate?vol_type_id={}", types[0]);
    client.get(&one).await?.expect_status(202)?;
    let left = client.get(&format!("{path}/associations")).await?.body;
    assert_eq!(left["qos_associations"].as_array().map(Vec::len), Some(2));
    client.get(&format!("{path}/disassociate_all")).await?.expect_status(202)?;
    let left = client.get(&format!("{path}/associations")).await?.body;
    assert_eq!(left["qos_associations"], json!([]));
    cluster.finish(&[]).await
}
