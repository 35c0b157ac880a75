//! Several workers share a backend: what is decided is decided for all of them, and one that missed a failover
//! does no harm.

use crate::cinderblock_manage::done;
use anyhow::Context as _;
use harness::replication::{
    CUT_OFF, of_volume, pair, replicated_volume, rows, suspend, swap_sides, volume,
    wait_for_replica, wait_until_in_sync, wait_until_serving,
};
use harness::{BackendSpec, Client, Cluster, ClusterBuilder, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

const NAME: &str = "site@a";

/// Two members of one cluster, on two machines by their names.
async fn two_members() -> anyhow::Result<Cluster> {
    two_members_with("fake").await
}

async fn two_members_with(driver: &'static str) -> anyhow::Result<Cluster> {
    let builder = ClusterBuilder::for_test().await?;
    let settings = format!(
        "cluster = 'site'\n\
         [[backends.a.replication_device]]\nbackend_id = 'b'\ndirectory = '{}'\n",
        builder.directory().join("b").display()
    );
    let backend = BackendSpec { name: "a".to_owned(), driver, settings };
    let mut cluster = builder.backend(backend).start().await?;
    let state = cluster.directory().join("state-of-the-other").display().to_string();
    cluster.add_worker(&machine_of_the_other(&state)).await?;
    let client = cluster.client();
    until("both members are up", Duration::from_secs(10), || async {
        detail(&client)
            .await
            .is_ok_and(|shown| shown["num_hosts"] == 2 && shown["num_down_hosts"] == 0)
    })
    .await?;
    let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
    client.create_volume_type("replicated", specs).await?;
    Ok(cluster)
}

/// The second member's machine, by its name.
const fn machine_of_the_other(state: &str) -> [(&str, &str); 2] {
    [("CINDERBLOCK__SERVICES__HOST", "other"), ("CINDERBLOCK__VOLUME__STATE_DIRECTORY", state)]
}

async fn detail(client: &Client) -> anyhow::Result<Value> {
    let shown = client.get(&format!("/clusters/{NAME}")).await?.expect_status(200)?;
    Ok(shown.body["cluster"].clone())
}

async fn wait_for_replication(client: &Client, wanted: &str) -> anyhow::Result<()> {
    until(wanted, Duration::from_secs(15), || async {
        detail(client).await.is_ok_and(|shown| shown["replication_status"] == wanted)
    })
    .await
}

#[tokio::test]
async fn freeze_disable_and_failover_act_on_the_cluster_as_one() -> anyhow::Result<()> {
    let cluster = two_members().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    let services = client.get("/os-services?binary=cinder-volume").await?.body["services"].clone();
    let hosts: Vec<&str> =
        services.as_array().into_iter().flatten().filter_map(|one| one["host"].as_str()).collect();
    assert_eq!(hosts, ["host@a", "other@a"]);
    // a member is as good a name as the cluster's
    for name in ["other@a", NAME] {
        let counted = client.get(&format!("/os-hosts/{name}")).await?.expect_status(200)?.body;
        assert_eq!(counted["host"][0]["resource"]["volume_count"], "1", "{name}");
    }
    let stored = format!("/manageable_volumes?cluster={NAME}");
    client.get(&stored).await?.expect_status(200)?;
    assert_eq!(client.with_version("volume 3.16").get(&stored).await?.status, 400);
    let here = client.act(&id, "os-migrate_volume", json!({ "cluster": NAME })).await?;
    assert!(here.expect_status(400)?.fault().contains("is already on"));
    let both = json!({ "cluster": NAME, "host": "host@a" });
    let both = client.act(&id, "os-migrate_volume", both).await?.expect_status(400)?;
    assert_eq!(both.fault(), "Only one of host and cluster can be given.");
    assert!(services.as_array().into_iter().flatten().all(|one| one["cluster"] == NAME));
    let shown = client.get(&format!("/volumes/{id}")).await?.body;
    assert_eq!(shown["volume"]["cluster_name"], NAME);
    assert!(done(&cluster, "cluster list")?.contains("host@a, other@a"));

    // by the cluster's name, or by a member's
    for body in [json!({ "cluster": NAME }), json!({ "host": "other@a" })] {
        client.put("/os-services/freeze", body.clone()).await?.expect_status(200)?;
        let services =
            client.get("/os-services?binary=cinder-volume").await?.body["services"].clone();
        assert!(services.as_array().into_iter().flatten().all(|one| one["frozen"] == true));
        assert_eq!(client.delete(&format!("/volumes/{id}")).await?.status, 400);
        assert_eq!(detail(&client).await?["frozen"], true);
        client.put("/os-services/thaw", body).await?.expect_status(200)?;
        // no member is left behind, neither frozen nor disabled
        let services =
            client.get("/os-services?binary=cinder-volume").await?.body["services"].clone();
        let facts = |one: &Value| (one["frozen"].clone(), one["status"].clone());
        let facts: Vec<_> = services.as_array().into_iter().flatten().map(facts).collect();
        assert_eq!(facts, [(json!(false), json!("enabled")), (json!(false), json!("enabled"))]);
        assert_eq!(detail(&client).await?["frozen"], false);
    }
    let disable = json!({ "name": NAME, "disabled_reason": "shelf 3" });
    let answer = client.put("/clusters/disable", disable).await?.expect_status(200)?.body;
    assert_eq!(answer["cluster"]["disabled_reason"], "shelf 3");
    let services = client.get("/os-services?binary=cinder-volume").await?.body["services"].clone();
    assert!(services.as_array().into_iter().flatten().all(|one| one["status"] == "disabled"));
    let refused = client.delete(&format!("/volumes/{id}")).await?.expect_status(400)?;
    assert!(refused.fault().contains("disabled since"), "{}", refused.body);
    let refused = client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
    assert!(refused.fault().contains("1 backend: 1 disabled"), "{}", refused.body);
    client.put("/clusters/enable", json!({ "name": NAME })).await?.expect_status(200)?;

    let to_b = json!({ "cluster": NAME, "backend_id": "b" });
    client.put("/os-services/failover", to_b).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    until("both members follow", Duration::from_secs(10), || async {
        cluster.workers.iter().all(|worker| {
            let log = std::fs::read_to_string(worker.process.log()).unwrap_or_default();
            log.contains("side=b")
        })
    })
    .await?;
    let filtered = |query: &str| {
        let (client, path) = (client.clone(), format!("/clusters?{query}"));
        async move { client.get(&path).await }
    };
    for (query, count) in [
        ("replication_status=failed-over", 1),
        ("frozen=true", 0),
        ("num_hosts=2", 1),
        ("num_down_hosts=1", 0),
        ("is_up=true", 1),
        ("active_backend_id=b", 1),
    ] {
        let listed = filtered(query).await?.expect_status(200)?.body;
        assert_eq!(listed["clusters"].as_array().map(Vec::len), Some(count), "{query}");
    }
    assert_eq!(filtered("color=red").await?.status, 400);
    assert_eq!(filtered("is_up=perhaps").await?.status, 400);
    assert_eq!(client.get("/clusters/unknown").await?.status, 404);
    assert_eq!(client.with_version("volume 3.6").get("/clusters").await?.status, 404);
    let older =
        client.with_version("volume 3.25").get("/clusters/detail").await?.expect_status(200)?;
    assert!(older.body["clusters"][0].get("frozen").is_none());
    cluster.finish(&[]).await
}

/// What openstacksdk, the cinder command and older clients send.
#[tokio::test]
async fn clients_of_every_version_fail_over_by_host_and_newer_ones_by_cluster() -> anyhow::Result<()>
{
    let cluster = two_members().await?;
    let client = cluster.client();
    let mut over = false;
    let mut ask = async |version: &str, path: &str, mut body: Value| {
        let target = if over { "default" } else { "b" };
        body["backend_id"] = json!(target);
        let answer = client.with_version(version).put(&format!("/os-services/{path}"), body).await;
        if let Ok(202) = answer.as_ref().map(|answer| answer.status) {
            over = !over;
            let end = if over { "failed-over" } else { "enabled" };
            wait_for_replication(&client, end).await?;
        }
        answer
    };
    let both = json!({ "host": "host@a", "cluster": NAME });
    let by_cluster = json!({ "cluster": NAME });
    for version in ["", "volume 3.0", "volume 3.25", "volume 3.26", "volume 3.71"] {
        let path = if version == "volume 3.0" { "failover" } else { "failover_host" };
        let named = ask(version, path, json!({ "host": "other@a" })).await?;
        assert_eq!(named.status, 202, "{version}: {}", named.body);
        let (clustered, ambiguous) =
            (ask(version, "failover", by_cluster.clone()).await?, ask(version, path, both.clone()));
        let before = rows(&cluster).await?;
        let ambiguous = ambiguous.await?;
        if ["volume 3.26", "volume 3.71"].contains(&version) {
            assert_eq!(clustered.status, 202, "{version}: {}", clustered.body);
            assert_eq!(ambiguous.status, 400, "{version}");
            assert_eq!(ambiguous.fault(), "Only one of host and cluster can be given.");
            assert_eq!(rows(&cluster).await?, before, "{version}");
        } else {
            // before 3.26 there are no clusters, and the word means nothing
            assert_eq!(clustered.status, 400, "{version}");
            assert!(clustered.fault().contains("host"), "{version}: {}", clustered.body);
            assert_eq!(ambiguous.status, 202, "{version}: {}", ambiguous.body);
        }
    }
    cluster.finish(&[]).await
}

/// In Cinder the oldest row of the service list decides what may be sent, whether its process lives or not.
#[tokio::test]
async fn a_member_that_died_long_ago_holds_nothing_up() -> anyhow::Result<()> {
    let mut cluster = two_members().await?;
    let client = cluster.client();
    cluster.workers[1].process.kill();
    let database = cluster.database().await?;
    // it never followed, and another scheduler is gone as well
    let aged = "update services set seen_at = '2020-01-01', created_at = '2019-01-01', epoch = 0 \
                where host = 'other@a'";
    assert_eq!(database.execute(aged, &[]).await?, 1);
    let stale = "insert into services (binary_name, host, availability_zone, boot_id, seen_at, created_at) \
                 values ('cinder-scheduler', 'gone', 'nova', gen_random_uuid(), '2020-01-01', '2019-01-01')";
    database.execute(stale, &[]).await?;
    let id = volume(&client, "replicated", "").await?;
    client.create_snapshot(&id).await?;
    client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&id, "available").await?;
    client.attach(&id, "server-1").await?;
    for (target, end) in [("b", "failed-over"), ("default", "enabled")] {
        client.put("/os-services/freeze", json!({ "cluster": NAME })).await?.expect_status(200)?;
        let to = json!({ "cluster": NAME, "backend_id": target });
        client.put("/os-services/failover", to).await?.expect_status(202)?;
        wait_for_replication(&client, end).await?;
        assert_eq!(of_volume(&client, &id).await?, pair("in-use", end));
        client.put("/os-services/thaw", json!({ "cluster": NAME })).await?.expect_status(200)?;
    }
    client.detach(&id).await?;
    // both rows were there all the time
    let listed = client.get("/os-services").await?.expect_status(200)?.body["services"].clone();
    for host in ["other@a", "gone"] {
        let found = listed.as_array().into_iter().flatten().find(|one| one["host"] == host);
        assert_eq!(found.map(|one| &one["state"]), Some(&json!("down")), "{host}: {listed}");
    }
    cluster.finish(&[]).await
}

