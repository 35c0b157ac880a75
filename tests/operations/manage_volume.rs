//! What must hold of `manage_volume`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_file_becomes_a_volume_with_its_data() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volumes = cluster.directory().join("disk/volumes");
    // of no whole number of GiB
    std::fs::File::create(volumes.join("legacy.img"))?.set_len((1 << 30) + 4096)?;
    let path = volumes.join("legacy.img").display().to_string();
    assert!(harness::qemu_io(&path, &["write -P 0x61 0 1M", "write -P 0x62 1G 4k"])?);
    let managed = client.available_volume(1).await?;
    let listed = client.get("/manageable_volumes/detail?host=host@disk&sort=size:desc").await?;
    let listed = listed.expect_status(200)?.body["manageable-volumes"].clone();
    assert_eq!(
        listed[0],
        json!({ "reference": { "source-name": "legacy.img" }, "size": 2,
        "safe_to_manage": true, "reason_not_safe": null, "cinder_id": null, "extra_info": null })
    );
    assert_eq!(
        (&listed[1]["cinder_id"], &listed[1]["safe_to_manage"]),
        (&json!(managed), &json!(false))
    );

    let asked = |name: &str| {
        json!({ "volume": { "host": "host@disk#disk", "name": "old",
        "ref": { "source-name": name }, "metadata": { "k": "v" }, "bootable": true } })
    };
    let answer = client.post("/os-volume-manage", asked("legacy.img")).await?.expect_status(202)?;
    let id = answer.body["volume"]["id"].as_str().unwrap_or_default().to_owned();
    client.wait_for_status(&id, "available").await?;
    let shown = client.get(&format!("/volumes/{id}")).await?.body["volume"].clone();
    assert_eq!(
        (&shown["size"], &shown["bootable"], &shown["name"]),
        (&json!(2), &json!("true"), &json!("old"))
    );
    client.access(&id, &["read -P 0x61 0 1M", "read -P 0x62 1G 4k", "read -P 0 1900M 1M"]).await?;
    // it is there once
    for taken in [
        format!("volume-{managed}"),
        format!("volume-{id}"),
        "legacy.img".to_owned(),
        "../array.id".to_owned(),
        String::new(),
    ] {
        assert_eq!(client.post("/manageable_volumes", asked(&taken)).await?.status, 400, "{taken}");
    }
    for wrong in [
        json!({}),
        json!({ "volume": { "host": "host@disk" } }),
        json!({ "volume": { "ref": {} } }),
        json!({ "volume": { "host": "host@nowhere", "ref": { "source-name": "x" } } }),
    ] {
        assert_eq!(client.post("/manageable_volumes", wrong.clone()).await?.status, 400, "{wrong}");
    }
    assert_eq!(client.get("/manageable_volumes").await?.status, 400);
    let member = client.with_roles("member");
    assert_eq!(member.get("/manageable_volumes?host=host@disk").await?.status, 403);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_cannot_be_taken_over_stays_as_it_is() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let other = client.available_volume(1).await?;
    client.act(&other, "os-unmanage", json!(null)).await?.expect_status(202)?;
    client.wait_for_status(&other, "deleted").await?;
    let asked = json!({ "volume": { "host": "host@a", "ref": { "source-name": format!("volume-{other}") },
                                    "metadata": { "fake:fail": "manage_volume" } } });
    let answer = client.post("/manageable_volumes", asked).await?.expect_status(202)?;
    let id = answer.body["volume"]["id"].as_str().unwrap_or_default().to_owned();
    client.wait_for_status(&id, "error").await?;
    client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
    client.wait_for_status(&id, "deleted").await?;
    cluster.finish(&["because fake:fail says so"]).await
}
