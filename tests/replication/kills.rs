//! Whoever dies, at whichever step of a failover, a failback or a promotion: everything has changed, or nothing, and
//! the operator sees which.

use harness::replication::{
    CUT_OFF, arrays, fail_over, of_volume, pair, replicated, service, volume, wait_for_replication,
    wait_until_dead, wait_until_down, wait_until_in_sync, wait_until_serving,
};
use harness::{Answered, Client, Cluster, until};
use serde_json::{Value, json};
use std::time::Duration;

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Failover,
    Failback,
    Promotion,
}

const STEPS: [Step; 3] = [Step::Failover, Step::Failback, Step::Promotion];

/// The backend's replication status and serving side, and the status of a replicated volume.
type State = (Value, Value, (String, String));

impl Step {
    /// Brings the backend to where this can be asked for, and returns a replicated volume.
    async fn prepare(self, cluster: &mut Cluster) -> anyhow::Result<String> {
        let client = cluster.client();
        let id = volume(&client, "replicated", "").await?;
        if self == Self::Failover {
            return Ok(id);
        }
        fail_over(&client, json!("b")).await?.expect_status(202)?;
        wait_for_replication(&client, "failed-over").await?;
        if self == Self::Promotion {
            client.operate("freeze", "host@a").await?.expect_status(200)?;
            cluster.workers.clear();
            wait_until_down(&client).await?;
            let config = cluster.directory().join("cinderblock.toml");
            let swapped =
                std::fs::read_to_string(&config)?.replace("backend_id = 'b'", "backend_id = 'd'");
            std::fs::write(&config, swapped)?;
        }
        Ok(id)
    }

    async fn ask(self, client: &Client) -> anyhow::Result<Answered> {
        match self {
            Self::Failover => fail_over(client, json!("b")).await,
            Self::Failback => fail_over(client, json!("default")).await,
            Self::Promotion => client.operate("reset_active_backend", "host@a").await,
        }
    }

    fn before(self) -> State {
        match self {
            Self::Failover => home(),
            Self::Failback | Self::Promotion => away(),
        }
    }

    fn after(self) -> State {
        match self {
            Self::Failover => away(),
            Self::Failback | Self::Promotion => home(),
        }
    }
}

fn home() -> State {
    (json!("enabled"), Value::Null, pair("available", "enabled"))
}

fn away() -> State {
    (json!("failed-over"), json!("b"), pair("available", "failed-over"))
}

async fn state(client: &Client, id: &str) -> anyhow::Result<State> {
    let service = service(client).await?;
    let of_volume = of_volume(client, id).await?;
    Ok((service["replication_status"].clone(), service["active_backend_id"].clone(), of_volume))
}

async fn wait_for_state(client: &Client, id: &str, wanted: &State) -> anyhow::Result<()> {
    until(&format!("{wanted:?}"), Duration::from_secs(20), || async {
        state(client, id).await.is_ok_and(|state| state == *wanted)
    })
    .await
}