/// Long before they would look by themselves.
#[tokio::test]
async fn all_members_are_told_that_a_failover_has_ended() -> anyhow::Result<()> {
    let mut cluster = two_members().await?;
    let client = cluster.client();
    cluster.workers.clear();
    let state = cluster.directory().join("state-of-the-other").display().to_string();
    let seldom = [("CINDERBLOCK__VOLUME__SWEEP_SECONDS", "60")];
    cluster.add_worker(&seldom).await?;
    cluster.add_worker(&[&seldom[..], &machine_of_the_other(&state)].concat()).await?;
    until("both members are up", Duration::from_secs(10), || async {
        detail(&client).await.is_ok_and(|shown| shown["num_down_hosts"] == 0)
    })
    .await?;
    let to_b = json!({ "cluster": NAME, "backend_id": "b" });
    client.put("/os-services/failover", to_b).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    until("both have confirmed", Duration::from_secs(10), || async {
        behind(&cluster).is_ok_and(|behind| behind == json!([]))
    })
    .await?;
    cluster.finish(&[]).await
}

/// The members that have not confirmed that they follow.
fn behind(cluster: &Cluster) -> anyhow::Result<Value> {
    let listed: Value = serde_json::from_str(&done(cluster, "--json cluster list")?)?;
    Ok(listed[0]["members_unconfirmed"].clone())
}

