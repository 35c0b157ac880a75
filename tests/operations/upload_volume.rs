//! What must hold of `upload_volume`.

use harness::{ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

const UPLOAD: &str = "os-volume_upload_image";

#[tokio::test]
async fn an_image_has_what_the_volume_has() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let (client, images) = (cluster.client(), cluster.image_service()?);
    let disk = vec![0x42; 1 << 20];
    let described = json!({
        "name": "first", "disk_format": "raw", "container_format": "bare", "hw_disk_bus": "scsi", "min_disk": 1,
    });
    let first = images.add(&described, disk.clone());
    let volume = client.create_volume(json!({ "size": 1, "imageRef": first })).await?;
    client.wait_for_status(&volume, "available").await?;
    for disk_format in ["raw", "qcow2", "vmdk", "vdi", "vhdx", "vhd"] {
        let asked = json!({ "image_name": disk_format, "disk_format": disk_format });
        let told = client.act(&volume, UPLOAD, asked).await?.expect_status(202)?.body;
        let told = &told[UPLOAD];
        assert_eq!((&told["id"], &told["status"]), (&json!(volume), &json!("uploading")));
        client.wait_for_status(&volume, "available").await?;
        let (image, data) = images.get(told["image_id"].as_str().unwrap_or_default()).unwrap();
        assert_eq!(image["status"], "active", "{disk_format}");
        assert_eq!(image["disk_format"], disk_format);
        assert_eq!(image["hw_disk_bus"], "scsi", "what the volume knows of its image goes on");
        assert!(image.get("image_id").is_none() && image["min_disk"] == 0);
        if disk_format == "raw" {
            assert_eq!((&image["size"], &data[..disk.len()]), (&json!(1 << 30), &disk[..]));
        } else {
            assert!(data.len() < 64 << 20, "{disk_format} has too many bytes");
            // and comes back
            let copy = client.create_volume(json!({ "size": 2, "imageRef": image["id"] })).await?;
            client.wait_for_status(&copy, "available").await?;
        }
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_is_not_uploaded_leaves_no_image() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let (client, images) = (cluster.client(), cluster.image_service()?);
    let volume = client.available_volume(1).await?;
    let before = images.ids();
    let named = json!({ "image_name": "n" });
    client.attach(&volume, "server-1").await?;
    assert_eq!(client.act(&volume, UPLOAD, named.clone()).await?.status, 400);
    client.detach(&volume).await?;
    for wrong in [
        json!({}),
        json!({ "image_name": "n", "disk_format": "ploop" }),
        json!({ "image_name": "n", "container_format": "ovf" }),
        json!({ "image_name": "n", "visibility": "nobody" }),
        json!({ "image_name": "n", "something": 1 }),
    ] {
        assert_eq!(client.act(&volume, UPLOAD, wrong.clone()).await?.status, 400, "{wrong}");
    }
    assert_eq!(images.ids(), before);

    let metadata = json!({ "fake:fail": "read_image" });
    let failing = client.create_volume(json!({ "size": 1, "metadata": metadata })).await?;
    client.wait_for_status(&failing, "available").await?;
    client.act(&failing, UPLOAD, named).await?.expect_status(202)?;
    client.wait_for_status(&failing, "available").await?;
    until("its image is gone", Duration::from_secs(10), || async { images.ids() == before })
        .await?;
    let messages = client.get("/messages").await?.expect_status(200)?.body;
    assert_eq!(messages["messages"][0]["resource_uuid"], json!(failing));
    cluster.finish(&["failed"]).await
}

#[tokio::test]
async fn without_an_image_service_there_are_no_images() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.without_image_service().start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let of_image = json!({ "volume": { "size": 1, "imageRef": "small" } });
    for asked in [
        client.act(&volume, UPLOAD, json!({ "image_name": "n" })).await?,
        client.act(&volume, "os-reimage", json!({ "image_id": volume })).await?,
        client.post("/volumes", of_image).await?,
    ] {
        assert_eq!(asked.status, 400);
        assert!(asked.fault().contains("no image service"), "{}", asked.fault());
    }
    cluster.finish(&[]).await
}
