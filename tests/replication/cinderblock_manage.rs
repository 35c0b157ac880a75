//! `cinderblock-manage`, as an operator at the machine uses it.

use anyhow::Context as _;
use harness::replication::{
    fail_over, of_volume, pair, replicated, volume, wait_for_replication, wait_until_down,
    wait_until_serving,
};
use harness::{Cluster, ClusterBuilder, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// What it prints, or its complaint.
pub(crate) fn manage(cluster: &Cluster, line: &str) -> anyhow::Result<Result<String, String>> {
    let program = harness::files::program("cinderblock-manage")?;
    let config = cluster.directory().join("cinderblock.toml");
    let output =
        Command::new(program).arg("--config").arg(config).args(line.split(' ')).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

pub(crate) fn done(cluster: &Cluster, line: &str) -> anyhow::Result<String> {
    manage(cluster, line)?.map_err(|complaint| anyhow::anyhow!("{line}: {complaint}"))
}

pub(crate) fn refused(cluster: &Cluster, line: &str, named: &str) -> anyhow::Result<()> {
    let complaint = manage(cluster, line)?.err().unwrap_or_default();
    anyhow::ensure!(complaint.contains(named), "{line}: {complaint}");
    Ok(())
}

#[tokio::test]
async fn the_whole_disaster_is_operated_at_the_machine() -> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    assert!(done(&cluster, "backend list")?.contains("host@a   up         enabled      default"));
    done(&cluster, "backend disable host@a --reason maintenance")?;
    assert!(done(&cluster, "backend show host@a")?.contains("maintenance"));
    done(&cluster, "backend enable host@a")?;
    refused(&cluster, "backend freeze host@x", "there is no backend host@x; there are: host@a")?;
    assert!(
        done(&cluster, "backend freeze host@a")?
            .contains("is frozen; 0 operations are still in progress")
    );
    refused(&cluster, "backend freeze host@a", "already frozen")?;
    refused(&cluster, "backend promote host@a", "is not failed over")?;
    refused(&cluster, "backend failover host@a --to nowhere", "no replication target nowhere")?;
    let told = done(&cluster, "backend failover host@a --to b")?;
    assert!(told.contains("FAILED OVER") && told.contains("b            1"), "{told}");
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    assert!(done(&cluster, "backend list")?.contains("failed-over"));
    refused(&cluster, "backend promote host@a", "still names b as a target")?;
    cluster.workers.clear();
    wait_until_down(&client).await?;
    let config = cluster.directory().join("cinderblock.toml");
    let swapped = std::fs::read_to_string(&config)?.replace("backend_id = 'b'", "backend_id = 'd'");
    std::fs::write(&config, swapped)?;
    done(&cluster, "backend promote host@a")?;
    cluster.add_worker(&[]).await?;
    wait_until_serving(&client).await?;
    done(&cluster, "backend thaw host@a")?;
    refused(&cluster, "backend enable-replication host@a", "Replication cannot be enabled")?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));

    let operations: Value = serde_json::from_str(&done(&cluster, "--json operation list")?)?;
    let failover = operations.as_array().into_iter().flatten();
    let failover =
        failover.clone().find(|one| one["kind"] == "failover_backend").cloned().unwrap_or_default();
    assert_eq!(
        (&failover["state"], &failover["result"]["failed_over"]),
        (&json!("done"), &json!(1))
    );
    let shown =
        done(&cluster, &format!("operation show {}", failover["id"].as_str().unwrap_or_default()))?;
    assert!(shown.contains("failover_backend") && shown.contains("host@a"), "{shown}");
    done(&cluster, "quota check")?;
    done(&cluster, "quota sync")?;
    assert!(done(&cluster, "service list")?.contains("cinder-scheduler"));
    refused(
        &cluster,
        "service remove cinder-volume host@a",
        "no service cinder-volume on host@a is down",
    )?;
    assert!(done(&cluster, "db sync")?.contains("version"));
    assert!(done(&cluster, "db version")?.ends_with(" 5\n"));
    cluster.finish(&[]).await
}

