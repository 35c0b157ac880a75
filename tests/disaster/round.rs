//! One disaster: servers overwrite replicated volumes, something goes wrong, the primary is lost, and the backend fails over.

use crate::overwriter::{Journal, Overwriter};
use crate::trouble::{Strikes, Trouble, signal};
use anyhow::{Context as _, ensure};
use harness::replication::{
    arrays, fail_over, of_volume, replicated_volume, service, wait_for_replication,
    wait_until_in_sync,
};
use harness::{Client, Cluster, burn, until};
use rustix::process::Signal;
use serde_json::json;
use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

const VOLUMES: usize = 3;
/// How many writes each server has acknowledged, at least, before anything goes wrong.
const WRITES: usize = 50;

/// How the primary is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its daemon is killed, and its directory removed.
    Burns,
    /// Its daemon sleeps until the backend has failed over, with servers that wait for it, and wakes up then.
    Sleeps,
}

/// What came of a disaster.
pub struct Report {
    /// What went wrong before the primary was lost.
    pub troubles: Vec<Trouble>,
    /// How it was lost.
    pub loss: Loss,
    /// What became of each volume.
    pub fates: Vec<Fate>,
}

/// What became of a volume.
pub enum Fate {
    /// It was said to be in sync, and has every acknowledged write: so many.
    InSync(usize),
    /// It was named as one that may lack writes, and lacks so many of the acknowledged ones; it is as it was at one moment.
    Named(usize),
}

/// Lives through the disaster of a seed. Fails where something is lost that was said to be safe, where an image is served that the
/// volume never was, and where nothing is left of a volume.
pub async fn live_through(seed: u64) -> anyhow::Result<Report> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let mut volumes = Vec::new();
    for _ in 0..VOLUMES {
        let id = replicated_volume(&client).await?;
        client.attach(&id, "server-1").await?;
        volumes.push(id);
    }
    wait_until_in_sync(&cluster, i64::try_from(VOLUMES)?).await?;
    let mut servers = Vec::new();
    for id in &volumes {
        servers.push(Overwriter::start(client.nbd_uri(id).await?, random.u64(..)));
    }
    until("every server writes", Duration::from_secs(30), || async {
        servers.iter().all(|server| server.acknowledged() > WRITES)
    })
    .await?;
    let troubles: Vec<Trouble> =
        (0..random.usize(..3)).filter_map(|_| random.choice(Trouble::ALL)).collect();
    let mut struck = HashSet::new();
    for trouble in &troubles {
        pause(&mut random, 600).await;
        let volume = random.usize(..VOLUMES);
        struck.insert(volume);
        trouble.strike(&mut cluster, &volumes[volume], u64::from(random.u16(..64)) << 22)?;
    }
    pause(&mut random, 2500).await;
    let loss = if random.u8(..3) == 0 { Loss::Sleeps } else { Loss::Burns };
    match loss {
        Loss::Burns => burn(&cluster.directory().join("a"))?,
        Loss::Sleeps => signal(cluster.directory(), "a", Signal::STOP)?,
    }
    for trouble in &troubles {
        trouble.end(&mut cluster).await?;
    }
    until("it is asked to fail over", Duration::from_secs(30), || async {
        fail_over(&client, json!("b")).await.is_ok_and(|answer| answer.status == 202)
    })
    .await?;
    wait_for_replication(&client, "failed-over").await?;
    // nothing that it acknowledges from now on would be anywhere else
    if loss == Loss::Sleeps {
        signal(cluster.directory(), "a", Signal::CONT)?;
        pause(&mut random, 600).await;
    }
    let journals: Vec<Journal> =
        servers.into_iter().map(Overwriter::end).collect::<anyhow::Result<_>>()?;
    let fates = fates(&cluster, &client, &volumes, &journals).await?;
    let strikes = troubles.iter().map(|trouble| trouble.strikes()).max().unwrap_or(Strikes::None);
    for (volume, fate) in fates.iter().enumerate() {
        let may_be_behind = match strikes {
            Strikes::None => false,
            Strikes::One => struck.contains(&volume),
            Strikes::All => true,
        };
        let is_in_sync = matches!(fate, Fate::InSync(_));
        ensure!(
            is_in_sync || may_be_behind,
            "a replica was left behind with which nothing was wrong"
        );
    }
    let directory = cluster.directory().to_owned();
    drop(cluster);
    std::fs::remove_dir_all(directory)?;
    Ok(Report { troubles, loss, fates })
}

async fn pause(random: &mut fastrand::Rng, most_ms: u64) {
    tokio::time::sleep(Duration::from_millis(random.u64(..most_ms))).await;
}

async fn fates(
    cluster: &Cluster,
    client: &Client,
    volumes: &[String],
    journals: &[Journal],
) -> anyhow::Result<Vec<Fate>> {
    let image = |id: &str| cluster.directory().join(format!("b/volumes/volume-{id}"));
    let mut fates = Vec::new();
    for (id, journal) in volumes.iter().zip(journals) {
        let (status, replication) = of_volume(client, id).await?;
        if (status.as_str(), replication.as_str()) == ("error", "failover-error") {
            fates.push(None);
            continue;
        }
        ensure!(replication == "failed-over", "{id} is {status}, {replication}");
        let moment = journal.moment_of(&image(id))?;
        let moment = moment.with_context(|| format!("{id} is torn, and said to be in sync"))?;
        let acknowledged = journal.acknowledged;
        ensure!(moment >= acknowledged, "{id} has {moment} of {acknowledged} acknowledged writes");
        fates.push(Some(Fate::InSync(acknowledged)));
    }
    if fates.iter().any(Option::is_none) {
        accept_loss(cluster, client).await?;
    }
    let mut all = Vec::new();
    for (fate, (id, journal)) in fates.into_iter().zip(volumes.iter().zip(journals)) {
        all.push(match fate {
            Some(fate) => fate,
            None => {
                let (status, _) = of_volume(client, id).await?;
                ensure!(status != "error", "nothing is left of {id}, although there was a replica");
                let moment = journal.moment_of(&image(id))?;
                let moment = moment.with_context(|| format!("{id} is torn, and was accepted"))?;
                Fate::Named(journal.acknowledged.saturating_sub(moment))
            }
        });
    }
    Ok(all)
}

/// What was named is served as it is.
async fn accept_loss(cluster: &Cluster, client: &Client) -> anyhow::Result<()> {
    let mut manage = Command::new(harness::files::program("cinderblock-manage")?);
    manage.arg("--config").arg(cluster.config_file());
    manage.args(["backend", "failover", "host@a", "--to", "b", "--accept-data-loss"]);
    let accepted = manage.args(["--max-age", "any"]).output()?;
    let complaint = String::from_utf8_lossy(&accepted.stderr);
    ensure!(accepted.status.success(), "the loss cannot be accepted: {}", complaint.trim());
    until("it is served", Duration::from_secs(20), || async {
        service(client).await.is_ok_and(|is| is["replication_status"] == "failed-over")
    })
    .await
}