/// One member sleeps through the whole failover, with an operation in its hands.
#[tokio::test]
async fn a_member_that_slept_through_a_failover_does_no_harm() -> anyhow::Result<()> {
    let cluster = two_members().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "volume_type": "replicated", "metadata": { "fake:latency_ms": "1500" } });
    let id = client.create_volume(slow).await?;
    client.wait_for_status(&id, "available").await?;
    client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    let database = cluster.database().await?;
    let taken = "select owner from operations where kind = 'extend_volume' and state = 'running'";
    until("a member has it", Duration::from_secs(5), || async {
        database.query_opt(taken, &[]).await.is_ok_and(|row| row.is_some())
    })
    .await?;
    let owner: String = database.query_one(taken, &[]).await?.get(0);
    let sleeper = cluster
        .workers
        .iter()
        .position(|worker| {
            std::fs::read_to_string(worker.process.log()).is_ok_and(|log| log.contains(&owner))
        })
        .context("no worker's log names the owner")?;
    cluster.workers[sleeper].process.signal(Signal::STOP)?;
    let to_b = json!({ "cluster": NAME, "backend_id": "b" });
    client.put("/os-services/failover", to_b).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    // without the fence its end would be recorded now; without the epoch it would claim the next one
    let before = of_volume(&client, &id).await?;
    assert_eq!(before, pair("error_extending", "failed-over"));
    let name = if sleeper == 0 { "host@a" } else { "other@a" };
    until("the one that is awake, and it alone, has confirmed", Duration::from_secs(5), || async {
        behind(&cluster).is_ok_and(|behind| behind == json!([name]))
    })
    .await?;
    cluster.workers[sleeper].process.signal(Signal::CONT)?;
    let log = cluster.workers[sleeper].process.log().to_owned();
    until("the sleeper has found out", Duration::from_secs(15), || async {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("side=b")
            && (log.contains("lost to another worker")
                || log.contains("another worker has claimed it"))
    })
    .await?;
    until("it confirms that", Duration::from_secs(5), || async {
        behind(&cluster).is_ok_and(|behind| behind == json!([]))
    })
    .await?;
    assert_eq!(of_volume(&client, &id).await?, before);
    let size = client.get(&format!("/volumes/{id}")).await?.body["volume"]["size"].clone();
    assert_eq!(size, 1);
    cluster.finish(&["bus", "lease", "heartbeat", "claimed", "not recorded"]).await
}

