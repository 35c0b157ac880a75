//! What must hold of `update_image_metadata`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn image_metadata_is_set_shown_and_unset() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let set =
        |entries| client.act(&volume, "os-set_image_metadata", json!({ "metadata": entries }));
    let unset = |key: &str| client.act(&volume, "os-unset_image_metadata", json!({ "key": key }));
    let shown = || async {
        anyhow::Ok(client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone())
    };
    assert!(shown().await?.get("volume_image_metadata").is_none());
    set(json!({ "os": "linux", "arch": "x" })).await?.expect_status(200)?;
    let merged = set(json!({ "arch": "y" })).await?.expect_status(200)?;
    assert_eq!(merged.body, json!({ "metadata": { "os": "linux", "arch": "y" } }));
    assert_eq!(shown().await?["volume_image_metadata"], json!({ "os": "linux", "arch": "y" }));
    let reader = client.with_roles("reader");
    let read =
        reader.act(&volume, "os-show_image_metadata", json!(null)).await?.expect_status(200)?;
    assert_eq!(read.body["metadata"]["os"], "linux");
    let written = reader.act(&volume, "os-set_image_metadata", json!({ "metadata": {} })).await?;
    assert_eq!(written.status, 403);

    // the description of an image is longer than what users note
    set(json!({ "description": "d".repeat(10_000) })).await?.expect_status(200)?;
    assert_eq!(set(json!({ "description": "d".repeat(65_536) })).await?.status, 400);
    unset("description").await?.expect_status(200)?;
    unset("os").await?.expect_status(200)?;
    assert_eq!(unset("os").await?.status, 404);
    assert_eq!(unset("").await?.status, 400);
    assert_eq!(set(json!({ "k": 1 })).await?.status, 400);
    assert_eq!(client.act(&volume, "os-set_image_metadata", json!({})).await?.status, 400);
    assert_eq!(shown().await?["volume_image_metadata"], json!({ "arch": "y" }));
    cluster.finish(&[]).await
}
