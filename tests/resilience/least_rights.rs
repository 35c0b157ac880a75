//! Each service's users in PostgreSQL and on the broker may do what the service needs, and nothing else. That they may do what it
//! needs is shown by all other tests.

use anyhow::Context;
use bus::rights::BrokerUser;
use database::DatabaseRole;
use harness::authority::Authority;
use harness::postgres::WITH_PASSWORDS;
use harness::rabbitmq::{self, RabbitMq};
use harness::{Client, ClusterBuilder, Servers, files};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::Value;
use std::path::Path;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// What a service may ask the database to do, and what not.
const STATEMENTS: [(&str, &[DatabaseRole]); 10] = [
    ("select count(*) from volumes", &DatabaseRole::ALL),
    (
        "select * from revoke_request(gen_random_uuid(), 'r', 'u', 'p', 'k', '{}', 't', gen_random_uuid())",
        &[DatabaseRole::Api, DatabaseRole::Scheduler],
    ),
    ("select * from admit_delete_volume('{}', '{}')", &[DatabaseRole::Scheduler]),
    ("select * from admit_freeze_backend('{}', '{}')", &[DatabaseRole::Scheduler]),
    ("select * from finish_delete_volume('{}')", &[DatabaseRole::Volume]),
    ("select * from finish_create_backup('{}')", &[DatabaseRole::Backup]),
    ("select end_operations('{}', 'no reason')", &[]),
    ("update volumes set status = 'error'", &[]),
    ("update backends set frozen_at = null", &[]),
    (
        "insert into operations (id, request_id, user_id, project_id, kind, arguments, subject_table, subject_id, state) \
      values (gen_random_uuid(), '', '', '', '', '{}', '', gen_random_uuid(), 'admitted')",
        &[],
    ),
];

#[tokio::test]
async fn no_service_may_do_what_another_one_is_for() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    for role in DatabaseRole::ALL {
        let url = Servers::as_role(&cluster.database, role);
        let client = connect(&url).await?;
        let settings = format!(
            "set search_path = {}; set cinderblock.down_after = '3s'",
            database::statements::search_path()
        );
        client.batch_execute(&settings).await?;
        for (sql, allowed) in STATEMENTS {
            let answer = client.batch_execute(sql).await;
            let is_refused = answer
                .as_ref()
                .is_err_and(|error| error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE));
            assert_eq!(answer.is_ok(), allowed.contains(&role), "{role:?}: {sql}: {answer:?}");
            assert_eq!(is_refused, answer.is_err(), "{role:?}: {sql}: {answer:?}");
        }
    }
    // the owner may do all of it: the statements are right
    let owner = cluster.database().await?;
    for (sql, _) in STATEMENTS {
        owner.batch_execute(&format!("begin; {sql}; rollback")).await.context(sql)?;
    }
    cluster.finish(&[]).await
}

/// A worker that was taken ends what it has claimed, and with it nothing else.
#[tokio::test]
async fn a_claim_is_no_right_to_another_resource() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let (own, other) = (client.available_volume(1).await?, client.available_volume(1).await?);
    let worker = connect(&Servers::as_role(&cluster.database, DatabaseRole::Volume)).await?;
    let settings = format!(
        "set search_path = {}; set cinderblock.down_after = '3s'",
        database::statements::search_path()
    );
    worker.batch_execute(&settings).await?;
    // as if it had been admitted and claimed
    let owner = cluster.database().await?;
    let claimed = format!(
        "insert into operations (id, request_id, user_id, project_id, kind, arguments, subject_table, subject_id, state, fence, lease_until) \
         values (gen_random_uuid(), 'r', 'u', 'p', 'delete_volume', '{{}}', 'volumes', '{own}', 'running', 7, now() + interval '1 hour') \
         returning id"
    );
    let id: Uuid = owner.query_one(&claimed, &[]).await?.get(0);
    let end = |kind: &str, subject: &str| {
        format!(
            "select * from finish_{kind}(array[jsonb_populate_record(null::operation_end, \
                 '{{\"id\": \"{id}\", \"fence\": 7, \"subject\": \"{subject}\", \"snapshots\": [], \"succeeded\": true, \
                    \"columns\": {{}}, \"tells_user\": false}}')])"
        )
    };
    for (kind, subject) in [("delete_volume", &other), ("extend_volume", &own)] {
        let ended = worker.query(&end(kind, subject), &[]).await?;
        assert!(ended.is_empty(), "{kind}: {subject}");
    }
    let hand_over = format!("select hand_over('{id}', 7, '{{}}', gen_random_uuid(), true)");
    assert_eq!(worker.query_one(&hand_over, &[]).await?.get::<_, Option<String>>(0), None);
    for volume in [&own, &other] {
        assert_eq!(client.volume_status(volume).await?.as_deref(), Some("available"));
    }
    // what it did claim, it ends
    assert_eq!(worker.query(&end("delete_volume", &own), &[]).await?.len(), 1);
    cluster.finish_unsettled(&[])
}

