//! A database that drops its connections, that falls silent, and whose bookkeeping is corrected meanwhile.

use anyhow::Context as _;
use configuration::DatabaseConfig;
use database::{Database, DbError, quotas};
use harness::{ClusterBuilder, until};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_true_while_connections_are_cut() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let database = cluster.database().await?;
    let over = Arc::new(AtomicBool::new(false));
    let taken = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (client, over, taken) = (cluster.client(), over.clone(), taken.clone());
            tokio::spawn(async move {
                let (mut accepted, mut refused) = (Vec::new(), 0);
                while !over.load(Ordering::Relaxed) {
                    let answer =
                        client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
                    match (answer.status, answer.body["volume"]["id"].as_str()) {
                        (202, Some(id)) => {
                            taken.fetch_add(1, Ordering::Relaxed);
                            accepted.push(id.to_owned());
                        }
                        (503, _) => refused += 1,
                        _ => anyhow::bail!("{} {}", answer.status, answer.body),
                    }
                }
                Ok((accepted, refused))
            })
        })
        .collect();
    for _ in 0..10 {
        cluster.cut_database_connections().await?;
        // each time it goes on, and is in the middle of something when they are cut again
        let before = taken.load(Ordering::Relaxed);
        until("volumes are created again", Duration::from_secs(20), || async {
            taken.load(Ordering::Relaxed) > before + 2
        })
        .await?;
    }
    over.store(true, Ordering::Relaxed);
    let mut promised = 0;
    for client in clients {
        let (accepted, _refused) = client.await??;
        promised += accepted.len();
        for id in accepted {
            cluster.client().wait_for_status(&id, "available").await?;
        }
    }
    // what was not promised did not happen
    let admitted = "select count(*) from operations where state <> 'revoked'";
    let admitted: i64 = database.query_one(admitted, &[]).await?.get(0);
    assert_eq!(admitted, i64::try_from(promised)?);
    assert!(promised >= 30, "only {promised} volumes were created");
    // whatever anybody complains of is a lost connection, or an answer that did not come for want of one
    let expected = [
        "does not answer",
        "db error",
        "onnection closed",
        "communicating with the server",
        "sending the request again",
        "no answer from the scheduler before the deadline",
    ];
    cluster.finish(&expected).await
}

/// Forwards connections to a server until it is told to be silent; then it keeps them open and forwards nothing, as
/// the kernel does for a server that is stopped.
pub(crate) async fn gateway(server: String, silent: watch::Receiver<bool>) -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        let mut forwarded = Vec::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let (server, mut silent) = (server.clone(), silent.clone());
            forwarded.push(tokio::spawn(async move {
                let mut far = TcpStream::connect(&server).await?;
                tokio::select! {
                    copied = tokio::io::copy_bidirectional(&mut near, &mut far) => copied.map(drop),
                    () = wait_until_told(&mut silent) => std::future::pending().await,
                }
            }));
        }
    });
    Ok(port)
}

async fn wait_until_told(silent: &mut watch::Receiver<bool>) {
    let _told = silent.wait_for(|silent| *silent).await;
}

#[tokio::test]
async fn a_database_that_falls_silent_is_not_waited_for() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let config = configuration::Config::load(Some(&cluster.directory().join("cinderblock.toml")))?;
    let (scheme, rest) = config.database.url.expose().split_once('@').context("a user")?;
    let (server, name) = rest.split_once('/').context("a database")?;
    let (be_silent, silent) = watch::channel(false);
    let port = gateway(server.to_owned(), silent).await?;
    let settings = DatabaseConfig {
        url: format!("{scheme}@127.0.0.1:{port}/{name}").as_str().into(),
        statement_timeout_ms: 500,
        ..config.database
    };
    let database = Database::new(&settings, Duration::from_secs(3))?;
    database.ping().await?;
    be_silent.send(true)?;
    let answer = tokio::time::timeout(Duration::from_secs(10), database.ping()).await;
    assert!(matches!(answer, Ok(Err(DbError::Unavailable(_)))), "{answer:?}");
    // the connection that said nothing is not given to the next one
    be_silent.send(false)?;
    database.ping().await?;
    cluster.finish(&[]).await
}

