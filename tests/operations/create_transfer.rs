//! What must hold of `create_transfer`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_volume_is_offered_once_and_its_key_is_shown_once() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let body = json!({ "transfer": { "volume_id": volume, "name": " gift " } });
    let made = client.post("/volume-transfers", body.clone()).await?.expect_status(202)?;
    let made = &made.body["transfer"];
    let (id, key) = (made["id"].as_str().unwrap(), made["auth_key"].as_str().unwrap());
    assert_eq!((&made["name"], key.len()), (&json!("gift"), 16), "{made}");
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("awaiting-transfer"));
    assert_eq!(client.post("/volume-transfers", body).await?.status, 400);
    // neither the key nor what is kept of it is shown again, or kept in clear
    for path in
        ["/volume-transfers/detail", "/os-volume-transfer", &format!("/volume-transfers/{id}")]
    {
        let shown = client.get(path).await?.expect_status(200)?.body.to_string();
        assert!(shown.contains(id) && !shown.contains(key) && !shown.contains("crypt"), "{shown}");
    }
    let sql = "select count(*) from operations o where position($1 in o.arguments::text) > 0";
    let database = cluster.database().await?;
    assert_eq!(database.query_one(sql, &[&key]).await?.get::<_, i64>(0), 0);
    // nothing happens to it meanwhile, and nobody else sees the offer
    assert_eq!(client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?.status, 400);
    assert_eq!(client.delete(&format!("/volumes/{volume}")).await?.status, 400);
    let stranger = client.in_project("other").with_roles("member");
    assert_eq!(stranger.get(&format!("/volume-transfers/{id}")).await?.status, 404);
    assert_eq!(stranger.delete(&format!("/volume-transfers/{id}")).await?.status, 404);
    assert_eq!(stranger.get("/volume-transfers").await?.body["transfers"], json!([]));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_cannot_be_offered_is_refused() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    for (body, status) in [
        (json!({ "transfer": {} }), 400),
        (json!({ "transfer": { "volume_id": "x" } }), 400),
        (json!({ "transfer": { "volume_id": uuid::Uuid::new_v4() } }), 404),
        (json!({ "transfer": { "volume_id": volume, "color": "red" } }), 400),
        (json!({ "transfer": { "volume_id": volume, "no_snapshots": "perhaps" } }), 400),
    ] {
        assert_eq!(client.post("/volume-transfers", body.clone()).await?.status, status, "{body}");
    }
    let older = client.with_version("volume 3.54");
    let body = json!({ "transfer": { "volume_id": volume, "no_snapshots": true } });
    assert_eq!(older.post("/volume-transfers", body.clone()).await?.status, 400);
    // a snapshot in error may stay, but goes nowhere
    let snapshot = client.create_snapshot(&volume).await?;
    let reset = json!({ "os-reset_status": { "status": "error" } });
    client.post(&format!("/snapshots/{snapshot}/action"), reset).await?.expect_status(202)?;
    let with_snapshots = json!({ "transfer": { "volume_id": volume } });
    let refused = client.post("/volume-transfers", with_snapshots).await?.expect_status(400)?;
    assert!(refused.fault().contains("snapshots"), "{}", refused.body);
    client.post("/volume-transfers", body).await?.expect_status(202)?;
    cluster.finish(&[]).await
}

/// The key of an offer that is out of date would be worth something again with the next one.
#[tokio::test]
async fn a_volume_has_one_offer_whatever_is_said_of_its_status() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let (first, _) = client.offer_volume(&volume).await?;
    let reset = json!({ "status": "available" });
    client.act(&volume, "os-reset_status", reset).await?.expect_status(202)?;
    let body = json!({ "transfer": { "volume_id": volume } });
    let refused = client.post("/volume-transfers", body).await?.expect_status(400)?;
    assert!(refused.fault().contains("a transfer of the volume already"), "{}", refused.body);
    client.delete(&format!("/volume-transfers/{first}")).await?.expect_status(202)?;
    client.offer_volume(&volume).await?;
    cluster.finish(&[]).await
}
