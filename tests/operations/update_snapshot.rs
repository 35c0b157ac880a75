//! What must hold of `update_snapshot`.

use harness::ClusterBuilder;
use serde_json::{Value, json};

#[tokio::test]
async fn name_description_and_metadata_change_and_absent_ones_stay() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(2).await?;
    let body =
        json!({ "snapshot": { "volume_id": volume, "name": "before", "metadata": { "a": "1" } } });
    let created = client.post("/snapshots", body).await?.expect_status(202)?;
    let path =
        format!("/snapshots/{}", created.body["snapshot"]["id"].as_str().unwrap_or_default());
    client.wait_until(&path, "snapshot", "available").await?;
    let body = json!({ "snapshot": { "display_name": "after", "description": "d" } });
    let answer = client.put(&path, body).await?.expect_status(200)?;
    assert_eq!(
        (&answer.body["snapshot"]["name"], &answer.body["snapshot"]["description"]),
        (&json!("after"), &json!("d"))
    );
    client
        .post(&format!("{path}/metadata"), json!({ "metadata": { "b": "2" } }))
        .await?
        .expect_status(200)?;
    client.delete(&format!("{path}/metadata/a")).await?.expect_status(200)?;
    assert_eq!(client.delete(&format!("{path}/metadata/a")).await?.status, 404);
    client
        .put(&format!("{path}/metadata/c"), json!({ "meta": { "c": "3" } }))
        .await?
        .expect_status(200)?;
    assert_eq!(
        client.get(&format!("{path}/metadata/c")).await?.body,
        json!({ "meta": { "c": "3" } })
    );
    let listed = client.get("/snapshots/detail?name=after").await?.body;
    assert_eq!(listed["snapshots"][0]["metadata"], json!({ "b": "2", "c": "3" }));
    client.put(&format!("{path}/metadata"), json!({ "metadata": {} })).await?.expect_status(200)?;
    assert_eq!(client.get(&format!("{path}/metadata")).await?.body, json!({ "metadata": {} }));
    for nothing in [json!({}), json!({ "size": 3 })] {
        assert_eq!(client.put(&path, json!({ "snapshot": nothing })).await?.status, 400);
    }
    let summary = client.get("/snapshots").await?.body["snapshots"][0].clone();
    assert_eq!(summary.get("os-extended-snapshot-attributes:progress"), None::<&Value>);
    cluster.finish(&[]).await
}
