//! What must hold of `update_backup`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_backup_gets_another_name_description_and_metadata() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client().with_version("volume 3.64");
    let volume = client.available_volume(1).await?;
    let backup = client.create_backup(&volume).await?;
    let path = format!("/backups/{backup}");
    let change = json!({ "backup": { "name": "n", "description": "d", "metadata": { "k": "v" } } });
    let answer = client.put(&path, change.clone()).await?.expect_status(200)?.body;
    assert_eq!((&answer["backup"]["id"], &answer["backup"]["name"]), (&json!(backup), &json!("n")));
    let shown = client.get(&path).await?.expect_status(200)?.body;
    assert_eq!(shown["backup"]["description"], "d");
    assert_eq!(shown["backup"]["metadata"], json!({ "k": "v" }));
    client.put(&path, json!({ "backup": {} })).await?.expect_status(400)?;
    client.put(&path, json!({ "backup": { "size": 2 } })).await?.expect_status(400)?;
    client.with_version("volume 3.8").put(&path, change).await?.expect_status(404)?;
    cluster.finish(&[]).await
}