/// Real arrays, and a member that sleeps while they change places: over, home, and into promotion.
#[tokio::test]
async fn a_member_that_slept_serves_nothing_of_the_array_that_was_left() -> anyhow::Result<()> {
    let mut cluster = two_members_with("file").await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    for (side, pattern) in [("b", 1), ("default", 2), ("b", 3)] {
        suspend(&cluster, 1).await?;
        let to = json!({ "cluster": NAME, "backend_id": side });
        client.put("/os-services/failover", to).await?.expect_status(202)?;
        let end = if side == "b" { "failed-over" } else { "enabled" };
        wait_for_replication(&client, end).await?;
        client.access(&id, &[&format!("write -P {pattern} {pattern}M 1M"), "flush"]).await?;
        cluster.workers[1].process.signal(Signal::CONT)?;
        until("the sleeper confirms", Duration::from_secs(15), || async {
            behind(&cluster).is_ok_and(|behind| behind == json!([]))
        })
        .await?;
        if side == "default" {
            wait_until_in_sync(&cluster, 1).await?;
        }
        for written in 1..=pattern {
            client.access(&id, &[&format!("read -P {written} {written}M 1M")]).await?;
        }
    }
    client.put("/os-services/freeze", json!({ "cluster": NAME })).await?.expect_status(200)?;
    cluster.workers.clear();
    until("the members are down", Duration::from_secs(10), || async {
        detail(&client).await.is_ok_and(|shown| shown["num_down_hosts"] == 2)
    })
    .await?;
    swap_sides(&cluster)?;
    client
        .put("/os-services/reset_active_backend", json!({ "cluster": NAME }))
        .await?
        .expect_status(200)?;
    let state = cluster.directory().join("state-of-the-other").display().to_string();
    cluster.add_worker(&[]).await?;
    cluster.add_worker(&machine_of_the_other(&state)).await?;
    wait_until_serving(&client).await?;
    client.put("/os-services/thaw", json!({ "cluster": NAME })).await?.expect_status(200)?;
    wait_for_replica(&cluster, "c", &id).await?;
    client.access(&id, &["read -P 1 1M 1M", "read -P 2 2M 1M", "read -P 3 3M 1M"]).await?;
    cluster
        .finish(
            &[&CUT_OFF[..], &["bus", "lease", "heartbeat", "claimed", "not recorded", "report"]]
                .concat(),
        )
        .await
}

