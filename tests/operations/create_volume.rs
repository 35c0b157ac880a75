//! What must hold of `create_volume`.

use harness::{ClusterBuilder, until};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_created_volume_is_shown_at_once_and_becomes_available() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let body = json!({ "volume": {
        "size": "2", "name": " disk ", "description": "d", "metadata": { "k": "v" },
        "availability_zone": "nova", "volume_type": "__DEFAULT__",
    } });
    let created = client.post("/volumes", body).await?.expect_status(202)?;
    let volume = &created.body["volume"];
    assert_eq!(volume["status"], "creating");
    assert_eq!((&volume["size"], &volume["name"]), (&json!(2), &json!("disk")));
    assert!(volume.get("os-vol-host-attr:host").is_none());

    let id = volume["id"].as_str().unwrap_or_default();
    client.wait_for_status(id, "available").await?;
    let shown = client.get(&format!("/volumes/{id}")).await?.expect_status(200)?;
    let shown = &shown.body["volume"];
    assert_eq!(shown["os-vol-host-attr:host"], "host@a#a");
    assert_eq!(shown["metadata"], json!({ "k": "v" }));
    assert_eq!(shown["bootable"], "false");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_that_the_driver_cannot_make_counts_until_it_is_deleted() -> anyhow::Result<()> {
    let settings = "[quota]\nvolumes = 1\ngigabytes = 5\n";
    let cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    let client = cluster.client();
    let failing = json!({ "size": 5, "metadata": { "fake:fail": "create_volume" } });
    let id = client.create_volume(failing).await?;
    client.wait_for_status(&id, "error").await?;
    assert_eq!(client.post("/volumes", json!({ "volume": { "size": 1 } })).await?.status, 413);
    client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
    client.wait_for_status(&id, "deleted").await?;
    let id = client.create_volume(json!({ "size": 5 })).await?;
    client.wait_for_status(&id, "available").await?;
    cluster.finish(&["create_volume fails because"]).await
}

#[tokio::test]
async fn without_an_admissible_backend_the_reasons_are_counted_and_no_row_is_left()
-> anyhow::Result<()> {
    let small = harness::BackendSpec {
        name: "small".to_owned(),
        driver: "fake",
        settings: "max_over_subscription_ratio = 1.0\nfake.capacity_gb = 1.0".to_owned(),
    };
    let cluster =
        ClusterBuilder::for_test().await?.fake("a").fake("b").backend(small).start().await?;
    let client = cluster.client();
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    client.operate("disable", &cluster.host("b")).await?.expect_status(200)?;

    let refused = client.post("/volumes", json!({ "volume": { "size": 2 } })).await?;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.fault(),
        "No valid backend was found: 3 backends: 1 frozen, 1 disabled, 1 with insufficient capacity."
    );
    let elsewhere = json!({ "volume": { "size": 1, "availability_zone": "mars" } });
    let refused = client.post("/volumes", elsewhere).await?;
    assert!(refused.fault().contains("1 in another availability zone"), "{}", refused.fault());

    let rows = cluster.database().await?.query_one("select count(*) from volumes", &[]).await?;
    assert_eq!(rows.get::<_, i64>(0), 0);
    let log = cluster.database().await?;
    let log =
        log.query_one("select count(*) from operations where kind = 'create_volume'", &[]).await?;
    assert_eq!(log.get::<_, i64>(0), 0);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_quota_is_kept_and_the_answer_is_cinders() -> anyhow::Result<()> {
    let settings = "[quota]\nvolumes = 2\ngigabytes = 10\n";
    let cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    let client = cluster.client();
    let first = client.create_volume(json!({ "size": 8 })).await?;
    client.wait_for_status(&first, "available").await?;

    let refused = client.post("/volumes", json!({ "volume": { "size": 3 } })).await?;
    assert_eq!(refused.status, 413);
    assert_eq!(refused.body["overLimit"]["code"], 413);
    assert!(
        refused.fault().contains("quota is 10G and 8G has been consumed"),
        "{}",
        refused.fault()
    );
    assert_eq!(refused.headers["retry-after"], "0");

    let second = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&second, "available").await?;
    let refused = client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
    assert_eq!(refused.status, 413);
    assert!(
        refused.fault().contains("Maximum number of volumes allowed (2)"),
        "{}",
        refused.fault()
    );

    // another project has its own
    client.in_project("other").create_volume(json!({ "size": 10 })).await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn volumes_spread_over_the_backends_by_free_room() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let client = cluster.client();
    let mut hosts = Vec::new();
    for _ in 0..4 {
        let id = client.create_volume(json!({ "size": 10 })).await?;
        client.wait_for_status(&id, "available").await?;
        hosts.push(client.host_of(&id).await?);
    }
    assert_eq!(hosts, ["host@a", "host@b", "host@a", "host@b"]);
    cluster.finish(&[]).await
}

