//! Every operation under every condition, as its expectation says, with the real processes.

use crate::expectations::{Expected, expectation};
use harness::scene::Scene;
use harness::{Cluster, ClusterBuilder, until};
use model::Condition;
use operation::OperationKind;
use operation::contract::Class;
use std::time::Duration;

/// Everything that an operation could change, less what workers report.
async fn everything(cluster: &Cluster) -> anyhow::Result<String> {
    let database = cluster.database().await?;
    let rows = database
        .query_one(
            "select jsonb_build_object( \
                 'volumes', (select jsonb_agg(to_jsonb(v) order by id) from volumes v), \
                 'snapshots', (select jsonb_agg(to_jsonb(s) order by id) from snapshots s), \
                 'attachments', (select jsonb_agg(to_jsonb(a) order by id) from attachments a), \
                 'backups', (select jsonb_agg(to_jsonb(b) order by id) from backups b), \
                 'types', (select jsonb_agg(to_jsonb(t) order by id) from volume_types t), \
                 'qos', (select jsonb_agg(to_jsonb(q) order by id) from qos_specs q), \
                 'projects', (select jsonb_agg(to_jsonb(p) order by id) from projects p), \
                 'classes', (select jsonb_agg(to_jsonb(c) order by id) from quota_classes c), \
                 'messages', (select jsonb_agg(to_jsonb(m) order by id) from messages m), \
                 'backends', (select jsonb_agg(to_jsonb(b) - 'seen_at' - 'report' order by id) from backends b), \
                 'operations', (select jsonb_agg(to_jsonb(o) order by id) from operations o), \
                 'quota', (select jsonb_agg(to_jsonb(q) order by project_id, resource) \
                           from quota_usages q))::text",
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
            let sql =
                "update backends set replication_status = 'failing-over' where name = 'host@a'";
            cluster.database().await?.execute(sql, &[]).await?;
            Ok(())
        }
        Condition::Down => {
            // with its process, the other backend is down too
            client.operate("enable", &cluster.host("spare")).await?.expect_status(200)?;
            cluster.workers[0].process.kill();
            until("both backends are down", Duration::from_secs(10), || async {
                let Ok(listed) = client.get("/os-services?binary=cinder-volume").await else {
                    return false;
                };
                let services = listed.body["services"].as_array().cloned().unwrap_or_default();
                services.iter().all(|service| service["backend_state"] == "down")
            })
            .await
        }
    }
}

/// Leaves only this condition, after operations on the backend changed it.
async fn restore(cluster: &Cluster, condition: Condition) -> anyhow::Result<()> {
    let frozen = if condition == Condition::Frozen { "now()" } else { "null" };
    let disabled = if condition == Condition::Disabled { "now()" } else { "null" };
    let sql = format!(
        "update backends set frozen_at = {frozen}, disabled_at = {disabled} where name = 'host@a'"
    );
    cluster.database().await?.execute(&sql, &[]).await?;
    Ok(())
}

async fn check(condition: Condition) -> anyhow::Result<()> {
    let builder = ClusterBuilder::for_test().await?.fake("a").fake("spare");
    let mut cluster = builder.backup_services(1).start().await?;
    let (client, host) = (cluster.client(), cluster.host("a"));
    // there is nothing to choose from, but for what asks for another backend
    let spare = cluster.host("spare");
    client.operate("disable", &spare).await?.expect_status(200)?;
    let mut scenes = Vec::new();
    for kind in OperationKind::ALL {
        scenes.push(Scene::prepare(&client, *kind, &host).await?);
    }
    bring_about(&mut cluster, condition).await?;

    for (kind, scene) in OperationKind::ALL.iter().zip(&scenes) {
        let expected = expectation(*kind, condition);
        if *kind == OperationKind::MigrateVolume {
            client.operate("enable", &spare).await?.expect_status(200)?;
        }
        let before = everything(&cluster).await?;
        let answer = scene.ask(&client).await?;
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
        // reading goes on, whatever the condition, of what is still there
        let read = client.get(&format!("/volumes/{}", scene.volume)).await?;
        assert_eq!(read.status, 200, "{context}");
        // with the process that is down, both are
        if *kind == OperationKind::MigrateVolume && condition != Condition::Down {
            client.operate("disable", &spare).await?.expect_status(200)?;
        }
        if kind.contract().class == Class::Operate {
            restore(&cluster, condition).await?;
        } else if expected != Expected::Accepted {
            let named = condition.as_str().replace('_', " ");
            assert!(answer.fault().contains(&named), "{context}");
        }
    }
    cluster.finish_unsettled(&["fails because fake:fail says so"])
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
