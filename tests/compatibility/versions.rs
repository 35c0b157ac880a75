//! Version documents and microversions.

use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};

#[tokio::test]
async fn versions_are_offered_to_anybody() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let http = harness::http();
    let root = http.get(cluster.endpoint() + "/").send().await?;
    assert_eq!(root.status(), 300);
    let root: Value = root.json().await?;
    let version = &root["versions"][0];
    assert_eq!((&version["version"], &version["min_version"]), (&json!("3.71"), &json!("3.0")));
    assert_eq!((&version["id"], &version["status"]), (&json!("v3.0"), &json!("CURRENT")));
    assert_eq!(version["links"][1]["href"], cluster.endpoint() + "/v3/");
    for path in ["/v3", "/v3/"] {
        assert_eq!(http.get(cluster.endpoint() + path).send().await?.status(), 200, "{path}");
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn answers_name_the_version_that_was_used() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    for (asked, used) in [
        ("volume 3.27", "volume 3.27"),
        ("volume latest", "volume 3.71"),
        ("compute 2.1, volume 3.5", "volume 3.5"),
    ] {
        let answer = client.with_version(asked).get("/volumes").await?;
        assert_eq!(answer.headers["openstack-api-version"], used);
        assert_eq!(answer.headers["vary"], "OpenStack-API-Version");
    }
    let fault = client.with_version("volume 3.27").get("/volumes/none").await?;
    assert_eq!(fault.headers["openstack-api-version"], "volume 3.27");
    cluster.finish(&[]).await
}

async fn fields(client: &Client, version: &str, id: &str) -> anyhow::Result<Vec<String>> {
    let shown =
        client.with_version(&format!("volume {version}")).get(&format!("/volumes/{id}")).await?;
    let fields = shown.body["volume"].as_object().cloned().unwrap_or_default();
    Ok(fields.keys().cloned().collect())
}

#[tokio::test]
async fn fields_of_a_volume_come_with_their_version() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    let table = [
        ("group_id", 13),
        ("provider_id", 21),
        ("shared_targets", 48),
        ("service_uuid", 48),
        ("cluster_name", 61),
        ("volume_type_id", 63),
        ("consumes_quota", 65),
    ];
    for (field, since) in table {
        let has = |fields: Vec<String>| fields.iter().any(|name| name == field);
        assert!(
            !has(fields(&client, &format!("3.{}", since - 1), &id).await?),
            "{field} before 3.{since}"
        );
        assert!(has(fields(&client, &format!("3.{since}"), &id).await?), "{field} at 3.{since}");
    }
    let service = |version: &'static str| {
        let client = client.with_version(version);
        async move {
            anyhow::Ok(
                client.get("/os-services?binary=cinder-volume").await?.body["services"][0].clone(),
            )
        }
    };
    assert!(service("volume 3.6").await?.get("cluster").is_none());
    assert!(service("volume 3.7").await?.get("cluster").is_some());
    assert!(service("volume 3.48").await?.get("backend_state").is_none());
    assert_eq!(service("volume 3.49").await?["backend_state"], "up");
    cluster.finish(&[]).await
}
