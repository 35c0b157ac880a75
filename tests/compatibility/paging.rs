//! Lists: pages, order, filters, counts.

use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<String> {
    let volumes = list["volumes"].as_array().cloned().unwrap_or_default();
    volumes.iter().map(|volume| volume["name"].as_str().unwrap_or("-").to_owned()).collect()
}

async fn list(client: &Client, query: &str) -> anyhow::Result<Vec<String>> {
    Ok(names(&client.get(&format!("/volumes/detail?{query}")).await?.expect_status(200)?.body))
}

async fn with_volumes() -> anyhow::Result<harness::Cluster> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    for (name, size, tier) in
        [("a", 3, "gold"), ("b", 1, "silver"), ("c", 2, "gold"), ("d", 1, "gold")]
    {
        let id = client
            .create_volume(json!({ "name": name, "size": size, "metadata": { "tier": tier } }))
            .await?;
        client.wait_for_status(&id, "available").await?;
    }
    Ok(cluster)
}

#[tokio::test]
async fn pages_follow_their_links_to_the_end() -> anyhow::Result<()> {
    let cluster = with_volumes().await?;
    let client = cluster.client();
    let mut found = Vec::new();
    let mut next = Some(client.url("/volumes/detail?limit=3&sort=name:asc"));
    let mut pages = 0;
    while let Some(url) = next {
        let path = format!("!{}", url.trim_start_matches(&cluster.endpoint()));
        let page = client.get(&path).await?.expect_status(200)?.body;
        found.extend(names(&page));
        pages += 1;
        next = page["volumes_links"][0]["href"].as_str().map(str::to_owned);
    }
    assert_eq!(found, ["a", "b", "c", "d"]);
    assert_eq!(pages, 2);
    let empty = client.get("/volumes?limit=0").await?.body;
    assert_eq!(names(&empty).len(), 0);
    assert!(empty.get("volumes_links").is_none());
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_marker_that_was_deleted_still_marks_its_place() -> anyhow::Result<()> {
    let cluster = with_volumes().await?;
    let client = cluster.client();
    let page = client.get("/volumes?limit=2&sort=name:asc").await?.body;
    let marker = page["volumes"][1]["id"].as_str().unwrap_or_default().to_owned();
    client.delete(&format!("/volumes/{marker}")).await?.expect_status(202)?;
    client.wait_for_status(&marker, "deleted").await?;
    assert_eq!(list(&client, &format!("sort=name:asc&marker={marker}")).await?, ["c", "d"]);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn lists_are_sorted_filtered_and_counted() -> anyhow::Result<()> {
    let cluster = with_volumes().await?;
    let client = cluster.client();
    assert_eq!(list(&client, "").await?, ["d", "c", "b", "a"]);
    assert_eq!(list(&client, "sort=size:asc,name:asc").await?, ["b", "d", "c", "a"]);
    assert_eq!(list(&client, "sort_key=name&sort_dir=asc").await?, ["a", "b", "c", "d"]);
    assert_eq!(list(&client, "sort=name:asc&offset=1&limit=2").await?, ["b", "c"]);
    assert_eq!(list(&client, "name=b").await?, ["b"]);
    assert_eq!(list(&client, "name~=b").await?, ["b"]);
    assert_eq!(list(&client, "size=1&sort=name").await?, ["d", "b"]);
    assert_eq!(list(&client, "status=error").await?.len(), 0);
    assert_eq!(list(&client, "bootable=false&sort=name:asc").await?.len(), 4);
    assert_eq!(list(&client, "metadata={'tier': 'gold'}&sort=name:asc").await?, ["a", "c", "d"]);
    assert_eq!(
        list(&client, "created_at=gt:2020-01-01T00:00:00,lt:2021-01-01T00:00:00").await?.len(),
        0
    );
    assert_eq!(list(&client, "host=host@a%23a").await?.len(), 4);
    assert_eq!(list(&client, "shoe_size=44").await?.len(), 0);
    let counted = client.get("/volumes?with_count=true&limit=1").await?.body;
    assert_eq!(counted["count"], 4);
    assert!(
        client
            .with_version("volume 3.44")
            .get("/volumes?limit=1")
            .await?
            .body
            .get("count")
            .is_none()
    );
    cluster.finish(&[]).await
}

#[tokio::test]
async fn filters_that_are_not_open_are_ignored_at_first_and_refused_later() -> anyhow::Result<()> {
    let cluster = with_volumes().await?;
    let member = cluster.client().with_roles("member");
    let older = member.with_version("volume 3.30");
    assert_eq!(
        older.get("/volumes?host=x").await?.body["volumes"].as_array().map(Vec::len),
        Some(4)
    );
    let refused = member.get("/volumes?host=x").await?;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.fault(), "Invalid filters host are found in query options.");
    cluster.finish(&[]).await
}