/// The 202 says that a failover was admitted; what became of it is found by the id of the request.
#[tokio::test]
async fn the_result_of_a_failover_can_be_looked_up() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let bad = volume(&client, "replicated", "failover").await?;
    let worse = volume(&client, "replicated", "failover_backend").await?;
    let look_up = |request: &str| -> anyhow::Result<Value> {
        let listed: Value = serde_json::from_str(&done(&cluster, "--json operation list")?)?;
        let mut listed = listed.as_array().into_iter().flatten();
        let found = listed.find(|one| one["request_id"] == request).context("it is listed")?;
        let id = found["id"].as_str().context("an id")?;
        Ok(serde_json::from_str(&done(&cluster, &format!("--json operation show {id}"))?)?)
    };
    let over = async |status: &str| {
        let accepted = fail_over(&client, json!("b")).await?.expect_status(202)?;
        let request = accepted.headers["x-openstack-request-id"].to_str()?.to_owned();
        wait_for_replication(&client, status).await?;
        let shown = look_up(&request)?;
        assert_eq!(shown["kind"], "failover_backend");
        assert!(shown["finished_at"].is_string(), "{shown}");
        anyhow::Ok(shown)
    };
    let failed = over("failover-error").await?;
    assert_eq!(failed["state"], "failed");
    let error = failed["error"].as_str().unwrap_or_default();
    assert!(error.contains("fake:fail says so"), "{failed}");

    let mended = json!({ "metadata": { "fake:fail": "" } });
    client.post(&format!("/volumes/{worse}/metadata"), mended).await?.expect_status(200)?;
    let ended = over("failed-over").await?;
    assert_eq!((&ended["state"], &ended["error"]), (&json!("done"), &Value::Null));
    assert_eq!(ended["result"]["failed_over"], 1, "{ended}");
    assert_eq!(of_volume(&client, &bad).await?, pair("error", "failover-error"));
    assert_eq!(of_volume(&client, &worse).await?, pair("available", "failed-over"));
    cluster.finish(&["because fake:fail says so"]).await
}

