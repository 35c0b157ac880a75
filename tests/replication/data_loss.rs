//! What a failover may lose is bounded, accepted by name, and told.

use crate::cinderblock_manage::{done, manage, refused};
use database::Database;
use database::volumes::{self, ReplicaLook};
use harness::replication::{of_volume, pair, replicated, volume};
use harness::{Cluster, until};
use model::{BackendId, VolumeId};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;

/// Nothing looks at the replicas but this test.
#[tokio::test]
async fn a_replica_never_counts_as_newer_than_the_last_look_that_has_found_it_in_sync()
-> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    cluster.workers.clear();
    let rows = cluster.database().await?;
    rows.batch_execute(
        "update volumes set replication_extended_status = null, replica_recorded_at = null, replica_in_sync_at = null; \
         update backends set replicas_looked_at = null",
    )
    .await?;
    let backend = BackendId(rows.query_one("select id from backends", &[]).await?.get(0));
    let config = configuration::Config::load(Some(cluster.config_file()))?;
    let database = Database::new(&config.database, Duration::from_secs(3))?;
    let ids = [VolumeId(id.parse()?)];
    let start = OffsetDateTime::now_utc().replace_nanosecond(0)?;
    let at = |minute: i64| start + time::Duration::minutes(minute);
    let record = async |minute, is_in_sync: bool| {
        let (in_sync, out_of_sync) =
            if is_in_sync { (&ids[..], &[][..]) } else { (&[][..], &ids[..]) };
        let look = ReplicaLook { began_at: at(minute), target: Some("b"), in_sync, out_of_sync };
        volumes::record_replicas(&database, backend, &look).await
    };
    let as_of = async || {
        let sql = "select replication_extended_status, replica_as_of from volume_details";
        let row = rows.query_one(sql, &[]).await?;
        anyhow::Ok((row.get::<_, String>(0), row.get::<_, Option<OffsetDateTime>>(1)))
    };
    record(1, true).await?;
    record(2, true).await?;
    assert_eq!(as_of().await?, ("in-sync".to_owned(), Some(at(2))));
    // an attach has the row while a look finds it out of sync
    let mut other = cluster.database().await?;
    let held = other.transaction().await?;
    held.execute("select from volumes for update", &[]).await?;
    record(3, false).await?;
    assert_eq!(as_of().await?, ("in-sync".to_owned(), Some(at(2))));
    held.rollback().await?;
    record(4, false).await?;
    assert_eq!(as_of().await?, ("out-of-sync".to_owned(), Some(at(2))));
    // another worker began to look before it fell out of sync, and is late
    record(3, true).await?;
    assert_eq!(as_of().await?, ("out-of-sync".to_owned(), Some(at(2))));
    record(5, true).await?;
    assert_eq!(as_of().await?, ("in-sync".to_owned(), Some(at(5))));
    // it is not looked at while an operation changes it
    let nothing =
        ReplicaLook { began_at: at(6), target: Some("b"), in_sync: &[], out_of_sync: &[] };
    volumes::record_replicas(&database, backend, &nothing).await?;
    assert_eq!(as_of().await?, ("in-sync".to_owned(), Some(at(5))));
    cluster.finish(&[]).await
}

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
    done(&cluster, "backend failover host@a --to b --leave-behind")?;
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

#[tokio::test]
async fn how_much_would_be_lost_is_shown_over_rest_to_whoever_may_list_services()
-> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let bad = volume(&client, "replicated", "replicate").await?;
    volume(&client, "replicated", "").await?;
    client.available_volume(1).await?;
    let path = "/os-services/protection?host=host@a";
    until("both are looked at", Duration::from_secs(10), || async {
        client.get(path).await.is_ok_and(|shown| shown.body["protection"]["in_sync"] == 1)
    })
    .await?;
    let shown = client.get(path).await?.expect_status(200)?.body["protection"].clone();
    assert_eq!((&shown["replicated"], &shown["not_replicated"]), (&json!(2), &json!(1)), "{shown}");
    let missing = &shown["not_in_sync"][0];
    assert_eq!((&missing["id"], &missing["state"]), (&json!(bad), &json!("out-of-sync")));
    until("its bytes are told", Duration::from_secs(10), || async {
        let bytes = json!(1 << 20);
        client.get(path).await.is_ok_and(|it| it.body["protection"]["out_of_sync_bytes"] == bytes)
    })
    .await?;
    assert_eq!(client.get("/os-services/protection?host=host@x").await?.status, 400);
    assert_eq!(client.get("/os-services/protection").await?.status, 400);
    assert_eq!(client.with_roles("member").get(path).await?.status, 403);
    cluster.finish(&[]).await
}
