//! What must hold of `failover_backend`: failover and failback, with a driver that pretends.

use harness::replication::{
    fail_over, of_volume, pair, replicated, rows, service, stands, volume, wait_for_replication,
    wait_until_in_sync,
};
use harness::{ClusterBuilder, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn over_and_back_each_volume_is_what_it_was() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let (moving, staying) =
        (volume(&client, "replicated", "").await?, volume(&client, "__DEFAULT__", "").await?);
    let snapshots =
        [client.create_snapshot(&moving).await?, client.create_snapshot(&staying).await?];
    assert_eq!(of_volume(&client, &moving).await?, pair("available", "enabled"));
    assert_eq!(of_volume(&client, &staying).await?, pair("available", "disabled"));
    client.attach(&moving, "server-1").await?;

    // from one target to another, and home
    for (target, shown) in [(json!("b"), "b"), (json!("c"), "c")] {
        fail_over(&client, target).await?.expect_status(202)?;
        wait_for_replication(&client, "failed-over").await?;
        until("the target is the active side", Duration::from_secs(5), || async {
            service(&client).await.is_ok_and(|service| service["active_backend_id"] == shown)
        })
        .await?;
        assert_eq!(of_volume(&client, &moving).await?, pair("in-use", "failed-over"));
        assert_eq!(of_volume(&client, &staying).await?, pair("error", "not-capable"));
        for (snapshot, status) in snapshots.iter().zip(["available", "error"]) {
            let stands = stands(&client, &format!("/snapshots/{snapshot}"), "snapshot").await?;
            assert_eq!(stands.0, status);
        }
        // what is made there is not replicated, and so nothing is made that should be
        let asked = json!({ "volume": { "size": 1, "volume_type": "replicated" } });
        assert_eq!(client.post("/volumes", asked).await?.status, 400);
    }
    // servers come and go where the backend serves now, though it be frozen
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    client.detach(&moving).await?;
    client.attach(&moving, "server-2").await?;
    client.detach(&moving).await?;
    client.operate("thaw", "host@a").await?.expect_status(200)?;

    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "enabled").await?;
    assert_eq!(service(&client).await?["active_backend_id"], Value::Null);
    assert_eq!(of_volume(&client, &moving).await?, pair("available", "enabled"));
    assert_eq!(of_volume(&client, &staying).await?, pair("available", "disabled"));
    for snapshot in &snapshots {
        assert_eq!(
            stands(&client, &format!("/snapshots/{snapshot}"), "snapshot").await?.0,
            "available"
        );
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_not_one_row_is_different() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    volume(&client, "__DEFAULT__", "").await?;
    let refuse = |body: Value, named: &'static str| {
        let (client, cluster) = (client.clone(), &cluster);
        async move {
            let before = rows(cluster).await?;
            for path in ["/os-services/failover_host", "/os-services/failover"] {
                let answer = client.put(path, body.clone()).await?.expect_status(400)?;
                anyhow::ensure!(answer.fault().contains(named), "{body}: {}", answer.body);
            }
            anyhow::ensure!(rows(cluster).await? == before, "{body} has changed something");
            anyhow::Ok(())
        }
    };
    let to = |target: &str| json!({ "host": "host@a", "backend_id": target });
    refuse(to("nowhere"), "no replication target nowhere").await?;
    refuse(to("default"), "its primary already").await?;
    refuse(json!({}), "host").await?;
    refuse(json!({ "host": null }), "host").await?;
    refuse(json!({ "host": "host@a", "cluster": "c@a" }), "Only one of host and cluster").await?;
    refuse(json!({ "host": "host@unknown" }), "could not be found").await?;
    refuse(json!({ "host": "host@a", "backend_id": 7 }), "backend_id").await?;
    refuse(json!({ "host": "host@a", "more": 7 }), "more").await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    refuse(to("b"), "serves from b already").await?;
    let member = client.with_roles("member");
    assert_eq!(fail_over(&member, json!("c")).await?.status, 403);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_target_that_is_down_is_refused_and_another_one_chosen() -> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let config = cluster.directory().join("cinderblock.toml");
    let down = "driver = 'fake'\nfake.targets_down = ['b']";
    std::fs::write(&config, std::fs::read_to_string(&config)?.replace("driver = 'fake'", down))?;
    cluster.workers.clear();
    cluster.add_worker(&[]).await?;
    let database = cluster.database().await?;
    until("b is said to be down", Duration::from_secs(10), || async {
        let said = "select report -> 'sides_down' ? 'b' from backends";
        database.query_one(said, &[]).await.is_ok_and(|row| row.get(0))
    })
    .await?;
    let before = rows(&cluster).await?;
    let refused = fail_over(&client, json!("b")).await?.expect_status(400)?;
    assert!(refused.fault().contains("b is down"), "{}", refused.body);
    assert_eq!(rows(&cluster).await?, before);
    fail_over(&client, json!(null)).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(service(&client).await?["active_backend_id"], "c");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn without_a_worker_or_a_target_nothing_fails_over() -> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let seen = service(&client).await?;
    assert_eq!(seen["replication_status"], "enabled");
    cluster.workers[0].process.kill();
    until("the worker is down", Duration::from_secs(10), || async {
        service(&client).await.is_ok_and(|service| service["state"] == "down")
    })
    .await?;
    let before = rows(&cluster).await?;
    let refused = fail_over(&client, json!("b")).await?.expect_status(400)?;
    assert!(refused.fault().contains("worker is down"), "{}", refused.body);
    assert_eq!(rows(&cluster).await?, before);
    cluster.finish(&[]).await?;

    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let refused = fail_over(&cluster.client(), json!(null)).await?.expect_status(400)?;
    assert!(refused.fault().contains("no replication target"), "{}", refused.body);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_that_cannot_move_is_said_to_be_in_error_and_comes_back() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let (good, bad) = (
        volume(&client, "replicated", "").await?,
        volume(&client, "replicated", "failover").await?,
    );
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &good).await?, pair("available", "failed-over"));
    assert_eq!(of_volume(&client, &bad).await?, pair("error", "failover-error"));
    let mended = json!({ "metadata": { "fake:fail": "" } });
    client.post(&format!("/volumes/{bad}/metadata"), mended).await?.expect_status(200)?;
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "enabled").await?;
    assert_eq!(of_volume(&client, &bad).await?, pair("available", "enabled"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_failover_that_fails_says_so_and_can_be_tried_again() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "failover_backend").await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failover-error").await?;
    assert_eq!(service(&client).await?["active_backend_id"], Value::Null);
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
    let mended = json!({ "metadata": { "fake:fail": "" } });
    client.post(&format!("/volumes/{id}/metadata"), mended).await?.expect_status(200)?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    cluster.finish(&["because fake:fail says so"]).await
}

