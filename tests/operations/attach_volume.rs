//! What must hold of `attach_volume`, and of detaching what it attached.

use harness::ClusterBuilder;
use harness::scene::connector;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_server_is_attached_once_and_detached_with_its_data_path() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let info = client.attach_through_actions(&volume, "server-1").await?;
    let uri = info["data"]["uri"].as_str().unwrap_or_default();
    assert!(harness::qemu_io(uri, &["write -P 1 0 1M", "flush"])?);
    client.available_volume(1).await?;
    for status in ["attached", "detached"] {
        let listed = client.get(&format!("/volumes?attach_status={status}")).await?.body;
        let found = listed["volumes"].as_array().cloned().unwrap_or_default();
        assert_eq!(found.len(), 1, "{status}: {listed}");
        assert_eq!(found[0]["id"] == *volume, status == "attached", "{status}: {listed}");
    }
    // the same server again is fine, another one is not
    let again = json!({ "host_name": "server-1", "mountpoint": "/dev/vdb" });
    client.act(&volume, "os-attach", again).await?.expect_status(202)?;
    let other = json!({ "instance_uuid": Uuid::new_v4(), "mountpoint": "/dev/vdb" });
    assert_eq!(client.act(&volume, "os-attach", other).await?.status, 400);
    client.act(&volume, "os-detach", json!({})).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    assert!(!harness::qemu_io(uri, &["read 0 4k"])?);
    client.act(&volume, "os-detach", json!({})).await?.expect_status(202)?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_mode_is_kept_to() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let attach = |mode: &str| json!({ "host_name": "s", "mountpoint": "/dev/vdb", "mode": mode });
    let volume = client.available_volume(1).await?;
    client.act(&volume, "os-reserve", json!(null)).await?.expect_status(202)?;
    let connector = json!({ "connector": harness::scene::connector("s") });
    client.act(&volume, "os-initialize_connection", connector).await?.expect_status(200)?;
    let refused = client.act(&volume, "os-attach", attach("ro")).await?.expect_status(400)?;
    assert!(refused.fault().contains("with mode rw"), "{}", refused.body);
    client.act(&volume, "os-attach", attach("rw")).await?.expect_status(202)?;
    client.detach(&volume).await?;
    let readonly = json!({ "readonly": true });
    client.act(&volume, "os-update_readonly_flag", readonly).await?.expect_status(202)?;
    assert_eq!(client.act(&volume, "os-attach", attach("rw")).await?.status, 400);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    client.act(&volume, "os-attach", attach("ro")).await?.expect_status(202)?;
    for body in [
        json!({}),
        json!({ "mountpoint": "/dev/vdb" }),
        json!({ "host_name": "s" }),
        json!({ "instance_uuid": "x", "mountpoint": "/dev/vdb" }),
        attach("rx"),
    ] {
        assert_eq!(client.act(&volume, "os-attach", body.clone()).await?.status, 400, "{body}");
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn of_several_servers_the_one_that_leaves_must_be_named() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "multiattach": "<is> True" } });
    client.create_volume_type("shared", specs).await?;
    let volume = client.create_volume(json!({ "size": 1, "volume_type": "shared" })).await?;
    client.wait_for_status(&volume, "available").await?;
    for host in ["server-1", "server-2"] {
        client.attach_through_actions(&volume, host).await?;
    }
    assert_eq!(client.act(&volume, "os-detach", json!({})).await?.status, 400);
    // Nova says it before each detachment, and names no server
    client.act(&volume, "os-begin_detaching", json!(null)).await?.expect_status(202)?;
    client.act(&volume, "os-roll_detaching", json!(null)).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
    let first = shown["attachments"][0]["attachment_id"].clone();
    let named = json!({ "attachment_id": first });
    client.act(&volume, "os-detach", named.clone()).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    let member = client.with_roles("member");
    assert_eq!(member.act(&volume, "os-force_detach", json!({})).await?.status, 403);
    let force = json!({ "connector": null, "attachment_id": null });
    client.act(&volume, "os-force_detach", force).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

/// What Nova says when it has swapped the volumes of a server.
#[tokio::test]
async fn a_swap_of_volumes_moves_the_server_from_one_to_the_other() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let (old, new) = (client.available_volume(1).await?, client.available_volume(1).await?);
    client.attach_through_actions(&old, "server-1").await?;
    let complete = |error| {
        let arguments = json!({ "new_volume": new, "error": error });
        client.act(&old, "os-migrate_volume_completion", arguments)
    };
    let failed = complete(true).await?.expect_status(200)?;
    assert_eq!(failed.body, json!({ "save_volume_id": new }));
    assert_eq!(client.volume_status(&old).await?.as_deref(), Some("in-use"));
    let connected = complete(false).await?.expect_status(400)?;
    assert!(connected.fault().contains("still connected"), "{}", connected.body);
    let connector = json!({ "connector": connector("server-1") });
    client.act(&old, "os-terminate_connection", connector).await?.expect_status(202)?;
    complete(false).await?.expect_status(200)?;
    assert_eq!(client.volume_status(&old).await?.as_deref(), Some("available"));
    let shown = client.get(&format!("/volumes/{new}")).await?.body["volume"].clone();
    assert_eq!(shown["attachments"][0]["host_name"], "server-1");
    let itself = json!({ "new_volume": old });
    assert_eq!(client.act(&old, "os-migrate_volume_completion", itself).await?.status, 400);
    let nowhere = json!({ "new_volume": uuid::Uuid::new_v4() });
    assert_eq!(client.act(&old, "os-migrate_volume_completion", nowhere).await?.status, 404);
    let extended = client.act(&new, "os-extend_volume_completion", json!({})).await?;
    assert!(extended.expect_status(400)?.fault().contains("not being extended"));
    cluster.finish(&[]).await
}
