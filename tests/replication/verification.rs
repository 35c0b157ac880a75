//! Replicas that are in sync are verified while servers write.

use crate::cinderblock_manage::{done, manage};
use harness::replication::{
    arrays, of_volume, pair, replicated, replicated_volume, volume, wait_for_replica,
    wait_until_in_sync,
};
use harness::writer::Writer;
use harness::{holds, until};
use serde_json::Value;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

#[tokio::test]
async fn what_has_rotted_on_the_target_is_named_and_repaired_when_asked_for() -> anyhow::Result<()>
{
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let (id, other) = (replicated_volume(&client).await?, replicated_volume(&client).await?);
    client.access(&id, &["write -P 5 800M 2M", "flush"]).await?;
    client.attach(&id, "server-1").await?;
    wait_for_replica(&cluster, "b", &id).await?;
    wait_until_in_sync(&cluster, 2).await?;
    let writer = Writer::start(&client.nbd_uri(&id).await?)?;
    until("it writes", Duration::from_secs(20), || async { writer.acknowledged() > 100 }).await?;
    let told = done(&cluster, "backend verify host@a")?;
    assert!(told.contains("replicas verified               2 of 2"), "{told}");

    let replica = cluster.directory().join(format!("b/volumes/volume-{id}"));
    let file = std::fs::File::options().write(true).open(&replica)?;
    file.write_all_at(b"rot", 801 << 20)?;
    assert!(manage(&cluster, "backend verify host@a")?.is_err());
    // it is shown later, too, and nothing was written
    assert!(manage(&cluster, "--json backend verify host@a --show")?.is_err());
    assert!(!holds(&replica, 5, 801 << 20, 4096)?);
    let database = cluster.database().await?;
    let sql =
        "select id::text, replica_differing_bytes from volumes where replica_differing_bytes > 0";
    let found = database.query(sql, &[]).await?;
    let found: Vec<(String, i64)> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(found, [(id.clone(), 4096)]);

    assert!(manage(&cluster, "backend verify host@a --repair")?.is_err());
    assert!(holds(&replica, 5, 801 << 20, 4096)?);
    done(&cluster, "backend verify host@a")?;
    for id in [&id, &other] {
        assert_eq!(of_volume(&client, id).await?.1, "enabled");
    }
    writer.end().await;
    cluster.finish_unsettled(&["verified: different"])
}

#[tokio::test]
async fn a_freeze_and_a_failover_do_not_wait_for_a_verification() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let bad = volume(&client, "replicated", "replicate").await?;
    until("it was looked at", Duration::from_secs(10), || async {
        done(&cluster, "backend volumes host@a").is_ok_and(|shown| shown.contains("out-of-sync"))
    })
    .await?;
    done(&cluster, "backend verify host@a --no-wait")?;
    let shown = done(&cluster, "--json backend verify host@a --show")?;
    let shown: Value = serde_json::from_str(&shown)?;
    assert_eq!((&shown["waiting"], &shown["verified"]), (&1.into(), &0.into()), "{shown}");
    done(&cluster, "backend freeze host@a")?;
    done(&cluster, "backend failover host@a --to b --leave-behind")?;
    assert_eq!(of_volume(&client, &bad).await?, pair("error", "failover-error"));
    cluster.finish(&[]).await
}
