//! What bounds the rows of the budget: the disk and the database.

use crate::row::Row;
use crate::system::System;
use anyhow::Context;
use harness::postgres;
use std::time::Instant;

/// How many connections `pgbench` uses.
const PGBENCH_CONNECTIONS: &str = "16";

/// Measures them.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn measure(system: &System) -> anyhow::Result<[Row; 2]> {
    Ok([commits(system).await?, pgbench(system).await?])
}

/// One row and its commit, one connection.
async fn commits(system: &System) -> anyhow::Result<Row> {
    system.say("bare commits");
    let database = system.cluster.database().await?;
    database.batch_execute("create table bare (id bigint generated always as identity)").await?;
    let insert = database.prepare("insert into bare default values").await?;
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < system.time {
        database.execute(&insert, &[]).await?;
        count += 1;
    }
    let rate = f64::from(count) / started.elapsed().as_secs_f64();
    database.batch_execute("drop table bare").await?;
    Ok(Row::limit("PostgreSQL: an insert with its commit, 1 connection", rate))
}

/// PostgreSQL's own benchmark: seven statements a transaction, prepared.
async fn pgbench(system: &System) -> anyhow::Result<Row> {
    system.say("pgbench");
    let url = system.addresses().new_database().await?;
    let run = async |arguments: &[&str]| {
        let program = postgres::program("pgbench", None)?;
        let output = tokio::process::Command::from(program).args(arguments).arg(&url).output();
        let output = output.await.context("pgbench")?;
        let (told, complaint) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        anyhow::ensure!(output.status.success(), "pgbench: {complaint}");
        anyhow::Ok(told.into_owned())
    };
    run(&["--initialize", "--quiet", "--scale", PGBENCH_CONNECTIONS]).await?;
    let seconds = system.time.as_secs().to_string();
    let told = run(&["-c", PGBENCH_CONNECTIONS, "-M", "prepared", "-T", &seconds]).await?;
    let tps = told.lines().find_map(|line| line.strip_prefix("tps = "));
    let rate = tps.and_then(|rest| rest.split_whitespace().next()).context("pgbench tells tps")?;
    Ok(Row::limit("pgbench (TPC-B, prepared), 16 connections", rate.parse()?))
}
