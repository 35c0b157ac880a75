//! iSCSI: only whoever has the secret reaches the data, and targets are there as long as servers need them.

use super::data::reachable;
use harness::{ClusterBuilder, access_data};
use serde_json::json;

#[tokio::test]
async fn only_the_right_secret_lets_a_server_in() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.iscsi("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.attach(&volume, "server-1").await?;
    let info = client.connection_info(&volume).await?;
    assert_eq!(
        (&info["driver_volume_type"], &info["auth_method"]),
        (&json!("iscsi"), &json!("CHAP"))
    );
    access_data(&info, &["write -P 0x5a 0 1M", "flush", "read -P 0x5a 0 1M"])?;
    for key in ["auth_password", "auth_username"] {
        let mut wrong = info.clone();
        wrong[key] = json!("abcdefgh23456789");
        let refused =
            access_data(&wrong, &["read -P 0x5a 0 1M"]).map_err(|error| error.to_string());
        assert!(
            refused.clone().is_err_and(|error| error.contains("Authentication")),
            "{refused:?}"
        );
    }
    // with the attachment the target goes, and the next one has another secret
    client.detach(&volume).await?;
    assert!(access_data(&info, &["read -P 0x5a 0 1M"]).is_err());
    client.attach(&volume, "server-1").await?;
    let next = client.connection_info(&volume).await?;
    assert_ne!(next["auth_password"], info["auth_password"]);
    access_data(&next, &["read -P 0x5a 0 1M"])?;
    let connector = json!({ "connector": harness::scene::connector("server-1") });
    let other = client.available_volume(1).await?;
    let opened = client.act(&other, "os-initialize_connection", connector).await?;
    let opened = opened.expect_status(200)?.body;
    // no log has them, nor has the operation log, whichever way the data path was opened
    let database = cluster.database().await?;
    let logged = "select count(*) from operations o where o::text like '%' || $1 || '%'";
    for info in [&next, &opened["connection_info"]["data"]] {
        let secret = info["auth_password"].as_str().unwrap_or_default();
        assert!(!secret.is_empty() && !cluster.logs().contains(secret));
        assert_eq!(database.query_one(logged, &[&secret]).await?.get::<_, i64>(0), 0);
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_reader_writes_nothing() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.iscsi("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.access(&volume, &["write -P 1 0 1M", "flush"]).await?;
    let readonly = json!({ "readonly": true });
    client.act(&volume, "os-update_readonly_flag", readonly).await?.expect_status(202)?;
    let connector = harness::scene::connector("server-1");
    let body =
        json!({ "attachment": { "volume_uuid": volume, "connector": connector, "mode": "ro" } });
    let told = client.post("/attachments", body).await?.expect_status(200)?.body;
    let info = &told["attachment"]["connection_info"];
    access_data(info, &["read -P 1 0 1M"])?;
    assert!(access_data(info, &["write -P 2 0 1M"]).is_err());
    access_data(info, &["read -P 1 0 1M"])?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn targets_come_back_when_their_daemon_dies() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.iscsi("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.attach(&volume, "server-1").await?;
    let info = client.connection_info(&volume).await?;
    access_data(&info, &["write -P 4 0 1M", "flush"])?;
    harness::kill_by_pid_file(&cluster.directory().join("disk/run/tgtd.pid"));
    reachable(&info, &["read -P 4 0 1M"]).await?;
    // what a server may still write to is not copied as if it stood still
    let body = json!({ "snapshot": { "volume_id": volume, "force": true } });
    let refused = client.post("/snapshots", body).await?.expect_status(400)?;
    assert!(refused.fault().contains("cannot take a snapshot of an attached volume"));
    cluster.finish(&["data path"]).await
}
