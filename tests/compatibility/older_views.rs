//! What older clients look at first: hosts, extensions and resource filters.

use harness::ClusterBuilder;
use serde_json::{Value, json};

#[tokio::test]
async fn hosts_are_listed_counted_disabled_and_enabled() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(3).await?;
    client.create_snapshot(&volume).await?;
    let hosts = client.get("/os-hosts").await?.expect_status(200)?.body["hosts"].clone();
    let of_backend = |hosts: &Value| {
        let hosts = hosts.as_array().cloned().unwrap_or_default();
        hosts.into_iter().find(|host| host["host_name"] == "host@a").unwrap_or_default()
    };
    let host = of_backend(&hosts);
    assert_eq!(
        (&host["service"], &host["service-status"]),
        (&json!("cinder-volume"), &json!("available"))
    );
    let counted = client.get("/os-hosts/host@a").await?.expect_status(200)?.body["host"].clone();
    let resource = |project: &str| {
        json!({ "resource": {
        "host": "host@a", "project": project, "volume_count": "1", "total_volume_gb": "3",
        "snapshot_count": "1", "total_snapshot_gb": "3" } })
    };
    assert_eq!(counted, json!([resource("(total)"), resource(harness::PROJECT)]));
    let disable = client.put("/os-hosts/host@a", json!({ "status": "disable" })).await?;
    assert_eq!(disable.expect_status(200)?.body, json!({ "host": "host@a", "status": "disabled" }));
    assert_eq!(client.post("/volumes", json!({ "volume": { "size": 1 } })).await?.status, 400);
    // a disabled one is shown, as one
    let hosts = client.get("/os-hosts?zone=nova").await?.body["hosts"].clone();
    assert_eq!(of_backend(&hosts)["service-state"], "disabled");
    client.put("/os-hosts/host@a", json!({ "status": "enable" })).await?.expect_status(200)?;
    assert_eq!(client.put("/os-hosts/host@a", json!({ "status": "x" })).await?.status, 400);
    assert_eq!(client.get("/os-hosts/unknown").await?.status, 404);
    assert_eq!(client.with_roles("member").get("/os-hosts").await?.status, 403);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn extensions_and_filters_say_what_there_is() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client().with_roles("reader");
    let all = client.get("/extensions").await?.expect_status(200)?.body["extensions"].clone();
    let aliases: Vec<&str> =
        all.as_array().into_iter().flatten().filter_map(|one| one["alias"].as_str()).collect();
    assert!(aliases.contains(&"os-volume-type-access") && !aliases.contains(&"backups"));
    let one = client.get("/extensions/qos-specs").await?.expect_status(200)?.body;
    assert_eq!(one["extension"]["alias"], "qos-specs");
    assert_eq!(client.get("/extensions/backups").await?.status, 404);

    let filters = client.get("/resource_filters?resource=attachment").await?.expect_status(200)?;
    let expected = json!([{ "resource": "attachment",
                            "filters": ["volume_id", "status", "attach_status", "instance_id"] }]);
    assert_eq!(filters.body["resource_filters"], expected);
    assert_eq!(client.with_version("volume 3.32").get("/resource_filters").await?.status, 404);
    // each of them is taken
    let all = client.get("/resource_filters").await?.body["resource_filters"].clone();
    for (resource, path) in
        [("volume", "/volumes"), ("snapshot", "/snapshots"), ("message", "/messages")]
    {
        let listed = all.as_array().into_iter().flatten().find(|one| one["resource"] == resource);
        for name in listed.and_then(|one| one["filters"].as_array()).into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            let value = match name {
                "metadata" => "{}",
                "bootable" | "consumes_quota" => "true",
                "size" => "1",
                "created_at" | "updated_at" => "gt:2026-01-01T00:00:00",
                _ => "x",
            };
            let answer = client.get(&format!("{path}?{name}={value}")).await?;
            assert_eq!(answer.status, 200, "{path} by {name}: {}", answer.body);
        }
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn hints_put_volumes_together_or_apart_and_pools_are_found_by_type() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    let client = cluster.client();
    let first = client.available_volume(1).await?;
    let place = client.host_of(&first).await?;
    for (hint, together) in [("same_host", true), ("different_host", false)] {
        let hints = json!({ hint: [first] });
        let body = json!({ "volume": { "size": 1 }, "OS-SCH-HNT:scheduler_hints": hints });
        let made = client.post("/volumes", body).await?.expect_status(202)?.body;
        let id = made["volume"]["id"].as_str().unwrap_or_default().to_owned();
        client.wait_for_status(&id, "available").await?;
        assert_eq!(client.host_of(&id).await? == place, together, "{hint}");
    }
    let impossible = json!({ "same_host": first, "different_host": first });
    let body = json!({ "volume": { "size": 1 }, "OS-SCH-HNT:scheduler_hints": impossible });
    let refused = client.post("/volumes", body).await?.expect_status(400)?;
    assert!(refused.fault().contains("1 without the volumes of same_host"), "{}", refused.body);
    assert!(refused.fault().contains("1 with a volume of different_host"), "{}", refused.body);
    let malformed = json!({ "same_host": "here" });
    let body = json!({ "volume": { "size": 1 }, "OS-SCH-HNT:scheduler_hints": malformed });
    assert_eq!(client.post("/volumes", body).await?.status, 400);

    let specs = json!({ "extra_specs": { "volume_backend_name": "b" } });
    client.create_volume_type("on-b", specs).await?;
    let pools = client.get("/scheduler-stats/get_pools?volume_type=on-b").await?.body;
    assert_eq!(pools["pools"], json!([{ "name": "host@b#b" }]));
    cluster.finish(&[]).await
}
