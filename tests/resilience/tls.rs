//! Connections to PostgreSQL and RabbitMQ with TLS: to whom they are made, and as whom.

use bus::Bus;
use configuration::{BusConfig, DatabaseConfig};
use database::Database;
use harness::authority::Authority;
use harness::{ClusterBuilder, Servers};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn everything_works_over_tls_and_nothing_is_sent_in_clear() -> anyhow::Result<()> {
    let servers = Servers::of_this_run()?;
    let authority = Authority::at(&servers.certificates);
    let builder = ClusterBuilder::on(&servers).await?;
    let cluster = builder.over_tls(&servers, &authority).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    let in_clear = "select count(*) from pg_stat_activity a join pg_stat_ssl s using (pid) \
                    where a.datname = current_database() and a.application_name = 'cinderblock' and not s.ssl";
    let encrypted = in_clear.replace("not s.ssl", "s.ssl and s.client_serial is not null");
    let database = cluster.database().await?;
    assert_eq!(database.query_one(in_clear, &[]).await?.get::<_, i64>(0), 0);
    assert!(database.query_one(&encrypted, &[]).await?.get::<_, i64>(0) >= 3);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_server_for_whom_a_stranger_vouches_is_not_believed() -> anyhow::Result<()> {
    let servers = Servers::of_this_run()?;
    let authority = Authority::at(&servers.certificates);
    let known = authority.ca_file();
    assert_eq!(to_postgres(&servers, &authority.tls(&known)).await?, "");
    assert!(reaches_rabbitmq(&servers, &authority.tls(&known)).await?);

    let stranger = authority.tls(&authority.strangers_ca_file());
    let told = to_postgres(&servers, &stranger).await?;
    assert!(told.contains("invalid peer certificate"), "{told}");
    assert!(!reaches_rabbitmq(&servers, &stranger).await?);
    // the certificates name the address, and not this name of it
    let by_name = Servers {
        postgres: servers.postgres.replace("127.0.0.1", "localhost"),
        amqps: servers.amqps.replace("127.0.0.1", "localhost"),
        ..servers.clone()
    };
    let told = to_postgres(&by_name, &authority.tls(&known)).await?;
    assert!(told.contains("not valid for name"), "{told}");
    assert!(!reaches_rabbitmq(&by_name, &authority.tls(&known)).await?);
    // who has no certificate is no client
    let nobody = json!({ "ca_file": known });
    assert_ne!(to_postgres(&servers, &nobody).await?, "");
    assert!(!reaches_rabbitmq(&servers, &nobody).await?);
    let nothing = json!({ "ca_file": "nothing.pem" });
    let told = to_postgres(&servers, &nothing).await?;
    assert!(told.contains("nothing.pem"), "{told}");
    Ok(())
}

/// Why PostgreSQL cannot be used; empty when it can.
async fn to_postgres(servers: &Servers, tls: &Value) -> anyhow::Result<String> {
    let url = format!("{}?sslmode=require", servers.database("postgres"));
    let config: DatabaseConfig = serde_json::from_value(json!({ "url": url, "tls": tls }))?;
    let asked = match Database::new(&config, Duration::from_secs(1)) {
        Ok(database) => database.ping().await,
        Err(error) => Err(error),
    };
    Ok(asked.err().map(|error| format!("{:#}", anyhow::Error::from(error))).unwrap_or_default())
}

async fn reaches_rabbitmq(servers: &Servers, tls: &Value) -> anyhow::Result<bool> {
    let config: BusConfig = serde_json::from_value(json!({ "url": servers.amqps, "tls": tls }))?;
    let stopping = CancellationToken::new();
    let bus = Bus::start(&config, "test", stopping.clone());
    let ready = bus.wait_until_ready(Duration::from_secs(5)).await;
    stopping.cancel();
    Ok(ready)
}
