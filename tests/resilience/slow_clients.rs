//! Clients that are slow, or too many, on purpose: they are dropped in time, and others are served.

use anyhow::Context as _;
use harness::{Client, Cluster, ClusterBuilder, until};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Much longer than the timeouts that are configured here.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A cluster, and a client of an API with these limits.
async fn limited(limits: &[(&str, &str)]) -> anyhow::Result<(Cluster, Client)> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let names = limits.iter().map(|(name, value)| (format!("CINDERBLOCK__API__{name}"), *value));
    let names: Vec<_> = names.collect();
    let environment: Vec<_> = names.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    cluster.add_api(&environment).await?;
    let client = cluster.client().at(&cluster.apis[1].endpoint());
    Ok((cluster, client))
}

async fn connect(client: &Client) -> anyhow::Result<TcpStream> {
    let url = client.url("!/");
    let address = url.strip_prefix("http://").context("a URL")?.trim_end_matches('/');
    Ok(TcpStream::connect(address.parse::<SocketAddr>()?).await?)
}

/// Everything that comes until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let reading = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut bytes)).await;
    // a reset is an end too
    drop(reading.context("the connection stays open")?);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn whoever_sends_no_request_in_time_is_dropped() -> anyhow::Result<()> {
    let (header, body) = ("HEADER_TIMEOUT_SECONDS", "BODY_TIMEOUT_SECONDS");
    let (cluster, client) = limited(&[(header, "0.5"), (body, "0.5")]).await?;
    let mut silent = connect(&client).await?;
    let mut in_the_head = connect(&client).await?;
    in_the_head.write_all(b"GET /v3/volumes HTTP/1.1\r\nHost: x\r\nX-A").await?;
    let mut in_the_body = connect(&client).await?;
    let head = "POST /v3/volumes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    in_the_body.write_all(head.as_bytes()).await?;
    assert_eq!(rest(&mut silent).await?, "");
    rest(&mut in_the_head).await?;
    let answer = rest(&mut in_the_body).await?;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("in time"), "{answer}");
    client.get("/volumes").await?.expect_status(200)?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_others_are_served_again() -> anyhow::Result<()> {
    let (header, connections) = ("HEADER_TIMEOUT_SECONDS", "MAX_CONNECTIONS");
    let (cluster, client) = limited(&[(header, "2.0"), (connections, "20")]).await?;
    let mut silent = Vec::new();
    for _ in 0..25 {
        silent.push(connect(&client).await?);
    }
    // they are accepted in their order
    let last = silent.last_mut().context("connections")?;
    assert!(rest(last).await?.starts_with("HTTP/1.1 503"));
    until("the silent ones are dropped", TIMEOUT, || async {
        client.get("/volumes").await.is_ok_and(|answer| answer.status == 200)
    })
    .await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn one_request_too_many_is_refused_at_once() -> anyhow::Result<()> {
    let (cluster, client) = limited(&[("MAX_REQUESTS", "1")]).await?;
    let head = "POST /v3/volumes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    // one of them gets the room between two of the other requests
    let mut slow = Vec::new();
    while client.get("/volumes").await?.status == 200 {
        anyhow::ensure!(slow.len() < 100, "there is always room");
        let mut next = connect(&client).await?;
        next.write_all(head.as_bytes()).await?;
        slow.push(next);
    }
    let refused = client.get("/volumes").await?.expect_status(503)?;
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    // whoever watches over the process is answered
    client.get("!/healthcheck").await?.expect_status(200)?;
    drop(slow);
    until("there is room again", TIMEOUT, || async {
        client.get("/volumes").await.is_ok_and(|answer| answer.status == 200)
    })
    .await?;
    client.create_volume(json!({ "size": 1 })).await?;
    cluster.finish_unsettled(&[])
}
