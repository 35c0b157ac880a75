//! What must hold of `create_attachment`.

use harness::ClusterBuilder;
use harness::scene::connector;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn with_a_connector_it_is_one_call() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let body = json!({ "attachment": { "volume_uuid": volume, "connector": connector("h"), "mode": "ro" } });
    let answer = client.post("/attachments", body.clone()).await?.expect_status(200)?;
    let attachment = &answer.body["attachment"];
    assert_eq!(
        (&attachment["status"], &attachment["attach_mode"]),
        (&json!("attaching"), &json!("ro"))
    );
    assert_eq!(attachment["connection_info"]["access_mode"], "ro");
    // nobody else gets it meanwhile
    assert_eq!(client.post("/attachments", body).await?.status, 400);
    let listed = client.get(&format!("/attachments?volume_id={volume}")).await?.body;
    assert_eq!(listed["attachments"][0]["id"], attachment["id"]);
    assert_eq!(client.with_version("volume 3.26").get("/attachments").await?.status, 404);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_second_server_is_refused_and_the_same_one_may_move() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let server = Uuid::new_v4();
    let first = client.reserve(&volume, Some(server)).await?;
    client.connect(&first, "host-1").await?.expect_status(200)?;
    client
        .post(&format!("/attachments/{first}/action"), json!({ "os-complete": {} }))
        .await?
        .expect_status(204)?;
    let stranger =
        json!({ "attachment": { "volume_uuid": volume, "instance_uuid": Uuid::new_v4() } });
    assert_eq!(client.post("/attachments", stranger).await?.status, 400);
    // the same server on another host: a live migration
    let second = client.reserve(&volume, Some(server)).await?;
    client.connect(&second, "host-2").await?.expect_status(200)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    client.delete(&format!("/attachments/{first}")).await?.expect_status(200)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("attaching"));
    client
        .post(&format!("/attachments/{second}/action"), json!({ "os-complete": {} }))
        .await?
        .expect_status(204)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn servers_come_and_go_while_the_backend_is_frozen() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    client.attach(&volume, "server-1").await?;
    client.detach(&volume).await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_strict_freeze_refuses_servers_too() -> anyhow::Result<()> {
    let settings = "[scheduler]\nfrozen_refuses_connections = true\n";
    let cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    let refused =
        client.post("/attachments", json!({ "attachment": { "volume_uuid": volume } })).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("is frozen since"), "{}", refused.fault());
    cluster.finish(&[]).await
}

#[tokio::test]
async fn an_attachment_belongs_to_whom_the_volume_belongs() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let admin = cluster.client();
    let owner = admin.in_project("aaaa").with_roles("member");
    let volume = owner.available_volume(1).await?;
    // an operator evacuates a server, as its owner could not
    let attachment = admin.attach(&volume, "server-1").await?;
    let listed = owner.get("/attachments").await?.body["attachments"].clone();
    assert_eq!(listed[0]["id"], json!(attachment));
    assert_eq!(admin.get("/attachments").await?.body["attachments"], json!([]));
    owner.delete(&format!("/attachments/{attachment}")).await?.expect_status(200)?;
    assert_eq!(owner.volume_status(&volume).await?.as_deref(), Some("available"));
    // and the same by the volume's actions
    admin.attach_through_actions(&volume, "server-2").await?;
    owner.act(&volume, "os-detach", json!(null)).await?.expect_status(202)?;
    assert_eq!(owner.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_server_that_is_leaving_is_still_among_a_volumes_attachments() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let attachment = client.attach(&volume, "server-1").await?;
    client.act(&volume, "os-begin_detaching", json!({})).await?.expect_status(202)?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
    assert_eq!(shown["status"], "detaching");
    assert_eq!(shown["attachments"][0]["attachment_id"], json!(attachment));
    for (roles, host) in [("member", json!(null)), ("member,service", json!("server-1"))] {
        let client = client.with_roles(roles);
        let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
        assert_eq!(shown["attachments"][0]["host_name"], host, "{roles}");
    }
    cluster.finish(&[]).await
}
