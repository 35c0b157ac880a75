//! Lists: pages, order, filters, counts.

use harness::{Client, ClusterBuilder};
use serde_json::{Value, json};
use std::collections::BTreeSet;

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

/// Makes that many volumes without asking anybody: they only have to be listed.
const MANY: &str = "
    insert into volumes (id, project_id, user_id, backend_id, pool, availability_zone, volume_type_id, name,
                         size_gb, status, created_at)
    select gen_random_uuid(), $1, 'u', b.id, 'a', 'nova', t.id, 'many', 1, 'available',
           now() - make_interval(secs => n / 7)
    from generate_series(1, 10000) n, backends b, volume_types t";

#[tokio::test]
async fn ten_thousand_volumes_page_right_while_others_come_and_go() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (client, database) = (cluster.client(), cluster.database().await?);
    database.execute(MANY, &[&harness::PROJECT]).await?;
    let all = "select id::text from volumes where deleted_at is null";
    let before: BTreeSet<String> =
        database.query(all, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(before.len(), 10_000);
    let doomed: Vec<String> = before.iter().take(300).cloned().collect();
    let changing = tokio::spawn({
        let client = client.clone();
        async move {
            let mut made = Vec::new();
            for id in doomed {
                client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
                made.push(client.create_volume(json!({ "size": 1 })).await?);
            }
            anyhow::Ok(made)
        }
    });
    for sort in ["created_at:desc", "created_at:asc", "name:asc,id:desc", "size:desc"] {
        let mut found = Vec::new();
        let mut next = Some(client.url(&format!("/volumes?limit=450&sort={sort}")));
        while let Some(url) = next {
            let path = format!("!{}", url.trim_start_matches(&cluster.endpoint()));
            let page = client.get(&path).await?.expect_status(200)?.body;
            let volumes = page["volumes"].as_array().cloned().unwrap_or_default();
            found.extend(volumes.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)));
            next = page["volumes_links"][0]["href"].as_str().map(str::to_owned);
        }
        let distinct: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(distinct.len(), found.len(), "{sort}: something was listed twice");
        let stayed: BTreeSet<String> =
            database.query(all, &[]).await?.iter().map(|row| row.get(0)).collect();
        let missed: Vec<_> =
            before.intersection(&stayed).filter(|id| !distinct.contains(*id)).collect();
        assert_eq!(missed, Vec::<&String>::new(), "{sort}: something that stayed was missed");
    }
    changing.await??;
    cluster.finish_unsettled(&[])
}
