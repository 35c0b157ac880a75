//! What clients are told of backends: pools, capabilities, zones; and of many volumes at once.

use harness::{BackendSpec, ClusterBuilder};
use serde_json::json;

#[tokio::test]
async fn pools_are_those_that_take_something_new() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let client = cluster.client();
    client.available_volume(5).await?;
    let pools =
        client.get("/scheduler-stats/get_pools?detail=true").await?.expect_status(200)?.body;
    let pools = pools["pools"].as_array().cloned().unwrap_or_default();
    assert_eq!(pools.len(), 2);
    let allocated: f64 = pools
        .iter()
        .filter_map(|pool| pool["capabilities"]["allocated_capacity_gb"].as_f64())
        .sum();
    assert!((allocated - 5.0).abs() < 0.1, "{pools:?}");
    let named = client.get("/scheduler-stats/get_pools?name=host@b%23b").await?.body;
    assert_eq!(named, json!({ "pools": [{ "name": "host@b#b" }] }));
    assert_eq!(client.get("/scheduler-stats/get_pools?what=1").await?.status, 400);
    client.operate("freeze", "host@b").await?.expect_status(200)?;
    let left = client.get("/scheduler-stats/get_pools").await?.body;
    assert_eq!(left, json!({ "pools": [{ "name": "host@a#a" }] }));
    assert_eq!(client.with_roles("member").get("/scheduler-stats/get_pools").await?.status, 403);

    let capabilities = client.get("/capabilities/host@b").await?.expect_status(200)?.body;
    assert_eq!(capabilities["namespace"], "OS::Storage::Capabilities::host@b");
    assert_eq!(capabilities["replication_targets"], json!([]));
    assert_eq!(client.get("/capabilities/nobody@b").await?.status, 404);
    client.operate("thaw", "host@b").await?.expect_status(200)?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn replication_and_vendor_are_among_what_a_pool_says() -> anyhow::Result<()> {
    let settings = "vendor_name = 'Acme'\n[[backends.a.replication_device]]\nbackend_id = 'b'\n";
    let backend = BackendSpec { name: "a".to_owned(), driver: "fake", settings: settings.into() };
    let cluster = ClusterBuilder::for_test().await?.backend(backend).start().await?;
    let client = cluster.client();
    let pools = client.get("/scheduler-stats/get_pools?detail=true").await?.body;
    let pool = &pools["pools"][0]["capabilities"];
    assert_eq!(
        (&pool["replication_enabled"], &pool["vendor_name"]),
        (&json!(true), &json!("Acme"))
    );
    assert_eq!(pool["replication_targets"], json!(["b"]));
    let capabilities = client.get("/capabilities/host@a").await?.body;
    assert_eq!(capabilities["replication_targets"], json!(["b"]));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_zone_is_available_while_a_backend_of_it_is_enabled() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let zones = |available| json!({ "availabilityZoneInfo": [{ "zoneName": "nova", "zoneState": { "available": available } }] });
    let reader = client.with_roles("reader");
    assert_eq!(reader.get("/os-availability-zone").await?.body, zones(true));
    client.operate("disable", "host@a").await?.expect_status(200)?;
    assert_eq!(reader.get("/os-availability-zone").await?.body, zones(false));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_summary_counts_what_the_caller_may_see() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    for (size, tier) in [(1, "gold"), (2, "gold"), (3, "silver")] {
        let id =
            client.create_volume(json!({ "size": size, "metadata": { "tier": tier } })).await?;
        client.wait_for_status(&id, "available").await?;
    }
    let other = client.in_project("other");
    let id = other.create_volume(json!({ "size": 9 })).await?;
    other.wait_for_status(&id, "available").await?;
    let summary = client.get("/volumes/summary").await?.expect_status(200)?.body;
    let expected = json!({ "volume-summary": {
        "total_count": 3, "total_size": 6, "metadata": { "tier": ["gold", "silver"] },
    }});
    assert_eq!(summary, expected);
    let all = client.get("/volumes/summary?all_tenants=1").await?.body;
    assert_eq!(all["volume-summary"]["total_size"], 15);
    let older = client.with_version("volume 3.35").get("/volumes/summary").await?.body;
    assert_eq!(older, json!({ "volume-summary": { "total_count": 3, "total_size": 6 } }));
    // before there was a summary, this was the address of a volume
    assert_eq!(client.with_version("volume 3.11").get("/volumes/summary").await?.status, 404);
    cluster.finish(&[]).await
}
