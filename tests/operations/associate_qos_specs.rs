//! What must hold of `associate_qos_specs`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn servers_are_told_what_to_keep_to() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_qos_specs("q").await?;
    let limits = json!({ "qos_specs": { "total_iops_sec_per_gb": "100", "read_iops_sec": "50" } });
    client.put(&format!("/qos-specs/{id}"), limits).await?.expect_status(200)?;
    let volume_type = client.create_volume_type("t", json!({})).await?;
    let associate = format!("/qos-specs/{id}/associate?vol_type_id={volume_type}");
    client.get(&associate).await?.expect_status(202)?;
    // once more is fine, another one is not
    client.get(&associate).await?.expect_status(202)?;
    let other = client.create_qos_specs("other").await?;
    let elsewhere = format!("/qos-specs/{other}/associate?vol_type_id={volume_type}");
    assert_eq!(client.get(&elsewhere).await?.status, 400);
    assert_eq!(client.get(&format!("/qos-specs/{id}/associate")).await?.status, 400);
    let nothing = uuid::Uuid::new_v4();
    let unknown = format!("/qos-specs/{id}/associate?vol_type_id={nothing}");
    assert_eq!(client.get(&unknown).await?.status, 404);
    let associations = client.get(&format!("/qos-specs/{id}/associations")).await?.body;
    let expected = json!([{ "association_type": "volume_type", "name": "t", "id": volume_type }]);
    assert_eq!(associations["qos_associations"], expected);

    let volume = client.create_volume(json!({ "size": 3, "volume_type": "t" })).await?;
    client.wait_for_status(&volume, "available").await?;
    client.attach(&volume, "server-1").await?;
    let told = client.connection_info(&volume).await?["qos_specs"].clone();
    assert_eq!(told, json!({ "total_iops_sec": "300", "read_iops_sec": "50" }));
    // while a server keeps to it, the volume gets no type with another one
    client.create_volume_type("without", json!({})).await?;
    let retype = json!({ "new_type": "without" });
    let refused = client.act(&volume, "os-retype", retype).await?.expect_status(400)?;
    assert!(refused.fault().contains("front-end QoS specs"), "{}", refused.body);
    client.detach(&volume).await?;
    let info = client.attach_through_actions(&volume, "server-1").await?;
    assert_eq!(info["data"]["qos_specs"], told);
    cluster.finish(&[]).await
}
