//! What must hold of `manage_snapshot`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_file_becomes_a_snapshot_that_volumes_are_made_from() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let snapshots = cluster.directory().join("disk/snapshots");
    for (name, size) in [("old.snap", 1_u64 << 30), ("large.snap", 2 << 30)] {
        std::fs::File::create(snapshots.join(name))?.set_len(size)?;
    }
    let path = snapshots.join("old.snap").display().to_string();
    assert!(harness::qemu_io(&path, &["write -P 0x44 0 1M"])?);
    let listed = client.get("/os-snapshot-manage/detail?host=host@disk&sort=reference:asc").await?;
    let listed = listed.expect_status(200)?.body["manageable-snapshots"].clone();
    assert_eq!(listed[1]["reference"], json!({ "source-name": "old.snap" }));
    assert_eq!(listed[1]["source_reference"], json!({ "source-name": "" }));
    let page = "/manageable_snapshots?host=host@disk&sort=reference:asc&limit=1&marker={'source-name':'large.snap'}";
    let page = client.get(page).await?.expect_status(200)?.body["manageable-snapshots"].clone();
    assert_eq!(page[0]["reference"], listed[1]["reference"]);

    let asked =
        |name: &str| json!({ "snapshot": { "volume_id": volume, "ref": { "source-name": name } } });
    assert_eq!(client.post("/manageable_snapshots", asked("large.snap")).await?.status, 400);
    assert_eq!(client.post("/manageable_snapshots", asked("none")).await?.status, 400);
    let answer =
        client.post("/manageable_snapshots", asked("old.snap")).await?.expect_status(202)?;
    let id = answer.body["snapshot"]["id"].as_str().unwrap_or_default().to_owned();
    client.wait_until(&format!("/snapshots/{id}"), "snapshot", "available").await?;
    let copy = client.create_volume(json!({ "size": 1, "snapshot_id": id })).await?;
    client.wait_for_status(&copy, "available").await?;
    client.access(&copy, &["read -P 0x44 0 1M"]).await?;
    std::fs::remove_file(snapshots.join("large.snap"))?;
    cluster.finish(&[]).await
}
