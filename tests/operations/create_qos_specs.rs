//! What must hold of `create_qos_specs`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn it_is_shown_listed_and_has_its_name_alone() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let asked = json!({ "qos_specs": { "name": "fast", "total_iops_sec": "1000" } });
    let made = client.post("/qos-specs", asked.clone()).await?.expect_status(200)?.body;
    let id = made["qos_specs"]["id"].as_str().unwrap_or_default();
    assert_eq!(made["qos_specs"]["consumer"], "back-end");
    assert_eq!(made["qos_specs"]["specs"], json!({ "total_iops_sec": "1000" }));
    assert_eq!(made["links"].as_array().map(Vec::len), Some(2));
    assert_eq!(client.get(&format!("/qos-specs/{id}")).await?.expect_status(200)?.body, made);
    let listed = client.get("/qos-specs?limit=1").await?.expect_status(200)?.body;
    assert_eq!(listed["qos_specs"][0], made["qos_specs"]);
    assert!(listed["qos_specs_links"].is_array());
    assert_eq!(client.post("/qos-specs", asked).await?.status, 409);
    for wrong in [
        json!({}),
        json!({ "qos_specs": {} }),
        json!({ "qos_specs": { "name": "x", "consumer": "nobody" } }),
        json!({ "qos_specs": { "name": "x", "limit": 7 } }),
    ] {
        assert_eq!(client.post("/qos-specs", wrong.clone()).await?.status, 400, "{wrong}");
    }
    let member = client.with_roles("member");
    assert_eq!(member.get("/qos-specs").await?.status, 403);
    assert_eq!(client.get("/qos-specs/unknown").await?.status, 404);
    cluster.finish(&[]).await
}
