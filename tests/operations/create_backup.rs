//! What must hold of `create_backup`.

use crate::stored::{Disk, objects};
use harness::{ClusterBuilder, PROJECT, until};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn volumes_and_snapshots_are_backed_up_in_full_and_by_what_has_changed() -> anyhow::Result<()>
{
    let cluster = ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client().with_version("volume 3.64");
    let volume = client.available_volume(1).await?;
    let disk = Disk::of(&cluster, "disk", &volume);
    disk.write(0, b"first")?;

    let full = client
        .back_up(json!({ "volume_id": volume, "name": "f", "metadata": { "k": "v" } }))
        .await?;
    let shown = client.get(&format!("/backups/{full}")).await?.expect_status(200)?.body;
    let shown = &shown["backup"];
    assert_eq!(shown["size"], 1);
    assert_eq!((&shown["name"], &shown["metadata"]), (&json!("f"), &json!({ "k": "v" })));
    assert_eq!(shown["is_incremental"], false);
    assert_eq!(shown["has_dependent_backups"], false);
    assert_eq!((&shown["snapshot_id"], &shown["fail_reason"]), (&json!(null), &json!(null)));
    let count = shown["object_count"].as_u64().unwrap_or_default();
    assert!(count > 1, "{shown}");
    // the data, their description and their hashes
    assert_eq!(objects(&cluster)?.len() as u64, count + 2);
    client.wait_for_status(&volume, "available").await?;

    disk.write(600 << 20, b"second")?;
    let snapshot = client.create_snapshot(&volume).await?;
    disk.write(600 << 20, b"thirds")?;
    let before = objects(&cluster)?.len();
    let of_snapshot = client
        .back_up(json!({ "volume_id": volume, "snapshot_id": snapshot, "incremental": true }))
        .await?;
    let shown = client.get(&format!("/backups/{of_snapshot}")).await?.expect_status(200)?.body;
    assert_eq!(shown["backup"]["is_incremental"], true);
    assert_eq!(shown["backup"]["object_count"], 1);
    assert_eq!(shown["backup"]["snapshot_id"], json!(snapshot));
    assert_eq!(objects(&cluster)?.len(), before + 3);
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    let shown = client.get(&format!("/backups/{full}")).await?.expect_status(200)?.body;
    assert_eq!(shown["backup"]["has_dependent_backups"], true);

    let listed = client.get("/backups/detail?status=available&sort=created_at:asc").await?.body;
    let ids: Vec<_> =
        listed["backups"].as_array().into_iter().flatten().map(|b| &b["id"]).collect();
    assert_eq!(ids, [&json!(full), &json!(of_snapshot)]);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_in_use_is_backed_up_as_it_was_at_one_moment() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    Disk::of(&cluster, "disk", &volume).write(4096, b"in use")?;
    let attachment = client.attach(&volume, "server-1").await?;
    let asked = json!({ "backup": { "volume_id": volume } });
    let refused = client.post("/backups", asked).await?.expect_status(400)?;
    assert!(refused.fault().contains("force"), "{}", refused.body);

    let backup = client.back_up(json!({ "volume_id": volume, "force": true })).await?;
    client.wait_for_status(&volume, "in-use").await?;
    let directory = cluster.directory().join("disk/snapshots");
    assert_eq!(std::fs::read_dir(directory)?.count(), 0, "what was made for the backup is gone");
    // detaching is not held up by a backup, and what it comes to is seen when that has ended
    let asked = json!({ "backup": { "volume_id": volume, "force": true } });
    client.post("/backups", asked).await?.expect_status(202)?;
    client.delete(&format!("/attachments/{attachment}")).await?.expect_status(200)?;
    client.wait_for_status(&volume, "available").await?;

    let copy =
        client.with_version("volume 3.47").create_volume(json!({ "backup_id": backup })).await?;
    client.wait_for_status(&copy, "available").await?;
    assert_eq!(Disk::of(&cluster, "disk", &copy).read(4096, 6)?, b"in use");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_cannot_be_backed_up_is_refused_and_leaves_nothing() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let (volume, other) = (client.available_volume(1).await?, client.available_volume(1).await?);
    let foreign = client.create_snapshot(&other).await?;
    for (asked, status) in [
        (json!({}), 400),
        (json!({ "volume_id": "x" }), 400),
        (json!({ "volume_id": foreign }), 404),
        (json!({ "volume_id": volume, "snapshot_id": foreign }), 400),
        (json!({ "volume_id": volume, "incremental": true }), 400),
        (json!({ "volume_id": volume, "incremental": "perhaps" }), 400),
        (json!({ "volume_id": volume, "container": "../elsewhere" }), 400),
        (json!({ "volume_id": volume, "container": ".." }), 400),
        (json!({ "volume_id": volume, "something": 1 }), 400),
    ] {
        let answer = client.post("/backups", json!({ "backup": asked })).await?;
        assert_eq!(answer.status, status, "{asked}: {}", answer.body);
    }
    client
        .put(&format!("/os-quota-sets/{PROJECT}"), json!({ "quota_set": { "backups": 0 } }))
        .await?
        .expect_status(200)?;
    let asked = json!({ "backup": { "volume_id": volume } });
    client.post("/backups", asked.clone()).await?.expect_status(413)?;
    let listed = client.get("/backups").await?.expect_status(200)?.body;
    assert_eq!(listed["backups"], json!([]));
    assert_eq!(objects(&cluster)?.len(), 0);
    client.wait_for_status(&volume, "available").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn without_a_backup_service_that_is_up_nothing_is_begun() -> anyhow::Result<()> {
    let mut cluster =
        ClusterBuilder::for_test().await?.file("disk").backup_services(1).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    cluster.backup_services[0].process.terminate(Duration::from_secs(10))?;
    let asked = json!({ "backup": { "volume_id": volume } });
    let answer = client.post("/backups", asked.clone()).await?.expect_status(503)?;
    assert!(answer.fault().contains("No backup service is up"), "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after"));
    client.wait_for_status(&volume, "available").await?;
    let services = client.get("/os-services?binary=cinder-backup").await?.expect_status(200)?.body;
    assert_eq!(services["services"][0]["state"], "down");

    cluster.backup_services.clear();
    cluster.add_backup_service(&[]).await?;
    until("it reaches the backend", Duration::from_secs(10), || async {
        client.post("/backups", asked.clone()).await.is_ok_and(|answer| answer.status == 202)
    })
    .await?;
    client.wait_for_status(&volume, "available").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_backup_that_fails_says_why_and_the_volume_is_as_before() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.backup_services(1).start().await?;
    let client = cluster.client();
    let metadata = json!({ "fake:fail": "read_content" });
    let volume = client.create_volume(json!({ "size": 1, "metadata": metadata })).await?;
    client.wait_for_status(&volume, "available").await?;
    let asked = json!({ "backup": { "volume_id": volume } });
    let answer = client.post("/backups", asked).await?.expect_status(202)?.body;
    let path = format!("/backups/{}", answer["backup"]["id"].as_str().unwrap_or_default());
    client.wait_until(&path, "backup", "error").await?;
    let shown = client.get(&path).await?.expect_status(200)?.body;
    let reason = shown["backup"]["fail_reason"].as_str().unwrap_or_default();
    assert!(reason.contains("fake:fail says so"), "{shown}");
    client.wait_for_status(&volume, "available").await?;
    let messages = client.get("/messages").await?.expect_status(200)?.body;
    assert_eq!(messages["messages"][0]["resource_type"], "VOLUME_BACKUP");
    client.delete(&path).await?.expect_status(202)?;
    client.wait_until(&path, "backup", "deleted").await?;
    cluster.finish(&["fails because fake:fail says so"]).await
}
