//! Every operation under every condition, as its expectation says, with the real processes.

use crate::expectations::{Expected, expectation};
use common::model::Condition;
use common::operation::OperationKind;
use common::operation::contract::Class;
use harness::{Answered, Client, Cluster, ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

/// Asks for the operation; the volume is available and otherwise unused.
async fn ask(
    kind: OperationKind,
    client: &Client,
    volume: &str,
    host: &str,
) -> anyhow::Result<Answered> {
    let path = format!("/volumes/{volume}");
    match kind {
        OperationKind::CreateVolume => {
            client.post("/volumes", json!({ "volume": { "size": 1 } })).await
        }
        OperationKind::DeleteVolume => client.delete(&path).await,
        OperationKind::ForceDeleteVolume => {
            client.act(volume, "os-force_delete", json!(null)).await
        }
        OperationKind::ExtendVolume => {
            client.act(volume, "os-extend", json!({ "new_size": 2 })).await
        }
        OperationKind::UpdateVolume => {
            client.put(&path, json!({ "volume": { "name": "n" } })).await
        }
        OperationKind::EnableBackend => client.operate("enable", host).await,
        OperationKind::DisableBackend => client.operate("disable", host).await,
        OperationKind::FreezeBackend => client.operate("freeze", host).await,
        OperationKind::ThawBackend => client.operate("thaw", host).await,
    }
}

/// Everything that an operation could change, less what workers report.
async fn everything(cluster: &Cluster) -> anyhow::Result<String> {
    let database = cluster.database().await?;
    let rows = database
        .query_one(
            "select jsonb_build_object( \
                 'volumes', (select jsonb_agg(to_jsonb(v) order by id) from volumes v), \
                 'backends', (select jsonb_agg(to_jsonb(b) - 'seen_at' - 'report') from backends b), \
                 'operations', (select jsonb_agg(to_jsonb(o) order by id) from operations o), \
                 'quota', (select jsonb_agg(to_jsonb(q)) from quota_usages q))::text",
            &[],
        )
        .await?;
    Ok(rows.get(0))
}

async fn bring_about(cluster: &mut Cluster, condition: Condition) -> anyhow::Result<()> {
    let (client, host) = (cluster.client(), cluster.host("a"));
    match condition {
        Condition::Disabled => client.operate("disable", &host).await?.expect_status(200).map(drop),
        Condition::Frozen => client.operate("freeze", &host).await?.expect_status(200).map(drop),
        Condition::FailingOver => {
            let sql = "update backends set replication_status = 'failing-over'";
            cluster.database().await?.execute(sql, &[]).await?;
            Ok(())
        }
        Condition::Down => {
            cluster.workers[0].process.kill();
            until("the backend is down", Duration::from_secs(10), || async {
                let listed = client.get("/os-services?binary=cinder-volume").await;
                listed.is_ok_and(|listed| listed.body["services"][0]["state"] == "down")
            })
            .await
        }
    }
}

/// Leaves only this condition, after operations on the backend changed it.
async fn restore(cluster: &Cluster, condition: Condition) -> anyhow::Result<()> {
    let frozen = if condition == Condition::Frozen { "now()" } else { "null" };
    let disabled = if condition == Condition::Disabled { "now()" } else { "null" };
    let sql = format!("update backends set frozen_at = {frozen}, disabled_at = {disabled}");
    cluster.database().await?.execute(&sql, &[]).await?;
    Ok(())
}

async fn check(condition: Condition) -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let (client, host) = (cluster.client(), cluster.host("a"));
    let mut volumes = Vec::new();
    for _ in OperationKind::ALL {
        volumes.push(client.create_volume(json!({ "size": 1 })).await?);
    }
    for volume in &volumes {
        client.wait_for_status(volume, "available").await?;
    }
    bring_about(&mut cluster, condition).await?;

    for (kind, volume) in OperationKind::ALL.iter().zip(&volumes) {
        let expected = expectation(*kind, condition);
        let before = everything(&cluster).await?;
        let answer = ask(*kind, &client, volume, &host).await?;
        let context = format!("{kind} while {condition}: {} {}", answer.status, answer.body);
        match expected {
            Expected::Accepted => assert!(answer.status < 300, "{context}"),
            Expected::Refused => assert_eq!(answer.status, 400, "{context}"),
            Expected::Unavailable => {
                assert_eq!(answer.status, 503, "{context}");
                assert!(answer.headers.contains_key("retry-after"), "{context}");
            }
        }
        let changed = everything(&cluster).await? != before;
        assert_eq!(changed, expected == Expected::Accepted, "{context}");
        // reading goes on, whatever the condition
        client.get(&format!("/volumes/{volume}")).await?.expect_status(200)?;
        if kind.contract().class == Class::Operate {
            restore(&cluster, condition).await?;
        } else if expected != Expected::Accepted {
            let named = condition.as_str().replace('_', " ");
            assert!(answer.fault().contains(&named), "{context}");
        }
    }
    cluster.finish(&[])
}

#[tokio::test]
async fn a_disabled_backend_gets_what_the_table_says() -> anyhow::Result<()> {
    check(Condition::Disabled).await
}

#[tokio::test]
async fn a_frozen_backend_gets_what_the_table_says() -> anyhow::Result<()> {
    check(Condition::Frozen).await
}

#[tokio::test]
async fn a_backend_that_fails_over_gets_what_the_table_says() -> anyhow::Result<()> {
    check(Condition::FailingOver).await
}

#[tokio::test]
async fn a_backend_that_is_down_gets_what_the_table_says() -> anyhow::Result<()> {
    check(Condition::Down).await
}