/// A worker serves, and the volume can be in use by an operation.
async fn works(cluster: &mut Cluster, id: &str) -> anyhow::Result<()> {
    let client = cluster.client();
    if cluster.workers.is_empty() {
        cluster.add_worker(&[]).await?;
    }
    wait_until_serving(&client).await?;
    client.operate("thaw", "host@a").await?;
    client.act(id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(id, "available").await
}

#[tokio::test]
async fn a_worker_that_dies_in_a_failover_is_replaced_by_one_that_ends_it() -> anyhow::Result<()> {
    for point in ["volume.claimed", "volume.executed"] {
        let mut cluster = replicated().await?;
        let client = cluster.client();
        let (moving, staying) =
            (volume(&client, "replicated", "").await?, volume(&client, "__DEFAULT__", "").await?);
        for (target, end) in [("b", "failed-over"), ("default", "enabled")] {
            let armed = format!("{point}=return");
            cluster.workers.clear();
            cluster.add_worker(&[("FAILPOINTS", armed.as_str())]).await?;
            wait_until_serving(&client).await?;
            fail_over(&client, json!(target)).await?.expect_status(202)?;
            wait_until_dead(&mut cluster.workers[0]).await?;
            // nothing but the intent is there
            assert_eq!(service(&client).await?["replication_status"], "failing-over");
            assert_eq!(of_volume(&client, &moving).await?.0, "available");
            cluster.workers.clear();
            cluster.add_worker(&[]).await?;
            wait_for_replication(&client, end).await?;
            let away = end == "failed-over";
            let expected =
                if away { pair("error", "not-capable") } else { pair("available", "disabled") };
            assert_eq!(of_volume(&client, &staying).await?, expected, "{point}");
            assert_eq!(of_volume(&client, &moving).await?, pair("available", end), "{point}");
        }
        cluster.finish(&[]).await?;
    }
    Ok(())
}

/// The same with real arrays: once the primary is cut off, and with one of two volumes at home.
#[tokio::test]
async fn a_worker_that_dies_between_two_arrays_is_replaced_by_one_that_ends_it()
-> anyhow::Result<()> {
    let mut cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let volumes =
        [volume(&client, "replicated", "").await?, volume(&client, "replicated", "").await?];
    wait_until_in_sync(&cluster, 2).await?;
    for (point, target, end) in
        [("volume.cut_off", "b", "failed-over"), ("volume.brought", "default", "enabled")]
    {
        for id in &volumes {
            let write = format!("write -P {} {}M 1M", target.len(), target.len());
            client.access(id, &[&write, "flush"]).await?;
        }
        cluster.workers.clear();
        let armed = format!("{point}=return");
        cluster.add_worker(&[("FAILPOINTS", armed.as_str())]).await?;
        wait_until_serving(&client).await?;
        fail_over(&client, json!(target)).await?.expect_status(202)?;
        wait_until_dead(&mut cluster.workers[0]).await?;
        assert_eq!(service(&client).await?["replication_status"], "failing-over");
        cluster.workers.clear();
        cluster.add_worker(&[]).await?;
        wait_for_replication(&client, end).await?;
        for id in &volumes {
            assert_eq!(of_volume(&client, id).await?, pair("available", end), "{point}");
            let read = format!("read -P {} {}M 1M", target.len(), target.len());
            client.access(id, &[&read]).await?;
        }
    }
    cluster.finish(&[&CUT_OFF[..], &["heartbeat", "report"]].concat()).await
}

/// With the admission committed, and nobody told.
#[tokio::test]
async fn a_scheduler_that_dies_at_any_step_loses_nothing() -> anyhow::Result<()> {
    for step in STEPS {
        let mut cluster = replicated().await?;
        let client = cluster.client();
        let id = step.prepare(&mut cluster).await?;
        cluster.schedulers.clear();
        cluster.add_scheduler(&[("FAILPOINTS", "scheduler.admitted=return")]).await?;
        let asked = tokio::spawn({
            let client = client.clone();
            async move { step.ask(&client).await }
        });
        wait_until_dead(&mut cluster.schedulers[0]).await?;
        cluster.schedulers.clear();
        cluster.add_scheduler(&[]).await?;
        let answer = asked.await??;
        assert!(answer.status < 300, "{step:?}: {} {}", answer.status, answer.body);
        wait_for_state(&client, &id, &step.after()).await?;
        works(&mut cluster, &id).await?;
        cluster
            .finish(&[
                "sending the request again",
                "no answer from the scheduler before the deadline",
            ])
            .await?;
    }
    Ok(())
}

/// It has asked, and nobody hears what comes of it.
#[tokio::test]
async fn an_api_that_dies_at_any_step_leaves_what_it_has_asked_for() -> anyhow::Result<()> {
    for step in STEPS {
        let mut cluster = replicated().await?;
        let id = step.prepare(&mut cluster).await?;
        cluster.schedulers.clear();
        cluster.add_scheduler(&[("FAILPOINTS", "scheduler.admitted=1*sleep(1500)")]).await?;
        let database = cluster.database().await?;
        let kinds =
            "select count(*) from operations where kind in ('failover_backend', 'promote_backend')";
        let before: i64 = database.query_one(kinds, &[]).await?.get(0);
        let asked = tokio::spawn({
            let client = cluster.client();
            async move { step.ask(&client).await }
        });
        until("it is admitted", Duration::from_secs(10), || async {
            let now = database.query_one(kinds, &[]).await;
            now.is_ok_and(|row| row.get::<_, i64>(0) > before)
        })
        .await?;
        cluster.apis.clear();
        assert!(asked.await?.is_err(), "{step:?}: somebody was answered");
        cluster.add_api(&[]).await?;
        wait_for_state(&cluster.client(), &id, &step.after()).await?;
        works(&mut cluster, &id).await?;
        cluster.finish(&[]).await?;
    }
    Ok(())
}

/// Whatever is answered while the database hangs up on everybody, again and again, is true.
#[tokio::test]
async fn connections_that_break_at_any_step_leave_everything_or_nothing() -> anyhow::Result<()> {
    for step in STEPS {
        let mut cluster = replicated().await?;
        let client = cluster.client();
        let id = step.prepare(&mut cluster).await?;
        let mut every = tokio::time::interval(Duration::from_millis(30));
        let mut asked = std::pin::pin!(step.ask(&client));
        let answer = loop {
            tokio::select! {
                answer = &mut asked => break answer?,
                _ = every.tick() => cluster.cut_database_connections().await?,
            }
        };
        for _ in 0..10 {
            every.tick().await;
            cluster.cut_database_connections().await?;
        }
        let end = match answer.status {
            200 | 202 => step.after(),
            503 => step.before(),
            _ => anyhow::bail!("{step:?}: {} {}", answer.status, answer.body),
        };
        wait_for_state(&client, &id, &end).await?;
        works(&mut cluster, &id).await.or_else(|error| {
            // a promotion that did not happen leaves a worker that waits for it
            if end == away() && step == Step::Promotion { Ok(()) } else { Err(error) }
        })?;
        let expected = [
            "database",
            "db error",
            "connection",
            "statement",
            "no answer from the scheduler before the deadline",
            "could not be recycled",
            "gate",
            "heartbeat",
            "sweep",
            "lease",
            "serve",
            "claimed",
            "purge",
            "replication",
            "report",
        ];
        cluster.finish_unsettled(&expected)?;
    }
    Ok(())
}
