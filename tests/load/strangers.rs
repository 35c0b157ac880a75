//! What callers cost who are not believed: those with a token, and those who are slow on purpose.

use crate::machine;
use crate::row::{Row, told};
use crate::system::System;
use anyhow::Context as _;
use harness::Client;
use harness::keystone::Keystone;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How often requests with a token and those without are measured, in turn.
const ROUNDS: usize = 3;
/// How many connections there are that send a byte a second.
const SLOW_CONNECTIONS: usize = 10_000;

/// Measures both.
///
/// # Errors
/// When a request fails that must not.
pub async fn measure(system: &mut System) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    rows.extend(told([known_token(system).await?]));
    rows.extend(told(slow_clients(system).await?));
    Ok(rows)
}

/// What it adds to a request that its token has to be looked up, though it is known.
async fn known_token(system: &mut System) -> anyhow::Result<Row> {
    system.say("requests with a token");
    let directory = system.cluster.directory().join("keystone");
    let keystone = Keystone::start(&directory, 3600).await?;
    let project = keystone.create_project("project").await?;
    keystone.create_user("member", "member", &project).await?;
    let token = keystone.token("member", "member", "project").await?;
    let asks_keystone = keystone.add_api(&mut system.cluster).await?;
    let believed = system.cluster.client().in_project(&project);
    let known = believed.at(&asks_keystone).with_token(&token);
    let (mut without, mut with) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        without = without.min(median(system, &believed).await?);
        with = with.min(median(system, &known).await?);
    }
    system.cluster.apis.pop();
    let microseconds = (with - without).max(0.0) * 1000.0;
    Ok(Row {
        note: format!("{with:.2} ms beside {without:.2} ms with noauth"),
        ..Row::cost("what a known token costs, p50", microseconds, "µs", 100.0)
    })
}

/// The median time, in milliseconds, of requests of one client.
async fn median(system: &System, client: &Client) -> anyhow::Result<f64> {
    Ok(system.reads(1, client, vec!["/resource_filters".to_owned()]).await?.milliseconds(0.5))
}

/// What the API has resident while many connections of one address send a byte a second, and how clients at another address
/// are served meanwhile.
async fn slow_clients(system: &System) -> anyhow::Result<[Row; 2]> {
    system.say("slow clients");
    let api = system.cluster.apis.first().context("an API")?;
    let (endpoint, id) = (api.endpoint(), api.process.id());
    let before = machine::resident_mib(id)?;
    let address: SocketAddr = endpoint.strip_prefix("http://").context("an address")?.parse()?;
    let mut slow = Vec::new();
    for _ in 0..SLOW_CONNECTIONS {
        let mut stream = TcpStream::connect(address).await?;
        // one for which there is no room may be closed already
        drop(stream.write_all(b"GET /v3/volumes HTTP/1.1\r\nX-Slow: ").await);
        slow.push(stream);
    }
    let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
    let others = reqwest::Client::builder().local_address(IpAddr::V4(elsewhere)).build()?;
    let url = format!("{endpoint}/v3/volumes");
    let (started, mut largest, mut slowest) = (Instant::now(), before, Duration::ZERO);
    while started.elapsed() < system.time {
        for stream in &slow {
            // those for which there was no room are closed
            drop(stream.try_write(b"x"));
        }
        let asked = Instant::now();
        let status = others.get(&url).send().await?.status();
        anyhow::ensure!(status == 200, "another client is answered with {status}");
        slowest = slowest.max(asked.elapsed());
        largest = largest.max(machine::resident_mib(id)?);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let work = "API under 10,000 connections of a byte a second: resident";
    let note = format!("{before:.0} MiB before");
    let resident = Row { note, ..Row::cost(work, largest, "MiB", 100.0) };
    let work = "a request from elsewhere meanwhile, the slowest";
    let served = Row::cost(work, slowest.as_secs_f64() * 1000.0, "ms", 100.0);
    Ok([resident, served])
}
