//! What must hold of `update_type_encryption`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_type_has_one_encryption_and_no_volume_is_made_that_would_not_be_encrypted()
-> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume_type = client.create_volume_type("secret", json!({})).await?;
    let path = format!("/types/{volume_type}/encryption");
    assert_eq!(client.get(&path).await?.expect_status(200)?.body, json!({}));
    let asked = json!({ "encryption": { "provider": "luks", "cipher": "aes-xts-plain64",
                                        "key_size": "256", "control_location": "front-end" } });
    let made = client.post(&path, asked.clone()).await?.expect_status(200)?.body;
    assert_eq!(made["encryption"]["volume_type_id"], json!(volume_type));
    assert_eq!(client.get(&path).await?.body["key_size"], 256);
    assert_eq!(
        client.get(&format!("{path}/cipher")).await?.body,
        json!({ "cipher": "aes-xts-plain64" })
    );
    assert_eq!(client.post(&path, asked).await?.status, 400);

    let refused =
        client.post("/volumes", json!({ "volume": { "size": 1, "volume_type": "secret" } }));
    let refused = refused.await?.expect_status(400)?;
    assert!(refused.fault().contains("asks for encryption"), "{}", refused.body);
    let volume = client.available_volume(1).await?;
    let retype = json!({ "new_type": "secret" });
    assert_eq!(client.act(&volume, "os-retype", retype).await?.status, 400);
    let shown = client.get(&format!("/volumes/{volume}/encryption")).await?.expect_status(200)?;
    assert_eq!(shown.body, json!({ "encryption_key_id": null }));

    let change = json!({ "encryption": { "key_size": 512 } });
    client.put(&format!("{path}/provider"), change).await?.expect_status(200)?;
    let shown = client.get(&path).await?.body;
    assert_eq!((&shown["key_size"], &shown["provider"]), (&json!(512), &json!("luks")));
    client.delete(&format!("{path}/provider")).await?.expect_status(202)?;
    assert_eq!(client.delete(&format!("{path}/provider")).await?.status, 404);
    let in_use = client.create_volume_type("used", json!({})).await?;
    let of_it = client.create_volume(json!({ "size": 1, "volume_type": "used" })).await?;
    client.wait_for_status(&of_it, "available").await?;
    let late = json!({ "encryption": { "provider": "luks" } });
    assert_eq!(client.post(&format!("/types/{in_use}/encryption"), late).await?.status, 400);
    for wrong in [
        json!({}),
        json!({ "encryption": {} }),
        json!({ "encryption": { "provider": "luks", "control_location": "here" } }),
        json!({ "encryption": { "provider": "luks", "key_size": "long" } }),
    ] {
        assert_eq!(client.post(&path, wrong.clone()).await?.status, 400, "{wrong}");
    }
    cluster.finish(&[]).await
}
