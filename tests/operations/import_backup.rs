//! What must hold of `import_backup`.

use crate::stored::{Disk, objects};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{ClusterBuilder, until};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

const IMPORT: &str = "/backups/import_record";

#[tokio::test]
async fn a_record_makes_a_backup_known_that_is_in_the_store() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    Disk::of(&cluster, "disk", &volume).write(0, b"content")?;
    let backup = client.back_up(json!({ "volume_id": volume, "name": "n" })).await?;
    let count = objects(&cluster)?.len();
    let record = client.record_of_another(&backup).await?;
    let answer = client.post(IMPORT, record.clone()).await?.expect_status(201)?.body;
    let imported = answer["backup"]["id"].as_str().unwrap_or_default();
    let path = format!("/backups/{imported}");
    client.wait_until(&path, "backup", "available").await?;
    let shown = client.get(&path).await?.expect_status(200)?.body;
    assert_eq!((&shown["backup"]["name"], &shown["backup"]["size"]), (&json!("n"), &json!(1)));
    client.post(IMPORT, record).await?.expect_status(400)?;

    // the data are those of both, and go with the last one
    client.delete(&format!("/backups/{backup}")).await?.expect_status(202)?;
    client.wait_until(&format!("/backups/{backup}"), "backup", "deleted").await?;
    assert_eq!(objects(&cluster)?.len(), count);
    let copy =
        client.with_version("volume 3.47").create_volume(json!({ "backup_id": imported })).await?;
    client.wait_for_status(&copy, "available").await?;
    assert_eq!(Disk::of(&cluster, "disk", &copy).read(0, 7)?, b"content");
    client.wait_until(&path, "backup", "available").await?;
    client.delete(&path).await?.expect_status(202)?;
    client.wait_until(&path, "backup", "deleted").await?;
    assert_eq!(objects(&cluster)?.len(), 0);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_record_is_not_believed() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client();
    let record = |container: &str, prefix: &str| {
        json!({
            "id": Uuid::new_v4(), "volume_id": Uuid::new_v4(), "size": 1, "container": container,
            "service_metadata": prefix, "object_count": 1, "display_name": null, "display_description": null,
        })
    };
    let import = async |text: String| {
        let url = STANDARD.encode(text);
        let body = json!({ "backup-record": { "backup_service": "any", "backup_url": url } });
        client.post(IMPORT, body).await
    };
    for nonsense in ["", "{}", "[]", "no JSON", r#"{"id": 1}"#] {
        assert_eq!(import(nonsense.to_owned()).await?.status, 400, "{nonsense}");
    }
    let mut nul = record("c", "p");
    nul["display_name"] = json!("\0");
    assert_eq!(import(nul.to_string()).await?.status, 400);

    let outside = cluster.directory().join("outside");
    std::fs::create_dir(&outside)?;
    std::fs::write(outside.join("p_metadata"), "{}")?;
    for (container, prefix) in
        [("../outside", "p"), ("aa/bb/cc", "nothing"), ("..", "outside/p"), ("/", "etc/passwd")]
    {
        let answer = import(record(container, prefix).to_string()).await?.expect_status(201)?.body;
        let id: &Value = &answer["backup"]["id"];
        let path = format!("/backups/{}", id.as_str().unwrap_or_default());
        client.wait_until(&path, "backup", "error").await?;
        // and removing it removes nothing else
        client.delete(&path).await?.expect_status(202)?;
        until("it was tried", Duration::from_secs(10), || async {
            let shown = client.get(&path).await;
            shown.is_ok_and(|shown| {
                shown.status == 404 || shown.body["backup"]["status"] == "error_deleting"
            })
        })
        .await?;
    }
    assert!(outside.join("p_metadata").exists());
    cluster.finish(&["failed"]).await
}
