//! What must hold of `update_quota`: usage is what the rows come to, and limits are kept.

use harness::cluster::PROJECT;
use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};

async fn quota(client: &Client) -> anyhow::Result<Value> {
    let path = format!("/os-quota-sets/{PROJECT}?usage=True");
    Ok(client.get(&path).await?.expect_status(200)?.body["quota_set"].clone())
}

async fn set(client: &Client, limits: Value) -> anyhow::Result<harness::Answered> {
    client.put(&format!("/os-quota-sets/{PROJECT}"), json!({ "quota_set": limits })).await
}

#[tokio::test]
async fn limits_hold_and_usage_follows_the_rows() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let changed =
        set(&client, json!({ "volumes": 2, "gigabytes": 5 })).await?.expect_status(200)?;
    assert_eq!(changed.body["quota_set"]["volumes"], 2);
    assert!(changed.body["quota_set"].get("id").is_none());
    let first = client.available_volume(3).await?;
    let usage = quota(&client).await?;
    assert_eq!(usage["volumes"], json!({ "limit": 2, "in_use": 1, "reserved": 0 }));
    assert_eq!(usage["gigabytes"], json!({ "limit": 5, "in_use": 3, "reserved": 0 }));
    assert_eq!(usage["gigabytes___DEFAULT__"], json!({ "limit": -1, "in_use": 3, "reserved": 0 }));
    assert_eq!(usage["id"], PROJECT);

    let too_large = client.post("/volumes", json!({ "volume": { "size": 3 } })).await?;
    assert_eq!(too_large.status, 413);
    assert_eq!(too_large.body["overLimit"]["code"], 413);
    assert_eq!(client.act(&first, "os-extend", json!({ "new_size": 6 })).await?.status, 413);
    let second = client.available_volume(1).await?;
    assert_eq!(client.post("/volumes", json!({ "volume": { "size": 1 } })).await?.status, 413);
    let limits = client.get("/limits").await?.body["limits"]["absolute"].clone();
    assert_eq!((&limits["maxTotalVolumes"], &limits["totalVolumesUsed"]), (&json!(2), &json!(2)));
    assert_eq!(limits["totalGigabytesUsed"], 4);

    for query in ["", "?skip_validation=True"] {
        let path = format!("/os-quota-sets/{PROJECT}{query}");
        let below = client.put(&path, json!({ "quota_set": { "volumes": 1 } })).await?;
        assert_eq!(below.status, 400, "{query}: {}", below.body);
    }
    set(&client, json!({ "volumes": 2 })).await?.expect_status(200)?;
    client.delete(&format!("/volumes/{second}")).await?.expect_status(202)?;
    client.wait_for_status(&second, "deleted").await?;
    assert_eq!(quota(&client).await?["volumes"]["in_use"], 1);
    set(&client, json!({ "volumes": 1 })).await?.expect_status(200)?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_type_has_limits_of_its_own_and_a_volume_a_largest_size() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    client.create_volume_type("gold", json!({})).await?;
    set(&client, json!({ "volumes_gold": 1, "per_volume_gigabytes": 4 }))
        .await?
        .expect_status(200)?;
    let gold = json!({ "volume": { "size": 1, "volume_type": "gold" } });
    client.post("/volumes", gold.clone()).await?.expect_status(202)?;
    assert_eq!(client.post("/volumes", gold).await?.status, 413);
    let plain = client.available_volume(4).await?;
    let refused = client.post("/volumes", json!({ "volume": { "size": 5 } })).await?;
    assert_eq!(refused.status, 413);
    assert!(refused.fault().contains("maximum allowed limit 4G"), "{}", refused.fault());
    assert_eq!(client.act(&plain, "os-extend", json!({ "new_size": 5 })).await?.status, 413);
    assert_eq!(quota(&client).await?["volumes_gold"]["in_use"], 1);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn bad_limits_are_refused_and_other_projects_are_hidden() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    for bad in [
        json!({}),
        json!({ "volumes": -2 }),
        json!({ "volumes": "many" }),
        json!({ "volumes": 2_147_483_648_u64 }),
        json!({ "volumes": null }),
        json!({ "volumes": 1, "nonsense": 1 }),
    ] {
        assert_eq!(set(&client, bad.clone()).await?.status, 400, "{bad}");
    }
    assert_eq!(client.put("/os-quota-sets/p", json!({})).await?.status, 400);
    let member = client.with_roles("member");
    assert_eq!(member.get(&format!("/os-quota-sets/{PROJECT}")).await?.status, 200);
    assert_eq!(member.get("/os-quota-sets/other").await?.status, 403);
    assert_eq!(set(&member, json!({ "volumes": 1 })).await?.status, 403);
    assert_eq!(member.get("/os-quota-class-sets/default").await?.status, 403);
    cluster.finish(&[]).await
}
