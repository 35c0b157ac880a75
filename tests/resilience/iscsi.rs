//! iSCSI: only whoever has the secret reaches the data, and targets are there as long as servers need them.

use super::data::reachable;
use harness::cluster::BackendSpec;
use harness::{ClusterBuilder, access_data, access_data_from, until};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use uuid::Uuid;

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

/// Each host has its own account, which goes with its last attachment; and no process has a password among its arguments,
/// which every user of the machine can read.
#[tokio::test]
async fn a_host_that_was_left_does_not_get_in_by_what_it_knows() -> anyhow::Result<()> {
    let builder = ClusterBuilder::for_test().await?;
    let directory = builder.directory().to_owned();
    std::fs::create_dir_all(&directory)?;
    let (recorder, record) = (directory.join("tgtadm"), directory.join("arguments"));
    let script = format!("#!/bin/sh\necho \"$@\" >> {}\nexec tgtadm \"$@\"\n", record.display());
    std::fs::write(&recorder, script)?;
    std::fs::set_permissions(&recorder, Permissions::from_mode(0o700))?;
    let settings =
        format!("file.target_protocol = 'iscsi'\nfile.tgtadm = '{}'\n", recorder.display());
    let disk = BackendSpec { name: "disk".to_owned(), driver: "file", settings };
    let cluster = builder.backend(disk).start().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "multiattach": "<is> True" } });
    client.create_volume_type("shared", specs).await?;
    let volume = client.create_volume(json!({ "size": 1, "volume_type": "shared" })).await?;
    client.wait_for_status(&volume, "available").await?;
    let mut attached = Vec::new();
    for host in ["server-1", "server-2", "server-1"] {
        let connector = json!({ "volume_uuid": volume, "connector": harness::scene::connector(host),
                                "instance_uuid": Uuid::new_v4() });
        let told = client.post("/attachments", json!({ "attachment": connector })).await?;
        let attachment = told.expect_status(200)?.body["attachment"].clone();
        access_data(&attachment["connection_info"], &["write -P 3 0 1M", "flush"])?;
        attached.push((attachment["id"].clone(), attachment["connection_info"].clone()));
    }
    let ((first, gone), (_, stays), (third, same)) = (&attached[0], &attached[1], &attached[2]);
    assert_eq!(gone["target_iqn"], stays["target_iqn"]);
    assert_ne!(gone["auth_password"], stays["auth_password"]);
    // two servers on one host share its session
    assert_eq!(gone["auth_password"], same["auth_password"]);
    // who is in is thrown out, and the others stay
    let reads = |host: &str, info: &Value, count: usize| {
        let (host, info) = (host.to_owned(), info.clone());
        let commands = vec!["read -P 3 0 1M"; count];
        tokio::task::spawn_blocking(move || access_data_from(&host, &info, &commands))
    };
    let (inside, beside) = (reads("server-1", gone, 20_000), reads("server-2", stays, 3000));
    let daemon = directory.join("disk/run/tgtd.sock");
    until("both are logged in", Duration::from_secs(10), || async {
        let mut asked = tokio::process::Command::new("tgtadm");
        asked.env("TGT_IPC_SOCKET", &daemon);
        asked.args(["--lld", "iscsi", "--mode", "conn", "--op", "show", "--tid", "1"]);
        let shown = asked.output().await.map(|shown| shown.stdout).unwrap_or_default();
        let shown = String::from_utf8_lossy(&shown).into_owned();
        ["server-1", "server-2"].iter().all(|host| shown.contains(&format!("test:{host}")))
    })
    .await?;
    for (attachment, still) in [(first, true), (third, false)] {
        let attachment = attachment.as_str().unwrap_or_default();
        client.delete(&format!("/attachments/{attachment}")).await?.expect_status(200)?;
        assert_eq!(access_data(gone, &["read -P 3 0 1M"]).is_ok(), still);
    }
    let thrown_out = inside.await?.map_err(|error| error.to_string());
    assert!(thrown_out.clone().is_err_and(|error| error.contains("read -P")), "{thrown_out:?}");
    beside.await??;
    // nor is a target ever open to who has no account
    let mut nobody = stays.clone();
    nobody["auth_username"] = json!("");
    nobody["auth_password"] = json!("");
    assert!(access_data(&nobody, &["read -P 3 0 1M"]).is_err());
    let refused = access_data(gone, &["read -P 3 0 1M"]).map_err(|error| error.to_string());
    assert!(refused.clone().is_err_and(|error| error.contains("Authentication")), "{refused:?}");
    access_data(stays, &["read -P 3 0 1M"])?;
    // nor does it when the targets were opened again
    harness::kill_by_pid_file(&directory.join("disk/run/tgtd.pid"));
    reachable(stays, &["read -P 3 0 1M"]).await?;
    assert!(access_data(gone, &["read -P 3 0 1M"]).is_err());

    let arguments = std::fs::read_to_string(&record)?;
    assert!(arguments.contains("--mode account"), "{arguments}");
    for (_, info) in &attached {
        let password = info["auth_password"].as_str().unwrap_or_default();
        assert!(!password.is_empty() && !arguments.contains(password));
    }
    cluster.finish(&["data path"]).await
}

/// A server that moves to another host leaves the first one.
#[tokio::test]
async fn the_host_that_a_server_was_on_does_not_get_in_any_more() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.iscsi("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let attachment = client.reserve(&volume, Some(Uuid::new_v4())).await?;
    let mut told = Vec::new();
    for host in ["server-1", "server-2"] {
        let body = json!({ "attachment": { "connector": harness::scene::connector(host) } });
        let shown = client.put(&format!("/attachments/{attachment}"), body).await?;
        told.push(shown.expect_status(200)?.body["attachment"]["connection_info"].clone());
    }
    assert!(access_data(&told[0], &["read -P 0 0 1M"]).is_err());
    access_data(&told[1], &["read -P 0 0 1M"])?;
    cluster.finish(&[]).await
}
