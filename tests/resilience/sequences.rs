//! Whatever is asked in whatever order, and however often the backend fails: nothing is left on the way.

use anyhow::Context;
use harness::scene::connector;
use harness::{Client, ClusterBuilder, rounds};
use serde_json::{Value, json};
use uuid::Uuid;

/// Repeatable chance (xorshift).
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap_or(0)
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { Some(&all[self.next(all.len())]) }
    }
}

/// The driver's methods, any of which may fail for a volume.
const FAILING: [&str; 8] = [
    "none",
    "extend_volume",
    "delete_volume",
    "export",
    "unexport",
    "revert_volume",
    "import_volume",
    "create_snapshot",
];

/// Makes one request, of which nothing is expected.
async fn ask(
    client: &Client,
    chance: &mut Chance,
    volumes: &mut Vec<String>,
) -> anyhow::Result<()> {
    let volume = match chance.one_of(volumes) {
        Some(volume) if chance.next(8) > 0 => volume.clone(),
        _ => {
            let failing = FAILING[chance.next(FAILING.len())];
            let metadata = json!({ "fake:fail": failing, "fake:latency_ms": "20" });
            let id = client.create_volume(json!({ "size": 1, "metadata": metadata })).await?;
            volumes.push(id.clone());
            id
        }
    };
    let snapshots = client.get(&format!("/snapshots?volume_id={volume}")).await?.body;
    let snapshot = snapshots["snapshots"][0]["id"].as_str().unwrap_or_default().to_owned();
    let attachments = client.get(&format!("/attachments?volume_id={volume}")).await?.body;
    let attachment = attachments["attachments"][0]["id"].as_str().unwrap_or_default().to_owned();
    let act = async |action: &str, arguments: Value| client.act(&volume, action, arguments).await;
    let connection = json!({ "connector": connector("server-1") });
    let elsewhere = ["host@a", "host@b"][chance.next(2)];
    match chance.next(20) {
        0 => client.delete(&format!("/volumes/{volume}")).await,
        1 => act("os-extend", json!({ "new_size": 1 + chance.next(4) })).await,
        2 => {
            client
                .post("/snapshots", json!({ "snapshot": { "volume_id": volume, "force": true } }))
                .await
        }
        3 => client.delete(&format!("/snapshots/{snapshot}")).await,
        4 => act("revert", json!({ "snapshot_id": snapshot })).await,
        5 => act("os-migrate_volume", json!({ "host": elsewhere })).await,
        6 => act("os-retype", json!({ "new_type": "other" })).await,
        7 => {
            act("os-retype", json!({ "new_type": "__DEFAULT__", "migration_policy": "on-demand" }))
                .await
        }
        8 => act("os-reserve", json!(null)).await,
        9 => act("os-unreserve", json!(null)).await,
        10 => act("os-initialize_connection", connection).await,
        11 => act("os-terminate_connection", connection).await,
        12 => act("os-attach", json!({ "host_name": "server-1", "mountpoint": "/dev/vdb" })).await,
        13 => act("os-detach", json!({})).await,
        14 => act("os-begin_detaching", json!(null)).await,
        15 => {
            let body =
                json!({ "attachment": { "volume_uuid": volume, "instance_uuid": Uuid::new_v4() } });
            client.post("/attachments", body).await
        }
        16 => client.connect(&attachment, "server-2").await,
        17 => client.delete(&format!("/attachments/{attachment}")).await,
        18 => act("os-reset_status", json!({ "status": "available" })).await,
        _ => act("os-unmanage", json!(null)).await,
    }
    .map(drop)
}

#[tokio::test]
async fn no_sequence_of_requests_leaves_anything_on_the_way() -> anyhow::Result<()> {
    for _ in 0..rounds(1, 30) {
        let seed = u64::from_le_bytes(Uuid::new_v4().as_bytes()[..8].try_into()?) | 1;
        let tried = tokio::spawn(random_sequences(seed)).await;
        tried.map_err(anyhow::Error::from).flatten().with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

async fn random_sequences(seed: u64) -> anyhow::Result<()> {
    const CLIENTS: u64 = 4;
    const REQUESTS: usize = 150;
    let cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    cluster.client().create_volume_type("other", json!({})).await?;
    let mut asking = Vec::new();
    for number in 0..CLIENTS {
        let client = cluster.client();
        asking.push(tokio::spawn(async move {
            let mut chance = Chance(seed.wrapping_mul(2 * number + 1));
            let mut volumes = Vec::new();
            for _ in 0..REQUESTS {
                ask(&client, &mut chance, &mut volumes).await?;
            }
            anyhow::Ok(())
        }));
    }
    for one in asking {
        one.await??;
    }
    let ended =
        "select count(distinct kind), count(*) filter (where state = 'failed') from operations";
    let row = cluster.database().await?.query_one(ended, &[]).await?;
    let (kinds, failed): (i64, i64) = (row.get(0), row.get(1));
    assert!(kinds > 12 && failed > 0, "{kinds} kinds of operations, {failed} failed");
    // transitional statuses, usage and live operations are what it looks at
    cluster.finish(&["because fake:fail says so", "the request failed"]).await
}

/// That the test above can fail: a status that nobody will change is found.
#[tokio::test]
async fn a_status_without_an_operation_is_found() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let volume = cluster.client().available_volume(1).await?;
    let sql = format!("update volumes set status = 'extending' where id = '{volume}'");
    cluster.database().await?.execute(&sql, &[]).await?;
    let found = harness::invariants::check(&cluster).await.map_err(|error| error.to_string());
    assert!(found.clone().is_err_and(|error| error.contains("is extending")), "{found:?}");
    cluster.finish_unsettled(&[])
}
