//! What a hostile member of a project sends: it costs no more than an ordinary request, and leaves nothing odd in the log.

use harness::{Client, Cluster, ClusterBuilder};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// What is refused at the edge is refused in a moment.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn cluster() -> anyhow::Result<(Cluster, Client)> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client().with_roles("member,reader");
    Ok((cluster, client))
}

#[tokio::test]
async fn a_nul_character_is_refused_at_once() -> anyhow::Result<()> {
    let (cluster, client) = cluster().await?;
    let volume = client.available_volume(1).await?;
    let started = Instant::now();
    let bodies = [
        ("/volumes", json!({ "volume": { "size": 1, "name": "a\u{0}b" } })),
        ("/volumes", json!({ "volume": { "size": 1, "metadata": { "k": "a\u{0}b" } } })),
        ("/snapshots", json!({ "snapshot": { "volume_id": volume, "description": "\u{0}" } })),
        (
            "/attachments",
            json!({ "attachment": { "volume_uuid": volume, "connector": { "host": "a\u{0}" } } }),
        ),
    ];
    for (path, body) in bodies {
        let answer = client.post(path, body).await?.expect_status(400)?;
        assert!(answer.fault().contains("NUL"), "{}", answer.body);
    }
    let paths = [
        "/volumes?metadata=%7B%22a%22:%22%5Cu0000%22%7D",
        "/volumes?name=a%00",
        "/volumes/a%00",
        "/types/a%00b",
        "/volumes/x/metadata/%00",
    ];
    for path in paths {
        client.get(path).await?.expect_status(400)?;
    }
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    cluster.finish(&[]).await
}

#[tokio::test]
async fn thousands_of_sort_keys_and_filters_cost_what_one_costs() -> anyhow::Result<()> {
    let (cluster, client) = cluster().await?;
    let volume = client.available_volume(1).await?;
    let keys = vec!["id"; 15_000].join(",");
    let filters = vec!["name=a"; 7_000].join("&");
    let started = Instant::now();
    client.get(&format!("/volumes?marker={volume}&sort={keys}")).await?.expect_status(200)?;
    client.get(&format!("/volumes?{filters}")).await?.expect_status(200)?;
    let times = ["gt:2026-01-01T00:00:00"; 7].join(",");
    client.get(&format!("/volumes?created_at={times}")).await?.expect_status(400)?;
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    // of several filters with one name the last one counts
    client.put(&format!("/volumes/{volume}"), json!({ "volume": { "name": "a" } })).await?;
    let found = client.get("/volumes?name=b&name=a").await?.expect_status(200)?;
    assert_eq!(found.body["volumes"].as_array().map(Vec::len), Some(1));
    cluster.finish(&[]).await
}

fn items(range: std::ops::Range<usize>) -> Value {
    range.map(|number| (format!("key-{number}"), json!("value"))).collect::<Map<_, _>>().into()
}

#[tokio::test]
async fn metadata_does_not_grow_without_end() -> anyhow::Result<()> {
    let (cluster, client) = cluster().await?;
    let too_many = json!({ "volume": { "size": 1, "metadata": items(0..129) } });
    client.post("/volumes", too_many).await?.expect_status(400)?;
    let volume = client.create_volume(json!({ "size": 1, "metadata": items(0..128) })).await?;
    client.wait_for_status(&volume, "available").await?;
    let snapshot = client.create_snapshot(&volume).await?;
    for path in [format!("/volumes/{volume}/metadata"), format!("/snapshots/{snapshot}/metadata")] {
        client.post(&path, json!({ "metadata": items(0..128) })).await?.expect_status(200)?;
        let one_more = json!({ "metadata": items(128..129) });
        let refused = client.post(&path, one_more.clone()).await?.expect_status(400)?;
        assert!(refused.fault().contains("128 items at most"), "{}", refused.body);
        client.delete(&format!("{path}/key-0")).await?.expect_status(200)?;
        client.post(&path, one_more).await?.expect_status(200)?;
    }
    let image = json!({ "metadata": items(0..128) });
    client.act(&volume, "os-set_image_metadata", image).await?.expect_status(200)?;
    let one_more = json!({ "metadata": items(128..129) });
    client.act(&volume, "os-set_image_metadata", one_more).await?.expect_status(400)?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_hint_names_a_bounded_number_of_volumes() -> anyhow::Result<()> {
    let (cluster, client) = cluster().await?;
    let volume = client.available_volume(1).await?;
    let with_hints = |count: usize| json!({ "volume": { "size": 1 }, "OS-SCH-HNT:scheduler_hints": { "same_host": vec![&volume; count] } });
    client.post("/volumes", with_hints(100)).await?.expect_status(202)?;
    let refused = client.post("/volumes", with_hints(101)).await?.expect_status(400)?;
    assert!(refused.fault().contains("100 volumes at most"), "{}", refused.body);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn the_log_has_no_forged_lines_and_no_endless_ones() -> anyhow::Result<()> {
    let (cluster, client) = cluster().await?;
    let forged = "x\n2026-01-01T00:00:00Z ERROR forged";
    client.post("/volumes/x/action", json!({ forged: {} })).await?.expect_status(400)?;
    let long = "y".repeat(100_000);
    let answer = client.post("/volumes", json!({ "volume": { "size": long } })).await?;
    assert_eq!(answer.status, 400);
    assert!(answer.fault().len() < 2_000, "{}", answer.fault().len());
    client.get(&format!("/volumes/{}", "z".repeat(10_000))).await?.expect_status(404)?;
    let header = ("X-OpenStack-Request-ID", "req-not-an-id");
    let request = client.request(Method::GET, "/volumes").header(header.0, header.1);
    Client::send(request).await?.expect_status(200)?;
    let logs = cluster.logs();
    assert!(!logs.lines().any(|line| line.contains("ERROR forged") && !line.contains("\\n")));
    assert!(!logs.contains("req-not-an-id"), "an id that is none is not logged");
    let longest = logs.lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 4_000, "{longest}");
    cluster.finish(&["There is no such action: x\\n"]).await
}

/// The address of the next page, as a client behind a proxy gets it.
async fn next_page(client: &Client) -> anyhow::Result<String> {
    let request = client
        .request(Method::GET, "/volumes?limit=1")
        .header("X-Forwarded-Host", "cloud.example")
        .header("X-Forwarded-Proto", "https");
    let page = Client::send(request).await?.expect_status(200)?;
    Ok(page.body["volumes_links"][0]["href"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn only_a_proxy_that_the_configuration_names_is_believed() -> anyhow::Result<()> {
    let (mut cluster, client) = cluster().await?;
    client.available_volume(1).await?;
    client.available_volume(1).await?;
    let own = format!("{}/v3/", cluster.endpoint());
    assert!(next_page(&client).await?.starts_with(&own));
    cluster.add_api(&[("CINDERBLOCK__API__TRUSTED_PROXIES", "127.0.0.1")]).await?;
    let behind_a_proxy = client.at(&cluster.apis[1].endpoint());
    assert!(next_page(&behind_a_proxy).await?.starts_with("https://cloud.example/v3/"));
    cluster.finish(&[]).await
}