/// The scheduler's copy of the backends is not refreshed here, and so knows only what reports bring about.
#[tokio::test]
async fn a_backend_takes_volumes_as_soon_as_it_reports() -> anyhow::Result<()> {
    let builder = ClusterBuilder::for_test().await?.fake("a").fake("b").schedulers(0).workers(0);
    let mut cluster = builder.start().await?;
    let client = cluster.client();
    let never_refreshed = [("FAILPOINTS", "scheduler.refresh=return")];
    let hosts = ["host@a", "host@b"];
    // at first it knows no backend, and then two that are down
    for _ in 0..2 {
        cluster.schedulers.clear();
        cluster.add_scheduler(&never_refreshed).await?;
        cluster.add_worker(&[]).await?;
        cluster.wait_until_placeable(&hosts).await?;
        for host in hosts {
            let id = client.available_volume(10).await?;
            assert_eq!(client.host_of(&id).await?, host);
        }
        cluster.workers.clear();
        until("both backends are down", Duration::from_secs(10), || async {
            let listed = client.get("/os-services?binary=cinder-volume").await;
            let listed = listed.map(|listed| listed.body["services"].clone()).unwrap_or_default();
            let is_down = |service: &Value| service["backend_state"] == "down";
            listed.as_array().is_some_and(|services| services.iter().all(is_down))
        })
        .await?;
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn volumes_are_made_from_snapshots_and_other_volumes() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").fake("other").start().await?;
    let client = cluster.client();
    client.operate("disable", &cluster.host("other")).await?.expect_status(200)?;
    let source = client.available_volume(2).await?;
    client.operate("enable", &cluster.host("other")).await?.expect_status(200)?;
    let snapshot = client.create_snapshot(&source).await?;
    let refused = client
        .post("/volumes", json!({ "volume": { "size": 1, "snapshot_id": snapshot } }))
        .await?;
    assert_eq!(refused.status, 400);
    for (body, size) in [
        (json!({ "snapshot_id": snapshot }), 2),
        (json!({ "snapshot_id": snapshot, "size": 3 }), 3),
        (json!({ "source_volid": source }), 2),
        (json!({ "source_volid": source, "size": 4 }), 4),
    ] {
        let id = client.create_volume(body.clone()).await?;
        client.wait_for_status(&id, "available").await?;
        let made = client.get(&format!("/volumes/{id}")).await?.body["volume"].clone();
        assert_eq!(made["size"], size, "{body}");
        // where its source is, however much room there is elsewhere
        assert_eq!(made["os-vol-host-attr:host"], "host@disk#disk", "{body}");
        for source in ["snapshot_id", "source_volid"] {
            assert_eq!(made[source], body[source], "{body}");
        }
    }
    let both = json!({ "volume": { "snapshot_id": snapshot, "source_volid": source } });
    assert_eq!(client.post("/volumes", both).await?.status, 400);
    cluster.finish(&[]).await
}
