//! What must hold of `create_volume_type`, and of volumes made of types.

use harness::cluster::BackendSpec;
use harness::{Cluster, ClusterBuilder};
use serde_json::{Value, json};

fn backend(name: &str, settings: &str) -> BackendSpec {
    BackendSpec { name: name.to_owned(), driver: "fake", settings: settings.to_owned() }
}

async fn cluster_of_two() -> anyhow::Result<Cluster> {
    ClusterBuilder::for_test()
        .await?
        .backend(backend("a", "volume_backend_name = 'gold'\nfake.capacity_gb = 10.0"))
        .backend(backend("b", "volume_backend_name = 'silver'"))
        .start()
        .await
}

#[tokio::test]
async fn a_volume_goes_where_its_type_wants_it() -> anyhow::Result<()> {
    let cluster = cluster_of_two().await?;
    let client = cluster.client();
    for (name, backend) in [("gold", "host@a#a"), ("silver", "host@b#b")] {
        let specs = json!({ "extra_specs": { "volume_backend_name": name } });
        client.create_volume_type(name, specs).await?;
        for _ in 0..3 {
            let id = client.create_volume(json!({ "size": 1, "volume_type": name })).await?;
            client.wait_for_status(&id, "available").await?;
            let volume = client.get(&format!("/volumes/{id}")).await?.body["volume"].clone();
            assert_eq!(volume["os-vol-host-attr:host"], backend);
            assert_eq!(volume["volume_type"], name);
        }
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_type_that_no_backend_offers_is_refused_with_the_reasons_counted() -> anyhow::Result<()> {
    let cluster = cluster_of_two().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "storage_protocol": "<or> iSCSI <or> FC" } });
    client.create_volume_type("san", specs).await?;
    let asked =
        client.post("/volumes", json!({ "volume": { "size": 1, "volume_type": "san" } })).await?;
    assert_eq!(asked.status, 400);
    assert!(
        asked.fault().contains("2 without the capabilities of the volume type"),
        "{}",
        asked.fault()
    );
    client
        .create_volume_type("big", json!({ "extra_specs": { "total_capacity_gb": "> 100" } }))
        .await?;
    let id = client.create_volume(json!({ "size": 1, "volume_type": "big" })).await?;
    client.wait_for_status(&id, "available").await?;
    assert_eq!(
        client.get(&format!("/volumes/{id}")).await?.body["volume"]["os-vol-host-attr:host"],
        "host@b#b"
    );
    cluster.finish(&[]).await
}

#[tokio::test]
async fn several_servers_attach_a_volume_whose_type_allows_it() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "multiattach": "<is> True" } });
    client.create_volume_type("shared", specs).await?;
    let id = client.create_volume(json!({ "size": 1, "volume_type": "shared" })).await?;
    client.wait_for_status(&id, "available").await?;
    assert_eq!(client.get(&format!("/volumes/{id}")).await?.body["volume"]["multiattach"], true);
    client.attach(&id, "server-1").await?;
    client.attach(&id, "server-2").await?;
    let single = client.available_volume(1).await?;
    client.attach(&single, "server-1").await?;
    assert!(client.attach(&single, "server-2").await.is_err());
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_type_is_listed_shown_and_unique() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let fields = json!({
        "description": "d", "extra_specs": { "volume_backend_name": "a", "multiattach": "<is> True" },
    });
    let id = client.create_volume_type("gold", fields).await?;
    let shown = client.get(&format!("/types/{id}")).await?.body["volume_type"].clone();
    let expected = json!({
        "id": id, "name": "gold", "description": "d", "is_public": true, "qos_specs_id": null,
        "os-volume-type-access:is_public": true,
        "extra_specs": { "volume_backend_name": "a", "multiattach": "<is> True" },
    });
    assert_eq!(shown, expected);
    let member = client.with_roles("member");
    let seen = member.get(&format!("/types/{id}")).await?.body["volume_type"].clone();
    assert_eq!(seen["extra_specs"], json!({ "multiattach": "<is> True" }));
    assert!(seen.get("qos_specs_id").is_none());

    let names = |listed: &Value| -> Vec<String> {
        let types = listed["volume_types"].as_array().cloned().unwrap_or_default();
        types.iter().map(|found| found["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(&client.get("/types?sort=name:asc").await?.body), ["__DEFAULT__", "gold"]);
    let page = client.get("/types?limit=1&sort=name:asc").await?.body;
    assert_eq!(names(&page), ["__DEFAULT__"]);
    assert!(page["volume_type_links"][0]["href"].as_str().unwrap_or_default().contains("marker="));
    let default = client.get("/types/default").await?.body;
    assert_eq!(default["volume_type"]["name"], "__DEFAULT__");

    let again = client.post("/types", json!({ "volume_type": { "name": "gold" } })).await?;
    assert_eq!(again.status, 409, "{}", again.body);
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "n".repeat(256) }),
        json!({ "name": "x", "extra_specs": { "k": 1 } }),
        json!({ "name": "x", "unknown": 1 }),
        json!({ "name": "x", "os-volume-type-access:is_public": "perhaps" }),
    ] {
        let refused = client.post("/types", json!({ "volume_type": bad })).await?;
        assert_eq!(refused.status, 400, "{bad}");
    }
    assert_eq!(member.post("/types", json!({ "volume_type": { "name": "x" } })).await?.status, 403);
    cluster.finish(&[]).await
}
