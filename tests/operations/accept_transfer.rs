//! What must hold of `accept_transfer`.

use harness::{Answered, Client, Cluster, ClusterBuilder};
use serde_json::{Value, json};

/// A client of another project, with a member's rights.
fn other(cluster: &Cluster) -> Client {
    cluster.client().in_project("other").with_roles("member")
}

async fn accept(client: &Client, id: &str, key: &Value) -> anyhow::Result<Answered> {
    let body = json!({ "accept": { "auth_key": key } });
    client.post(&format!("/volume-transfers/{id}/accept"), body).await
}

/// What a project uses of volumes, gigabytes and snapshots.
async fn usage(cluster: &Cluster, project: &str) -> anyhow::Result<[i64; 3]> {
    let path = format!("/os-quota-sets/{project}?usage=true");
    let shown = cluster.client().get(&path).await?.expect_status(200)?.body;
    let used = |key: &str| shown["quota_set"][key]["in_use"].as_i64().unwrap_or(-1);
    Ok([used("volumes"), used("gigabytes"), used("snapshots")])
}

#[tokio::test]
async fn the_volume_goes_with_its_snapshots_and_both_quotas_know() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (donor, acceptor) = (cluster.client(), other(&cluster));
    let volume = donor.available_volume(2).await?;
    let snapshot = donor.create_snapshot(&volume).await?;
    let project = donor.get(&format!("/volumes/{volume}")).await?.body["volume"]
        ["os-vol-tenant-attr:tenant_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(usage(&cluster, &project).await?, [1, 4, 1]);
    let (id, key) = donor.offer_volume(&volume).await?;
    for wrong in [json!("0123456789abcdef"), json!(17), json!("")] {
        let refused = accept(&acceptor, &id, &wrong).await?.expect_status(400)?;
        assert!(refused.fault().contains("Invalid auth key"), "{}", refused.body);
    }
    assert_eq!(accept(&acceptor, &id, &json!(true)).await?.status, 400);
    assert_eq!(accept(&acceptor, &id, &json!(null)).await?.status, 400);
    let accepted = accept(&acceptor, &id, &json!(key)).await?.expect_status(202)?;
    assert_eq!(accepted.body["transfer"]["volume_id"], json!(volume));

    assert_eq!(acceptor.volume_status(&volume).await?.as_deref(), Some("available"));
    assert_eq!(acceptor.get(&format!("/snapshots/{snapshot}")).await?.status, 200);
    assert_eq!(usage(&cluster, &project).await?, [0, 0, 0]);
    assert_eq!(usage(&cluster, "other").await?, [1, 4, 1]);
    let listed = donor.get("/volumes").await?.body;
    assert_eq!(listed["volumes"], json!([]));
    // it is over: the key is worth nothing any more
    assert_eq!(accept(&acceptor, &id, &json!(key)).await?.status, 404);
    assert_eq!(donor.get(&format!("/volume-transfers/{id}")).await?.status, 404);
    acceptor.delete(&format!("/volumes/{volume}?cascade=true")).await?.expect_status(202)?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn snapshots_may_stay_with_whom_they_were() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (donor, acceptor) = (cluster.client(), other(&cluster));
    let volume = donor.available_volume(1).await?;
    let snapshot = donor.create_snapshot(&volume).await?;
    let body = json!({ "transfer": { "volume_id": volume, "no_snapshots": true } });
    let made = donor.post("/volume-transfers", body).await?.expect_status(202)?.body;
    let id = made["transfer"]["id"].as_str().unwrap_or_default();
    accept(&acceptor, id, &made["transfer"]["auth_key"]).await?.expect_status(202)?;
    assert_eq!(donor.get(&format!("/snapshots/{snapshot}")).await?.status, 200);
    assert_eq!(acceptor.get(&format!("/snapshots/{snapshot}")).await?.status, 404);
    assert_eq!(usage(&cluster, "other").await?, [1, 1, 0]);
    // they keep it
    assert_eq!(acceptor.delete(&format!("/volumes/{volume}")).await?.status, 400);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_the_quota_of_the_acceptor_does_not_allow_stays_where_it_is() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (donor, acceptor) = (cluster.client(), other(&cluster));
    let volume = donor.available_volume(2).await?;
    donor.create_snapshot(&volume).await?;
    let (id, key) = donor.offer_volume(&volume).await?;
    for limits in [
        json!({ "volumes": 0 }),
        json!({ "gigabytes": 3 }),
        json!({ "snapshots": 0 }),
        json!({ "per_volume_gigabytes": 1 }),
    ] {
        let path = "/os-quota-sets/other";
        donor.put(path, json!({ "quota_set": limits })).await?.expect_status(200)?;
        let refused = accept(&acceptor, &id, &json!(key)).await?;
        assert_eq!(refused.status, 413, "{limits}: {}", refused.body);
        assert_eq!(donor.volume_status(&volume).await?.as_deref(), Some("awaiting-transfer"));
        assert_eq!(usage(&cluster, "other").await?, [0, 0, 0], "{limits}");
        donor.delete(path).await?.expect_status(200)?;
    }
    accept(&acceptor, &id, &json!(key)).await?.expect_status(202)?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn of_several_who_have_the_key_one_gets_the_volume() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let donor = cluster.client();
    let volume = donor.available_volume(1).await?;
    let (id, key) = donor.offer_volume(&volume).await?;
    let asking = (0..8).map(|number| {
        let (client, id, key) = (donor.in_project(&format!("p{number}")), id.clone(), key.clone());
        tokio::spawn(async move { accept(&client.with_roles("member"), &id, &json!(key)).await })
    });
    let asking: Vec<_> = asking.collect();
    let mut accepted = 0;
    for asked in asking {
        let answered = asked.await??;
        accepted += usize::from(answered.status == 202);
        assert!([202, 400, 404, 409].contains(&answered.status), "{}", answered.body);
    }
    assert_eq!(accepted, 1);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_frozen_backend_gives_nothing_away() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (donor, acceptor) = (cluster.client(), other(&cluster));
    let volume = donor.available_volume(1).await?;
    let (id, key) = donor.offer_volume(&volume).await?;
    donor.operate("freeze", "host@a").await?.expect_status(200)?;
    let refused = accept(&acceptor, &id, &json!(key)).await?.expect_status(400)?;
    assert!(refused.fault().contains("frozen"), "{}", refused.body);
    // what is offered can be withdrawn all the same
    donor.delete(&format!("/volume-transfers/{id}")).await?.expect_status(202)?;
    cluster.finish(&[]).await
}

