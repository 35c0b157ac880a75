//! Servers are told, through Nova, what has happened to their volumes.

use axum::extract::{Json, State};
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json as Answer, Router};
use harness::image_service::IMAGE;
use harness::{Client, ClusterBuilder, until};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use uuid::Uuid;

/// What Nova was told: the version, and the event.
type Told = Arc<Mutex<Vec<(String, Value)>>>;

/// A stand-in for Nova; returns its address. It takes nothing at its first request.
async fn nova(told: Told) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v2.1", listener.local_addr()?);
    let is_there = Arc::new(AtomicBool::new(false));
    let take = move |State(told): State<Told>, headers: HeaderMap, Json(body): Json<Value>| async move {
        let was_there = is_there.swap(true, Ordering::Relaxed);
        let mut events = body["events"].as_array().cloned().unwrap_or_default();
        if !was_there {
            return Answer(json!({ "nothing": "that is understood" }));
        }
        let version = headers["openstack-api-version"].to_str().unwrap_or_default().to_owned();
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(events.iter().map(|event| (version.clone(), event.clone())));
        for event in &mut events {
            event["code"] = json!(200);
        }
        Answer(json!({ "events": events }))
    };
    let router =
        Router::new().route("/v2.1/os-server-external-events", post(take)).with_state(told);
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(url)
}

/// Waits for what Nova is told last.
async fn last(told: &Told, count: usize) -> anyhow::Result<(String, Value)> {
    let all = || told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    until("Nova is told", Duration::from_secs(10), || async { all().len() >= count }).await?;
    anyhow::ensure!(all().len() == count, "{:?}", all());
    all().pop().ok_or_else(|| anyhow::anyhow!("nothing"))
}

fn event(name: &str, server: Uuid, volume: &str, status: &str) -> Value {
    json!({ "name": name, "server_uuid": server, "tag": volume, "status": status })
}

/// A volume that a server is going to be rebuilt on.
async fn reserved(client: &Client, server: Uuid, metadata: Value) -> anyhow::Result<String> {
    let volume = client.create_volume(json!({ "size": 1, "metadata": metadata })).await?;
    client.wait_for_status(&volume, "available").await?;
    client.reserve(&volume, Some(server)).await?;
    client.wait_for_status(&volume, "reserved").await?;
    Ok(volume)
}

#[tokio::test]
async fn servers_are_told_that_a_volume_has_grown_or_has_another_image() -> anyhow::Result<()> {
    let told = Told::default();
    let settings = format!("[nova]\nendpoint = '{}'\n", nova(told.clone()).await?);
    let cluster = ClusterBuilder::for_test().await?.settings(&settings).start().await?;
    let (client, server) = (cluster.client(), Uuid::new_v4());
    let attached = client.available_volume(1).await?;
    // nobody is concerned
    client.act(&attached, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&attached, "available").await?;
    let attachment = client.reserve(&attached, Some(server)).await?;
    client.connect(&attachment, "server-1").await?.expect_status(200)?;
    let path = format!("/attachments/{attachment}/action");
    client.post(&path, json!({ "os-complete": {} })).await?.expect_status(204)?;
    client.act(&attached, "os-extend", json!({ "new_size": 3 })).await?.expect_status(202)?;
    let (version, said) = last(&told, 1).await?;
    assert_eq!(version, "compute 2.51");
    assert_eq!(said, event("volume-extended", server, &attached, "completed"));

    let volume = reserved(&client, server, json!({})).await?;
    let reimage = |reserved: bool| json!({ "image_id": IMAGE, "reimage_reserved": reserved });
    assert_eq!(client.act(&volume, "os-reimage", reimage(false)).await?.status, 400);
    client.act(&volume, "os-reimage", reimage(true)).await?.expect_status(202)?;
    let (version, said) = last(&told, 2).await?;
    assert_eq!(version, "compute 2.93");
    assert_eq!(said, event("volume-reimaged", server, &volume, "completed"));
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("reserved"));

    // it waits to be told, and would wait in vain
    let failing = reserved(&client, server, json!({ "fake:fail": "write_image" })).await?;
    client.act(&failing, "os-reimage", reimage(true)).await?.expect_status(202)?;
    let (_, said) = last(&told, 3).await?;
    assert_eq!(said, event("volume-reimaged", server, &failing, "failed"));
    assert_eq!(client.volume_status(&failing).await?.as_deref(), Some("error"));
    cluster.finish(&["failed", "servers are not told yet"]).await
}