#[tokio::test]
async fn no_service_may_publish_what_another_one_says() -> anyhow::Result<()> {
    use BrokerUser::{Api, Backup, Manage, Scheduler, Volume};
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let namespace = cluster.directory().file_name().context("a name")?.display().to_string();
    let servers = Servers::of_this_run()?;
    for (exchange, allowed) in [
        ("requests", &[Api, Manage][..]),
        ("backends", &[Api, Scheduler, Volume]),
        ("backend_reports", &[Volume]),
        ("failovers", &[Volume]),
        ("log_levels", &[Api]),
        ("notifications", &[Scheduler]),
    ] {
        for user in BrokerUser::ALL {
            let name = format!("{namespace}.{exchange}");
            let may = may_publish(&rabbitmq::as_user(&servers.amqp, user), &name).await?;
            assert_eq!(may, allowed.contains(&user), "{user:?}: {name}");
        }
        assert!(may_publish(&servers.amqp, &format!("{namespace}.{exchange}")).await?);
    }
    // through the default exchange whoever answers reaches every queue; who answers nobody does not
    for user in BrokerUser::ALL {
        let may = may_publish(&rabbitmq::as_user(&servers.amqp, user), "").await?;
        assert_eq!(may, [Scheduler, Volume, Backup].contains(&user), "{user:?}");
    }
    // nor is anything of another installation theirs
    assert!(!may_publish(&rabbitmq::as_user(&servers.amqp, Api), "amq.topic").await?);
    cluster.finish(&[]).await
}

/// Whether the user of the URL may publish to an exchange.
async fn may_publish(url: &str, exchange: &str) -> anyhow::Result<bool> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    #[expect(clippy::disallowed_methods, reason = "this tries what the bus does not do")]
    let published =
        channel.basic_publish(exchange.into(), "nobody".into(), options, b"", properties).await?;
    let confirmed = published.await;
    // a connection whose channel was closed for an error may end with one
    let _ = connection.close(200, "bye".into()).await;
    match confirmed {
        Ok(confirmation) => Ok(confirmation.is_ack()),
        Err(error) if error.to_string().contains("ACCESS_REFUSED") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A database whose owner may make roles and nothing more, and for which everybody needs a password; the owner's URL.
async fn database_of_an_owner(servers: &Servers) -> anyhow::Result<String> {
    let client = connect(&servers.database("postgres")).await?;
    let owner = format!("owner_{}", Uuid::new_v4().simple());
    let made = format!(
        "create role {owner} login createrole password 'of the owner';\
         drop database if exists {WITH_PASSWORDS};\
         create database {WITH_PASSWORDS} owner {owner}"
    );
    for statement in made.split(';') {
        client.batch_execute(statement).await?;
    }
    let owners = format!("://{owner}:of%20the%20owner@");
    Ok(servers.database(WITH_PASSWORDS).replacen("://cinderblock@", &owners, 1))
}

#[tokio::test]
async fn what_bootstrap_makes_is_enough() -> anyhow::Result<()> {
    let servers = Servers::of_this_run()?;
    let directory = files::new_test_directory();
    let broker = RabbitMq::start(&directory, &Authority::at(&servers.certificates)).await?;
    let secrets = directory.join("secrets");
    let database = database_of_an_owner(&servers).await?;
    let mut bootstrap = tokio::process::Command::new(files::program("cinderblock-manage")?);
    bootstrap
        .args(["--json", "bootstrap"])
        .arg(&secrets)
        .arg("--rabbitmqctl")
        .arg(broker.control_program())
        .env("CINDERBLOCK__DATABASE__URL", &database)
        .env("CINDERBLOCK__BUS__URL", broker.url())
        .env("CINDERBLOCK__BUS__NAMESPACE", "cluster");
    let mut kept = Vec::new();
    for _ in 0..2 {
        let output = bootstrap.output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let told: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(told["users"].as_array().map(Vec::len), Some(5));
        kept.push(std::fs::read_to_string(secrets.join("api/database-url"))?);
    }
    // done again, it changes no password
    assert_eq!(kept[0], kept[1]);
    assert_private(&secrets)?;

    let cluster = directory.join("cluster");
    let builder = ClusterBuilder::in_directory(&cluster, &database, &broker.url());
    let cluster = builder.bootstrapped(&secrets).start().await?;
    let client: Client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    // each comes as its own user
    let connected = "select array_agg(distinct usename::text order by usename::text) from pg_stat_activity \
                     where datname = current_database() and application_name = 'cinderblock'";
    let row = cluster.database().await?.query_one(connected, &[]).await?;
    let expected =
        ["api", "backup", "scheduler", "volume"].map(|role| format!("{WITH_PASSWORDS}_{role}"));
    assert_eq!(row.get::<_, Vec<String>>(0), expected);
    let users = broker.control(&["list_connections", "user", "--quiet"]).await?;
    for service in ["api", "backup", "scheduler", "volume"] {
        assert!(users.contains(&format!("cluster-{service}")), "{users}");
    }
    cluster.finish(&[]).await?;

    // a role that could make functions of its own for the owner to call is refused
    let owner = connect(&database).await?;
    owner.batch_execute("grant create on schema public to public").await?;
    let output = bootstrap.output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("may create in the schema public"), "{said}");
    broker.stop()?;
    Ok(std::fs::remove_dir_all(directory)?)
}

async fn connect(url: &str) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// That nobody else can read what is in a directory.
fn assert_private(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = |path: &Path| anyhow::Ok(std::fs::metadata(path)?.mode() & 0o777);
    // others may pass through the uppermost one
    let (found, is_uppermost) = (mode(directory)?, directory.ends_with("secrets"));
    assert_eq!(found, if is_uppermost { 0o711 } else { 0o700 }, "{}", directory.display());
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?.path();
        if entry.is_dir() {
            assert_private(&entry)?;
        } else {
            assert_eq!(mode(&entry)?, 0o600, "{}", entry.display());
        }
    }
    Ok(())
}