#[tokio::test]
async fn freeze_thaw_enable_and_failover_leave_one_another_alone() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let reason =
        json!({ "host": "host@a", "binary": "cinder-volume", "disabled_reason": "shelf 3" });
    client.put("/os-services/disable-log-reason", reason).await?.expect_status(200)?;
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    let facts = |service: &Value| {
        (service["status"].clone(), service["disabled_reason"].clone(), service["frozen"].clone())
    };
    let frozen = (json!("disabled"), json!("shelf 3"), json!(true));
    for (target, end) in [("b", "failed-over"), ("default", "enabled")] {
        fail_over(&client, json!(target)).await?.expect_status(202)?;
        wait_for_replication(&client, end).await?;
        assert_eq!(facts(&service(&client).await?), frozen);
    }
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    assert_eq!(
        facts(&service(&client).await?),
        (json!("disabled"), json!("shelf 3"), json!(false))
    );
    client.operate("enable", "host@a").await?.expect_status(200)?;
    assert_eq!(service(&client).await?["replication_status"], "enabled");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_is_under_way_when_a_backend_fails_over_does_not_happen() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "volume_type": "replicated", "metadata": { "fake:latency_ms": "1500" } });
    let making = client.create_volume(slow.clone()).await?;
    let growing = client.create_volume(slow).await?;
    client.wait_for_status(&growing, "available").await?;
    client.act(&growing, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    let being_made = client
        .create_volume(json!({ "size": 1, "metadata": { "fake:latency_ms": "1500" } }))
        .await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    // at once: an answer that they go on would not be true
    assert_eq!(of_volume(&client, &growing).await?.0, "error_extending");
    assert_eq!(of_volume(&client, &being_made).await?.0, "error");
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &making).await?.1, "failed-over");
    cluster.finish(&["another worker"]).await
}

#[tokio::test]
async fn a_thousand_volumes_fail_over_in_one_transaction() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let (client, database) = (cluster.client(), cluster.database().await?);
    let many = "insert into volumes (id, project_id, user_id, backend_id, pool, availability_zone, volume_type_id, \
                    size_gb, status, replicated, replication_status) \
                select gen_random_uuid(), $1, 'u', b.id, 'a', 'nova', t.id, 1, 'available', true, 'enabled' \
                from generate_series(1, 1000), backends b, volume_types t where t.name = 'replicated'";
    database.execute(many, &[&harness::PROJECT]).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    // all rows were written by the transaction that ended the operation
    let written = "select count(*), count(distinct v.xmin::text), \
                       bool_and(v.xmin = b.xmin and v.xmin = o.xmin) \
                   from volumes v, backends b, operations o \
                   where v.replication_status = 'failed-over' and o.kind = 'failover_backend'";
    let row = database.query_one(written, &[]).await?;
    let (count, transactions): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!((count, transactions), (1000, 1));
    cluster.finish_unsettled(&[])
}

