//! What must hold of `terminate_connection`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn the_data_path_goes_and_the_server_still_counts_until_it_is_detached() -> anyhow::Result<()>
{
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let info = client.attach_through_actions(&volume, "server-1").await?;
    let uri = info["data"]["uri"].as_str().unwrap_or_default();
    let terminate = |host: &str| json!({ "connector": harness::scene::connector(host) });
    let elsewhere = client.act(&volume, "os-terminate_connection", terminate("server-2")).await?;
    assert_eq!(elsewhere.status, 202);
    assert!(harness::qemu_io(uri, &["read 0 4k"])?);
    client.act(&volume, "os-begin_detaching", json!(null)).await?.expect_status(202)?;
    let here = client.act(&volume, "os-terminate_connection", terminate("server-1")).await?;
    assert_eq!(here.status, 202);
    assert!(!harness::qemu_io(uri, &["read 0 4k"])?);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("detaching"));
    client.act(&volume, "os-detach", json!({})).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}