/// What the epoch keeps out: with it ignored, a member that knows the old side gets the operation.
#[tokio::test]
async fn without_the_epoch_a_stale_member_would_be_given_work() -> anyhow::Result<()> {
    let cluster = two_members().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    let to_b = json!({ "cluster": NAME, "backend_id": "b" });
    client.put("/os-services/failover", to_b).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    for worker in &cluster.workers {
        worker.process.signal(Signal::STOP)?;
    }
    client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    let claim = "select exists (select from claim(array[o.id], o.backend_id, b.epoch - $1, 'stale', interval '1 second')) \
                 from operations o join backends b on b.id = o.backend_id where o.kind = 'extend_volume'";
    let database = cluster.database().await?;
    let given = async |behind: i64| {
        database.query_one(claim, &[&behind]).await.map(|row| row.get::<_, bool>(0))
    };
    assert!(!given(1).await?);
    assert!(given(0).await?);
    for worker in &cluster.workers {
        worker.process.signal(Signal::CONT)?;
    }
    client.wait_for_status(&id, "available").await?;
    cluster.finish(&["bus", "lease", "heartbeat", "claimed", "not recorded"]).await
}

#[tokio::test]
async fn others_go_on_with_what_a_dead_member_had() -> anyhow::Result<()> {
    let cluster = two_members().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1500" } });
    let id = client.create_volume(slow).await?;
    let database = cluster.database().await?;
    let taken = "select owner from operations where state = 'running'";
    until("a member has it", Duration::from_secs(5), || async {
        database.query_opt(taken, &[]).await.is_ok_and(|row| row.is_some())
    })
    .await?;
    let owner: String = database.query_one(taken, &[]).await?.get(0);
    let dead = cluster
        .workers
        .iter()
        .position(|worker| {
            std::fs::read_to_string(worker.process.log()).is_ok_and(|log| log.contains(&owner))
        })
        .unwrap_or(0);
    cluster.workers[dead].process.signal(Signal::KILL)?;
    let far =
        "update operations set lease_until = now() + interval '1 hour' where state = 'running'";
    database.execute(far, &[]).await?;
    until("the member is down", Duration::from_secs(10), || async {
        detail(&client).await.is_ok_and(|shown| shown["num_down_hosts"] == 1)
    })
    .await?;
    assert_eq!(client.post("/workers/cleanup", json!({ "is_up": true })).await?.status, 400);
    let cleaned = client
        .post("/workers/cleanup", json!({ "cluster_name": NAME }))
        .await?
        .expect_status(202)?;
    assert_eq!(cleaned.body["cleaning"][0]["cluster_name"], NAME);
    assert_eq!(cleaned.body["unavailable"], json!([]));
    client.wait_for_status(&id, "available").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_cluster_promotes_its_target_and_all_members_go_on_with_it() -> anyhow::Result<()> {
    let mut cluster = two_members().await?;
    let client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    let of_cluster = json!({ "cluster": NAME });
    let to_b = json!({ "cluster": NAME, "backend_id": "b" });
    client.put("/os-services/failover", to_b).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.put("/os-services/freeze", of_cluster.clone()).await?.expect_status(200)?;
    let promote = || client.put("/os-services/reset_active_backend", of_cluster.clone());
    // the members still have b as a target
    promote().await?.expect_status(400)?;
    cluster.workers.clear();
    until("the members are down", Duration::from_secs(10), || async {
        detail(&client).await.is_ok_and(|shown| shown["num_down_hosts"] == 2)
    })
    .await?;
    let config = cluster.directory().join("cinderblock.toml");
    let swapped = std::fs::read_to_string(&config)?.replace("backend_id = 'b'", "backend_id = 'c'");
    std::fs::write(&config, swapped)?;
    promote().await?.expect_status(200)?;
    let state = cluster.directory().join("state-of-the-other").display().to_string();
    cluster.add_worker(&[]).await?;
    cluster.add_worker(&machine_of_the_other(&state)).await?;
    until("the members are up and follow", Duration::from_secs(10), || async {
        detail(&client).await.is_ok_and(|shown| shown["num_down_hosts"] == 0)
            && behind(&cluster).is_ok_and(|behind| behind == json!([]))
    })
    .await?;
    client.put("/os-services/thaw", of_cluster).await?.expect_status(200)?;
    let shown = detail(&client).await?;
    assert_eq!(
        (&shown["replication_status"], &shown["active_backend_id"]),
        (&json!("enabled"), &json!(null))
    );
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
    let to_c = json!({ "cluster": NAME, "backend_id": "c" });
    client.put("/os-services/failover", to_c).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    cluster.finish(&[]).await
}