/// The API that waits for the end of an admitted operation loses the database for a while.
#[tokio::test]
async fn what_was_admitted_is_answered_although_the_database_was_silent() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "4000" } });
    let volume = client.create_volume(slow).await?;
    client.wait_for_status(&volume, "available").await?;
    let (scheme, rest) = cluster.database.split_once('@').context("a user")?;
    let (server, name) = rest.split_once('/').context("a database")?;
    let (be_silent, silent) = watch::channel(false);
    let port = gateway(server.to_owned(), silent).await?;
    let url = format!("{scheme}@127.0.0.1:{port}/{name}");
    cluster
        .add_api(&[
            ("CINDERBLOCK__DATABASE__URL", &url),
            ("CINDERBLOCK__DATABASE__STATEMENT_TIMEOUT_MS", "200"),
        ])
        .await?;
    let behind_gateway = client.at(&cluster.apis[1].endpoint());
    let connector = json!({ "connector": harness::scene::connector("server-1") });
    let connecting = tokio::spawn({
        let volume = volume.clone();
        async move { behind_gateway.act(&volume, "os-initialize_connection", connector).await }
    });
    let database = cluster.database().await?;
    let reaches = async |wanted: &str| {
        until(wanted, Duration::from_secs(20), || async {
            let sql = "select state from operations where kind = 'initialize_connection'";
            let state = database.query_opt(sql, &[]).await;
            state.is_ok_and(|row| row.is_some_and(|row| row.get::<_, &str>(0) == wanted))
        })
        .await
    };
    reaches("running").await?;
    be_silent.send(true)?;
    reaches("done").await?;
    assert!(!connecting.is_finished());
    be_silent.send(false)?;
    connecting.await??.expect_status(200)?;
    cluster.finish(&[]).await
}

/// As after a failover of PostgreSQL: the connections that are there lead to a standby.
#[tokio::test]
async fn a_standby_is_left_as_soon_as_it_says_what_it_is() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    client.available_volume(1).await?;
    let database = cluster.database().await?;
    let set_read_only = async |is: &str| -> anyhow::Result<()> {
        let name: String = database.query_one("select current_database()", &[]).await?.get(0);
        let sql = format!("alter database {name} set default_transaction_read_only = {is}");
        Ok(database.batch_execute(&sql).await?)
    };
    set_read_only("on").await?;
    cluster.cut_database_connections().await?;
    until("the API reads again", Duration::from_secs(10), || async {
        client.get("/volumes").await.is_ok_and(|answer| answer.status == 200)
    })
    .await?;
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.post("/volumes", json!({ "volume": { "size": 1 } })).await }
    });
    until("the request can neither be admitted nor revoked", Duration::from_secs(10), || async {
        cluster.logs().contains("not revoked yet")
    })
    .await?;
    // its connections are closed: the next ones lead to the new primary
    set_read_only("off").await?;
    assert_eq!(asking.await??.status, 503);
    until("volumes are created again", Duration::from_secs(10), || async {
        let asked = json!({ "volume": { "size": 1 } });
        client.post("/volumes", asked).await.is_ok_and(|answer| answer.status == 202)
    })
    .await?;
    let expected = [
        "does not answer",
        "db error",
        "onnection closed",
        "communicating with the server",
        "scheduler",
    ];
    cluster.finish(&expected).await
}

/// One usage is held, so that the correction is in the middle when a reservation wants to come between.
#[tokio::test]
async fn a_correction_of_the_quota_takes_no_reservation_away() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    let mut holder = cluster.database().await?;
    let wrong = "update quota_usages set used = used + 7";
    holder.execute(wrong, &[]).await?;
    holder
        .execute(
            "insert into quota_usages (project_id, resource, used) values ('held', 'volumes', 7)",
            &[],
        )
        .await?;
    let held = holder.transaction().await?;
    held.execute("select from quota_usages where project_id = 'held' for update", &[]).await?;

    let config = configuration::Config::load(Some(&cluster.directory().join("cinderblock.toml")))?;
    let database = Database::new(&config.database, Duration::from_secs(3))?;
    let correction = tokio::spawn(async move { quotas::sync(&database).await });
    let watcher = cluster.database().await?;
    let waits = async |statement: &str| {
        until("it waits for a lock", Duration::from_secs(5), || async {
            let sql = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' \
                           and datname = current_database() and query like $1)";
            watcher.query_one(sql, &[&format!("%{statement}%")]).await.is_ok_and(|row| row.get(0))
        })
        .await
    };
    waits("sync_quota").await?;
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "500" } });
    let creator = cluster.client();
    let creating = tokio::spawn(async move { creator.create_volume(slow).await });
    waits("admit_create_volume").await?;
    held.commit().await?;
    correction.await??;
    let created = creating.await??;
    client.wait_for_status(&created, "available").await?;
    // the invariants that are checked at the end know whether the usage is exact
    cluster.finish(&[]).await
}
