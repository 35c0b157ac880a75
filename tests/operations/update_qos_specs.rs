//! What must hold of `update_qos_specs`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn keys_come_and_go_together() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_qos_specs("q").await?;
    let path = format!("/qos-specs/{id}");
    let change = json!({ "qos_specs": { "a": "1", "b": "2", "consumer": "both" } });
    let answer = client.put(&path, change.clone()).await?.expect_status(200)?;
    assert_eq!(answer.body, change);
    let shown = client.get(&path).await?.body["qos_specs"].clone();
    assert_eq!(shown["specs"], json!({ "a": "1", "b": "2" }));
    assert_eq!(shown["consumer"], "both");
    // all of them or none
    let keys = |keys: &[&str]| json!({ "keys": keys });
    let remove = format!("{path}/delete_keys");
    assert_eq!(client.put(&remove, keys(&["a", "c"])).await?.status, 404);
    assert_eq!(client.get(&path).await?.body["qos_specs"]["specs"], json!({ "a": "1", "b": "2" }));
    client.put(&remove, keys(&["a"])).await?.expect_status(202)?;
    assert_eq!(client.get(&path).await?.body["qos_specs"]["specs"], json!({ "b": "2" }));
    for wrong in [json!({}), json!({ "keys": "a" }), json!({ "keys": [1] })] {
        assert_eq!(client.put(&remove, wrong.clone()).await?.status, 400, "{wrong}");
    }
    cluster.finish(&[]).await
}
