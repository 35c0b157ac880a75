//! What must hold of `reimage_volume`.

use harness::ClusterBuilder;
use harness::image_service::IMAGE;
use serde_json::json;

#[tokio::test]
async fn a_volume_gets_another_image_in_place_of_what_it_had() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.access(&volume, &["write -P 0x11 0 2M", "flush"]).await?;
    client.act(&volume, "os-reimage", json!({ "image_id": IMAGE })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    client.access(&volume, &["read -P 0x5a 0 1M", "read -P 0 1M 1023M"]).await?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.expect_status(200)?.body;
    assert_eq!(shown["volume"]["bootable"], "true");
    assert_eq!(shown["volume"]["volume_image_metadata"]["image_name"], "small");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let (client, images) = (cluster.client(), cluster.image_service()?);
    let volume = client.available_volume(1).await?;
    let described = |more: serde_json::Value| {
        let mut described =
            json!({ "name": "n", "disk_format": "raw", "container_format": "bare" });
        described.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        described
    };
    let large = images.add(&described(json!({ "min_disk": 2 })), vec![1; 512]);
    for (image, status) in [(large.as_str(), 400), ("x", 400), (&volume, 400)] {
        let asked = json!({ "image_id": image });
        assert_eq!(client.act(&volume, "os-reimage", asked).await?.status, status, "{image}");
    }
    let before = client.with_version("volume 3.67");
    let asked = json!({ "image_id": IMAGE });
    assert_eq!(before.act(&volume, "os-reimage", asked.clone()).await?.status, 404);
    client.attach(&volume, "server-1").await?;
    assert_eq!(client.act(&volume, "os-reimage", asked.clone()).await?.status, 400);
    client.detach(&volume).await?;

    // what is found to be another thing when it has come
    let lying = images.add(&described(json!({ "disk_format": "qcow2" })), vec![1; 4096]);
    client.act(&volume, "os-reimage", json!({ "image_id": lying })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "error").await?;
    // and the way out
    client.act(&volume, "os-reimage", asked).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    cluster.finish(&["failed"]).await
}