/// The donor has kept snapshots, and whoever has the volume now may not give them away.
#[tokio::test]
async fn snapshots_that_stayed_with_the_donor_go_nowhere() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (donor, acceptor) = (cluster.client(), other(&cluster));
    let volume = donor.available_volume(1).await?;
    let kept = donor.create_snapshot(&volume).await?;
    let without = json!({ "transfer": { "volume_id": volume, "no_snapshots": true } });
    let made = donor.post("/volume-transfers", without.clone()).await?.expect_status(202)?.body;
    let id = made["transfer"]["id"].as_str().unwrap_or_default();
    accept(&acceptor, id, &made["transfer"]["auth_key"]).await?.expect_status(202)?;
    let with = json!({ "transfer": { "volume_id": volume } });
    let refused = acceptor.post("/volume-transfers", with).await?.expect_status(400)?;
    assert!(refused.fault().contains("same project"), "{}", refused.body);
    let made = acceptor.post("/volume-transfers", without).await?.expect_status(202)?.body;
    let id = made["transfer"]["id"].as_str().unwrap_or_default();
    accept(&acceptor, id, &made["transfer"]["auth_key"]).await?.expect_status(202)?;
    assert_eq!(acceptor.get(&format!("/snapshots/{kept}")).await?.status, 404);
    assert_eq!(donor.get(&format!("/snapshots/{kept}")).await?.status, 200);
    cluster.finish(&[]).await
}

/// Offers in both directions at once: what one project is given, the other has no more.
#[tokio::test]
async fn offers_that_cross_are_all_accepted() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let projects =
        ["north", "south"].map(|name| cluster.client().in_project(name).with_roles("member"));
    let mut offers = Vec::new();
    for round in 0..12 {
        let (donor, acceptor) = (&projects[round % 2], projects[(round + 1) % 2].clone());
        let volume = donor.available_volume(1).await?;
        let (id, key) = donor.offer_volume(&volume).await?;
        offers.push((acceptor, id, key));
    }
    let accepting = offers.into_iter().map(|(acceptor, id, key)| {
        tokio::spawn(async move { accept(&acceptor, &id, &json!(key)).await })
    });
    for accepted in accepting.collect::<Vec<_>>() {
        accepted.await??.expect_status(202)?;
    }
    for project in ["north", "south"] {
        assert_eq!(usage(&cluster, project).await?, [6, 6, 0]);
    }
    cluster.finish(&[]).await
}
