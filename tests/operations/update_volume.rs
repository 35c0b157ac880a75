//! What must hold of `update_volume`.

use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};

async fn metadata(client: &Client, id: &str) -> anyhow::Result<Value> {
    Ok(client.get(&format!("/volumes/{id}/metadata")).await?.body["metadata"].clone())
}

#[tokio::test]
async fn name_and_description_change_and_absent_ones_stay() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1, "name": "a", "description": "b" })).await?;
    let path = format!("/volumes/{id}");
    let answer =
        client.put(&path, json!({ "volume": { "name": "new" } })).await?.expect_status(200)?;
    assert_eq!(
        (&answer.body["volume"]["name"], &answer.body["volume"]["description"]),
        (&json!("new"), &json!("b"))
    );
    let body = json!({ "volume": { "display_name": null, "display_description": "c" } });
    let answer = client.put(&path, body).await?.expect_status(200)?;
    assert_eq!(
        (&answer.body["volume"]["name"], &answer.body["volume"]["description"]),
        (&json!(null), &json!("c"))
    );
    assert_eq!(client.put(&path, json!({ "volume": {} })).await?.status, 400);
    let older = client.with_version("volume 3.52");
    assert_eq!(older.put(&path, json!({ "volume": {} })).await?.status, 200);
    cluster.finish(&[]).await
}

/// What another operation does not stand against is refused for its own reason.
#[tokio::test]
async fn metadata_changes_while_the_volume_is_being_created() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1500" } });
    let id = client.create_volume(slow).await?;
    let path = format!("/volumes/{id}/metadata");
    client.post(&path, json!({ "metadata": { "b": "2" } })).await?.expect_status(200)?;
    let absent = client.delete(&format!("{path}/absent")).await?;
    assert_eq!(absent.status, 404, "{}", absent.body);
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("creating"));
    client.wait_for_status(&id, "available").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn metadata_is_merged_replaced_and_removed_by_key() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1, "metadata": { "a": "1" } })).await?;
    let path = format!("/volumes/{id}/metadata");
    client.post(&path, json!({ "metadata": { "b": "2" } })).await?.expect_status(200)?;
    assert_eq!(metadata(&client, &id).await?, json!({ "a": "1", "b": "2" }));
    client.delete(&format!("{path}/a")).await?.expect_status(200)?;
    assert_eq!(client.delete(&format!("{path}/a")).await?.status, 404);
    client.put(&format!("{path}/c"), json!({ "meta": { "c": "3" } })).await?.expect_status(200)?;
    assert_eq!(
        client.put(&format!("{path}/c"), json!({ "meta": { "d": "3" } })).await?.status,
        400
    );
    assert_eq!(client.get(&format!("{path}/c")).await?.body, json!({ "meta": { "c": "3" } }));
    assert_eq!(client.get(&format!("{path}/a")).await?.status, 404);
    client.put(&path, json!({ "metadata": { "only": "x" } })).await?.expect_status(200)?;
    assert_eq!(metadata(&client, &id).await?, json!({ "only": "x" }));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn who_read_an_older_version_does_not_overwrite_a_newer_one() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    let path = format!("/volumes/{id}/metadata");
    let seen = client.get(&path).await?.headers["etag"].clone();
    let put = |value: &'static str| {
        let request = client.request(reqwest::Method::PUT, &path).header("If-Match", seen.clone());
        Client::send(request.json(&json!({ "metadata": { "by": value } })))
    };
    assert_eq!(put("first").await?.status, 200);
    assert_eq!(put("second").await?.status, 412);
    assert_eq!(metadata(&client, &id).await?, json!({ "by": "first" }));
    assert!(!client.with_version("volume 3.14").get(&path).await?.headers.contains_key("etag"));
    cluster.finish(&[]).await
}
