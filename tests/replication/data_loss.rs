//! What a failover may lose is bounded, accepted by name, and told.

use crate::cinderblock_manage::{done, manage, refused};
use harness::replication::{of_volume, pair, replicated, volume};
use harness::{Cluster, until};
use serde_json::{Value, json};
use std::time::Duration;

/// What is known of a volume's replica: its state, the target, and as of when it was in sync.
fn replica(cluster: &Cluster, id: &str) -> anyhow::Result<[Value; 3]> {
    let listed: Value = serde_json::from_str(&done(cluster, "--json backend volumes host@a")?)?;
    let volume = listed.as_array().into_iter().flatten().find(|one| one["id"] == id).cloned();
    let volume = volume.unwrap_or_default();
    let facts = ["replication_extended_status", "replication_driver_data", "replica_as_of"];
    Ok(facts.map(|fact| volume[fact].clone()))
}

#[tokio::test]
async fn a_replica_that_is_behind_is_served_if_it_is_not_too_old_and_told_with_its_age()
-> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    let mut earlier = Value::Null;
    until("it is looked at again and again", Duration::from_secs(10), || {
        let known = replica(&cluster, &id);
        let is_newer = known.is_ok_and(|[state, _, as_of]| {
            let before = std::mem::replace(&mut earlier, as_of.clone());
            state == "in-sync" && before.is_string() && as_of != before
        });
        async move { is_newer }
    })
    .await?;
    let breaks = json!({ "metadata": { "fake:fail": "replicate" } });
    client.post(&format!("/volumes/{id}/metadata"), breaks).await?.expect_status(200)?;
    until("it falls behind", Duration::from_secs(10), || async {
        replica(&cluster, &id).is_ok_and(|[state, ..]| state == "out-of-sync")
    })
    .await?;
    let [_, target, as_of] = replica(&cluster, &id)?;
    assert_eq!(target, "b");
    assert!(as_of.as_str() >= earlier.as_str(), "{as_of} {earlier}");
    let shown = done(&cluster, "backend show host@a")?;
    assert!(
        shown.lines().any(|line| line.starts_with("oldest replica ") && line.ends_with(" ago"))
    );

    refused(&cluster, "backend failover host@a --to b", &format!("{id}: out-of-sync, in sync"))?;
    refused(&cluster, "backend failover host@a --to b --accept-data-loss", "--max-age")?;
    let accepting =
        |age| format!("backend failover host@a --to b --accept-data-loss --max-age {age}");
    refused(&cluster, &accepting("1ms"), &id)?;
    refused(&cluster, &accepting("soon"), "--max-age")?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));

    // it stays where it is, and as old as it was
    assert!(manage(&cluster, "backend failover host@a --to b --leave-behind")?.is_err());
    assert_eq!(of_volume(&client, &id).await?, pair("error", "failover-error"));
    assert_eq!(replica(&cluster, &id)?, [json!("unprotected"), json!("b"), as_of.clone()]);
    assert!(manage(&cluster, &accepting("1ms"))?.is_err());
    assert_eq!(of_volume(&client, &id).await?, pair("error", "failover-error"));

    let told = done(&cluster, &format!("--json {}", accepting("1h")))?;
    let told: Value = serde_json::from_str(&told)?;
    assert_eq!((&told[0]["failed_over"], &told[0]["may_lack_writes"]), (&json!(1), &json!(1)));
    assert_eq!(told[0]["oldest_as_of"], as_of);
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    cluster.finish(&[]).await
}
