//! How long a recovery takes, by the number of volumes: failovers from a primary that lives and from one that has burned, and ways
//! home.

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _};
use harness::replication::{arrays, replicated_volume, wait_until_in_sync, wait_until_serving};
use harness::{Cluster, burn};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::Command;

/// How many volumes are made at once.
const AT_ONCE: usize = 8;
/// How often the volumes may take half a minute more to come to be in sync.
const PATIENCE: usize = 20;
/// The phase of a failback in which servers go on to write.
const ONLINE: &str = "resynchronise";

/// How long one recovery took, in seconds.
struct Time {
    /// From the command to its answer.
    whole: f64,
    /// While servers could not write.
    cutover: f64,
}

/// A line for each number of volumes, as a table.
pub async fn table(numbers: &[usize]) -> anyhow::Result<String> {
    let mut text = "| volumes of 1 GiB | failover, the primary lives | failover, it has burned | failback | its cutover | to an empty array | its cutover |\n\
                    |---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for number in numbers {
        let [planned, home, burned, rebuilt] = measure(*number).await?;
        let _ = writeln!(
            text,
            "| {number} | {:.2} s | {:.2} s | {:.2} s | {:.2} s | {:.2} s | {:.2} s |",
            planned.whole, burned.whole, home.whole, home.cutover, rebuilt.whole, rebuilt.cutover
        );
    }
    Ok(text)
}

async fn measure(volumes: usize) -> anyhow::Result<[Time; 4]> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let made = (0..volumes).map(|_| replicated_volume(&client));
    let _made: Vec<String> =
        futures_util::stream::iter(made).buffer_unordered(AT_ONCE).try_collect().await?;
    in_sync(&cluster, volumes).await?;
    let planned = fail_over(&cluster, "b")?;
    let home = fail_over(&cluster, "default")?;
    in_sync(&cluster, volumes).await?;
    burn(&cluster.directory().join("a"))?;
    let burned = fail_over(&cluster, "b")?;
    wait_until_serving(&client).await?;
    let rebuilt = fail_over(&cluster, "default")?;
    let directory = cluster.directory().to_owned();
    drop(cluster);
    std::fs::remove_dir_all(directory)?;
    Ok([planned, home, burned, rebuilt])
}

async fn in_sync(cluster: &Cluster, volumes: usize) -> anyhow::Result<()> {
    for _ in 0..PATIENCE {
        if wait_until_in_sync(cluster, i64::try_from(volumes)?).await.is_ok() {
            return Ok(());
        }
    }
    anyhow::bail!("{volumes} volumes do not come to be in sync")
}

/// Fails over as an operator does.
fn fail_over(cluster: &Cluster, target: &str) -> anyhow::Result<Time> {
    let mut manage = Command::new(harness::files::program("cinderblock-manage")?);
    manage.arg("--config").arg(cluster.config_file()).arg("--json");
    let answered = manage.args(["backend", "failover", "host@a", "--to", target]).output()?;
    let complaint = String::from_utf8_lossy(&answered.stderr);
    ensure!(answered.status.success(), "to {target}: {}", complaint.trim());
    let report: Value = serde_json::from_slice(&answered.stdout)?;
    let whole = report[0]["seconds"].as_f64().context("the report has a time")?;
    let phases = report[0]["phases"].as_array().into_iter().flatten();
    let online = phases.filter(|phase| phase["phase"] == ONLINE);
    let online: f64 = online.filter_map(|phase| phase["seconds"].as_f64()).sum();
    Ok(Time { whole, cutover: whole - online })
}