#[tokio::test]
async fn what_may_be_lost_is_named_before_it_is() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "replicate").await?;
    let (well, plain) =
        (volume(&client, "replicated", "").await?, client.available_volume(1).await?);
    until("it is said", Duration::from_secs(10), || async {
        manage(&cluster, "backend show host@a")
            .is_ok_and(|shown| shown.is_ok_and(|shown| shown.contains(&id)))
    })
    .await?;
    let replicas = |id: &str| -> anyhow::Result<(Value, Value)> {
        let listed: Value =
            serde_json::from_str(&done(&cluster, "--json backend volumes host@a")?)?;
        let volume = listed.as_array().into_iter().flatten().find(|one| one["id"] == id).cloned();
        let fact = |name: &str| volume.as_ref().map_or(json!("missing"), |one| one[name].clone());
        Ok((fact("replication_extended_status"), fact("replication_driver_data")))
    };
    until("it was looked at", Duration::from_secs(10), || async {
        replicas(&well).is_ok_and(|is| is == (json!("in-sync"), json!("b")))
    })
    .await?;
    assert_eq!(replicas(&id)?, (json!("out-of-sync"), json!("b")));
    assert_eq!(replicas(&plain)?, (Value::Null, Value::Null));
    client
        .act(&well, "os-retype", json!({ "new_type": "__DEFAULT__" }))
        .await?
        .expect_status(202)?;
    until("it has none any more", Duration::from_secs(10), || async {
        replicas(&well).is_ok_and(|is| is == (Value::Null, Value::Null))
    })
    .await?;
    refused(&cluster, "backend failover host@a --to b", &id)?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
    done(&cluster, "backend failover host@a --to b --accept-data-loss --max-age any")?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    // from there, nothing keeps it in sync
    assert_eq!(replicas(&id)?, (json!("unprotected"), Value::Null));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_operation_that_waits_for_nobody_is_ended_with_its_rows_and_quota() -> anyhow::Result<()>
{
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let id = client
        .create_volume(json!({ "size": 1, "metadata": { "fake:latency_ms": "60000" } }))
        .await?;
    cluster.workers.clear();
    let live: Value = serde_json::from_str(&done(&cluster, "--json operation list --live")?)?;
    let operation = live[0]["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(live[0]["kind"], "create_volume");
    done(&cluster, &format!("operation abort {operation}"))?;
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("error"));
    refused(&cluster, &format!("operation abort {operation}"), "has already ended")?;
    done(&cluster, "quota check")?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_operation_is_taken_from_a_worker_that_hangs() -> anyhow::Result<()> {
    let mut cluster = replicated().await?;
    let client = cluster.client();
    let claimed =
        "update operations set lease_until = now() + interval '1 hour' where state = 'running'";
    let asked = json!({ "size": 1, "metadata": { "fake:latency_ms": "1500" } });
    let id = client.create_volume(asked).await?;
    let database = cluster.database().await?;
    until("it is executed", Duration::from_secs(5), || async {
        database
            .query_one("select count(*) from operations where state = 'running'", &[])
            .await
            .is_ok_and(|row| row.get::<_, i64>(0) == 1)
    })
    .await?;
    cluster.workers[0].process.signal(Signal::STOP)?;
    // longer than anyone would wait for the lease to end
    assert_eq!(database.execute(claimed, &[]).await?, 1);
    cluster.add_worker(&[]).await?;
    let live: Value = serde_json::from_str(&done(&cluster, "--json operation list --live")?)?;
    let operation = live[0]["id"].as_str().unwrap_or_default().to_owned();
    done(&cluster, &format!("operation retry {operation}"))?;
    client.wait_for_status(&id, "available").await?;
    refused(&cluster, &format!("operation retry {operation}"), "is not running")?;
    // the one that hung goes on, and changes nothing
    cluster.workers[0].process.signal(Signal::CONT)?;
    // it finds that its lease has run out, or that the operation is another worker's, whichever it looks at first
    cluster.finish(&["the lease cannot be renewed"]).await
}

#[tokio::test]
async fn volumes_follow_a_backend_that_got_another_name() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.file("a").start().await?;
    let client = cluster.client();
    let id = client.available_volume(1).await?;
    client.access(&id, &["write -P 7 0 1M", "flush"]).await?;
    let update = "volume update-host --current host@a --new renamed@a";
    refused(&cluster, update, "there is no backend renamed@a; there are: host@a")?;
    let renamed = [("CINDERBLOCK__SERVICES__HOST", "renamed")];
    cluster.add_worker(&renamed).await?;
    refused(&cluster, update, "host@a is up: stop its workers first")?;
    cluster.workers.remove(0);
    until("the old name is down", Duration::from_secs(10), || async {
        let listed = done(&cluster, "backend list").unwrap_or_default();
        listed.lines().any(|line| line.starts_with("host@a ") && line.contains(" down "))
    })
    .await?;
    client.operate("freeze", "renamed@a").await?.expect_status(200)?;
    refused(&cluster, update, "renamed@a is frozen")?;
    client.operate("thaw", "renamed@a").await?.expect_status(200)?;
    assert!(done(&cluster, update)?.contains("1 volumes moved from host@a to renamed@a"));
    client.access(&id, &["read -P 7 0 1M"]).await?;
    client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&id, "available").await?;
    assert!(done(&cluster, update)?.contains("0 volumes"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_policy_is_shown_and_asked() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let file = cluster.directory().join("policy.d/10-auditors.yaml");
    std::fs::create_dir_all(cluster.directory().join("policy.d"))?;
    std::fs::write(&file, "volume:get_all: role:auditor\n")?;
    let listed = done(&cluster, "policy list")?;
    let line = listed.lines().find(|line| line.starts_with("volume:get_all ")).unwrap_or_default();
    assert!(line.contains("role:auditor") && line.contains("10-auditors.yaml"), "{listed}");
    assert!(listed.contains("xena_system_admin_or_project_member"), "{listed}");
    done(&cluster, "policy check --as auditor --rule volume:get_all")?;
    refused(&cluster, "policy check --as reader --rule volume:get_all", "")?;
    done(&cluster, "policy check --as member --rule volume:delete")?;
    refused(&cluster, "policy check --as member --rule volume:delete --target-project other", "")?;
    refused(&cluster, "policy check --as member --rule volume:erase", "there is no rule")?;
    // the sample is a policy file, and changes nothing
    std::fs::write(&file, done(&cluster, "policy sample")?)?;
    assert!(done(&cluster, "--json policy list")?.contains("\"default\""));
    std::fs::write(&file, "volume:get_all: 'role:a or'\n")?;
    refused(&cluster, "policy list", "rule volume:get_all: something is missing at the end")?;
    cluster.finish(&["the policy cannot be read again"]).await
}
