//! Images that servers have open.

use crate::test_pools::{TestPool, WritingClient};
use driver::conformance::rows::{connector, snapshot, volume};
use driver::conformance::storage::Storage;
use driver::{Driver, Exports, Fence};
use model::{AttachMode, Volume};
use serde_json::json;

fn exports(driver: &dyn Driver) -> &dyn Exports {
    driver.exports().unwrap()
}

/// A volume that a client writes to.
async fn in_use(pool: &TestPool, driver: &dyn Driver) -> (Volume, WritingClient) {
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let client = WritingClient::start(pool, &volume).await;
    (volume, client)
}

#[tokio::test]
async fn a_volume_in_use_keeps_its_content_when_it_is_to_be_reverted() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let (volume, mut client) = in_use(&pool, &*driver).await;
    let kept = snapshot(&volume);
    driver.create_snapshot(&kept, Fence(2)).await.unwrap();
    let refused = driver.revert_volume(&volume, &kept, Fence(3)).await.unwrap_err();
    // the cluster itself would refuse it now and then alone
    assert_eq!(refused.to_string(), "the volume is in use");
    driver.extend_volume(&volume, 2, Fence(4)).await.unwrap();
    client.require_writing();
}

#[tokio::test]
async fn a_client_is_cut_off_when_its_data_path_is_closed() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let (volume, client) = in_use(&pool, &*driver).await;
    let (other, mut others) = in_use(&pool, &*driver).await;
    exports(&*driver).unexport(&volume, AttachMode::ReadWrite, Fence(2)).await.unwrap();
    client.require_cut_off().await;
    // and the image is as good as new
    let mut next = WritingClient::start(&pool, &volume).await;
    next.require_writing();
    driver.delete_volume(&volume, Fence(3)).await.unwrap();
    next.require_cut_off().await;
    others.require_writing();
    exports(&*driver).unexport(&other, AttachMode::ReadOnly, Fence(4)).await.unwrap();
    others.require_writing();
}

#[tokio::test]
async fn the_clients_of_a_host_are_cut_off_when_it_is_forgotten() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let (volume, mut client) = in_use(&pool, &*driver).await;
    let host = |address: &str| {
        let mut host = connector("host-1");
        host.insert("ip".to_owned(), json!(address));
        host
    };
    let forget = async |address: &str, fence| {
        let host = host(address);
        exports(&*driver).forget_host(&volume, AttachMode::ReadWrite, &host, fence).await.unwrap();
    };
    forget("10.0.0.5", Fence(2)).await;
    client.require_writing();
    forget("127.0.0.1", Fence(3)).await;
    client.require_cut_off().await;
}

#[tokio::test]
async fn a_server_opens_an_image_with_nothing_but_what_it_was_told_and_its_key() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    let mode = AttachMode::ReadWrite;
    let told = exports(&*driver).export(&volume, mode, &connector("h"), Fence(2)).await.unwrap();
    assert_eq!(told.driver_volume_type, "rbd");
    let text = |key: &str| told.data[key].as_str().unwrap().to_owned();
    assert_eq!(text("secret_uuid"), pool.ceph(&["fsid"]).trim());
    let monitors = format!(
        "{}:{}",
        told.data["hosts"][0].as_str().unwrap(),
        told.data["ports"][0].as_str().unwrap()
    );
    let keyring = pool.keyring();
    let opened = std::process::Command::new("rbd")
        .args(["-c", "/dev/null", "-m", &monitors, "--id", &text("auth_username")])
        .arg("--keyring")
        .arg(keyring)
        .args(["info", &text("name")])
        .output()
        .unwrap();
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    let whole = serde_json::to_string(&told).unwrap();
    let user = format!("client.{}", text("auth_username"));
    let keys = pool.ceph(&["auth", "get-key", &user]);
    assert!(!whole.contains(keys.trim()), "a key is in the connection info");
}