/// A worker that slept through the failover must not work on the side that it knows.
#[tokio::test]
async fn a_worker_that_slept_through_a_failover_follows_before_it_works() -> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    // when it wakes up it needs several tries to follow, while there is something to do at once
    cluster.workers.clear();
    cluster.add_worker(&[("FAILPOINTS", "volume.follow=6*return")]).await?;
    wait_until_in_sync(&cluster, 1).await?;
    cluster.add_worker(&[]).await?;
    cluster.workers[0].process.signal(Signal::STOP)?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    // nobody is left who could work, and for the gate the backend is up all the same
    drop(cluster.workers.remove(1));
    let up = "update backends set seen_at = clock_timestamp() + interval '1 hour'";
    cluster.database().await?.execute(up, &[]).await?;
    client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    let sleepers_log =
        || std::fs::read_to_string(cluster.workers[0].process.log()).unwrap_or_default();
    let follows = |log: &str| log.lines().position(|line| line.contains("side=b"));
    let works = |log: &str| {
        log.lines().position(|line| line.contains("extend_volume") && line.contains("executed"))
    };
    let asleep = sleepers_log();
    assert_eq!((follows(&asleep), works(&asleep)), (None, None));
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("extending"));

    cluster.workers[0].process.signal(Signal::CONT)?;
    client.wait_for_status(&id, "available").await?;
    let size = client.get(&format!("/volumes/{id}")).await?.body["volume"]["size"].clone();
    assert_eq!(size, 2);
    let awake = sleepers_log();
    let (follows, works) = (follows(&awake), works(&awake));
    assert!(follows.is_some() && follows < works, "{awake}");
    cluster
        .finish(&[
            "cannot follow the active side",
            "bus",
            "heartbeat",
            "lease",
            "claimed",
            "not recorded",
        ])
        .await
}

/// The database refuses the transaction that would end the failover: the backend stays on the way, and it is
/// tried again until it succeeds.
#[tokio::test]
async fn a_failover_whose_rows_cannot_be_written_is_not_said_to_have_happened() -> anyhow::Result<()>
{
    let cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    let database = cluster.database().await?;
    let trouble = "create function trouble() returns trigger language plpgsql as \
                       $$ begin raise exception 'no room' using errcode = '53100'; end $$; \
                   create trigger trouble before update of replication_status on volumes \
                   for each row execute function trouble()";
    database.batch_execute(trouble).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    until("it was tried twice", Duration::from_secs(20), || async {
        let tried = "select attempts from operations where kind = 'failover_backend'";
        database.query_one(tried, &[]).await.is_ok_and(|row| row.get::<_, i32>(0) >= 2)
    })
    .await?;
    let shown = service(&client).await?;
    assert_eq!(shown["replication_status"], "failing-over");
    assert_eq!(shown["active_backend_id"], Value::Null);
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
    database.batch_execute("drop trigger trouble on volumes").await?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    cluster.finish(&["not finished"]).await
}

#[tokio::test]
async fn a_target_called_default_is_refused() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let config = cluster.directory().join("cinderblock.toml");
    let good = std::fs::read_to_string(&config)?;
    let check = |text: String| -> anyhow::Result<String> {
        let path = cluster.directory().join("changed.toml");
        std::fs::write(&path, text)?;
        let mut command =
            std::process::Command::new(harness::files::program("cinderblock-volume")?);
        let output = command.arg("--config").arg(path).arg("--check-config").output()?;
        anyhow::ensure!(!output.status.success(), "it was accepted");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let complaint = check(good.replace("backend_id = 'b'", "backend_id = 'default'"))?;
    assert!(complaint.contains("'default' is reserved for the primary"), "{complaint}");
    let complaint = check(good.replace("backend_id = 'b'", "backend_id = 'c'"))?;
    assert!(complaint.contains("a unique backend_id"), "{complaint}");
    let complaint = check(good.replace("driver = 'fake'", "driver = 'file'"))?;
    assert!(complaint.contains("needs a directory"), "{complaint}");
    cluster.finish(&[]).await
}

/// The driver's outcomes cross to the database as JSON: what it does not understand is not served.
#[tokio::test]
async fn a_volume_without_a_known_outcome_is_not_served() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    let mut database = cluster.database().await?;
    for entry in [json!({ "id": id }), json!({ "id": id, "outcome": "splendid" })] {
        let outcome = json!({
            "active": "b", "storage_id": null, "volumes": [entry], "known_snapshots": [], "snapshots": [],
        });
        let transaction = database.transaction().await?;
        let record = "select record_failover(id, $1::text::jsonb) from backends where name = $2";
        transaction.execute(record, &[&outcome.to_string(), &cluster.host("a")]).await?;
        let shown = "select status, replication_status from volumes where id::text = $1";
        let row = transaction.query_one(shown, &[&id]).await?;
        let found = (row.get::<_, String>(0), row.get::<_, String>(1));
        assert_eq!(found, ("error".to_owned(), "failover-error".to_owned()), "{outcome}");
        transaction.rollback().await?;
    }
    cluster.finish(&[]).await
}
