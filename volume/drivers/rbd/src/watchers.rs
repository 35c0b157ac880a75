//! The clients that have an image open for writing, and how they are cut off: the cluster takes nothing more from a client on its
//! blocklist, however long it hangs. An exclusive lock would not do: it is passed on to whoever asks for it.

use crate::cluster::Cluster;
use crate::command_error::{CommandError, errno};
use crate::shapes::{ImageStatus, Watcher};
use driver::DriverError;
use std::collections::HashSet;
use std::time::Duration;

/// How long a client stays on the blocklist, in seconds: longer than any of them hangs.
const BLOCKED_SECONDS: &str = "86400";
/// How often it is looked whether those that were cut off are gone.
const ROUNDS: usize = 40;
const PAUSE: Duration = Duration::from_millis(250);

/// The object of a pool that every mirror daemon watches, its own cluster's and the other one's.
const OF_MIRROR_DAEMONS: &str = "rbd_mirroring";

/// The clients that have an image open for writing, without the mirror daemons, which watch every image that they mirror; none when
/// there is no such image.
pub(crate) async fn of(cluster: &Cluster, image: &str) -> Result<Vec<Watcher>, CommandError> {
    match cluster.rbd_prints::<ImageStatus>(&["status", "--image", image]).await {
        Ok(status) if status.watchers.is_empty() => Ok(Vec::new()),
        Ok(ImageStatus { mut watchers }) => {
            let daemons = mirror_daemons(cluster).await?;
            watchers.retain(|watcher| !daemons.contains(&watcher.address));
            Ok(watchers)
        }
        Err(error) if error.is(errno::NOENT) => {
            cluster.require_no_image(image, error).await.map(|()| Vec::new())
        }
        Err(error) => Err(error),
    }
}

async fn mirror_daemons(cluster: &Cluster) -> Result<HashSet<String>, CommandError> {
    match cluster.rados(&["listwatchers", OF_MIRROR_DAEMONS]).await {
        Ok(listed) => Ok(listed.lines().filter_map(address).map(str::to_owned).collect()),
        // nothing is mirrored in this pool
        Err(error) if error.is(errno::NOENT) && error.complains_of(OF_MIRROR_DAEMONS) => {
            Ok(HashSet::new())
        }
        Err(error) => Err(error),
    }
}

/// The address in `watcher=10.0.0.5:0/4140696727 client.4238 cookie=1`.
fn address(line: &str) -> Option<&str> {
    line.strip_prefix("watcher=")?.split(' ').next()
}

/// Cuts off everyone who has an image open for writing, and returns when they are gone.
pub(crate) async fn cut_off(cluster: &Cluster, image: &str) -> Result<(), DriverError> {
    cut_off_those(cluster, image, |_| true).await
}

/// Cuts off the clients on a host.
pub(crate) async fn cut_off_host(
    cluster: &Cluster,
    image: &str,
    address: &str,
) -> Result<(), DriverError> {
    cut_off_those(cluster, image, |watcher| host(watcher) == address).await
}

async fn cut_off_those(
    cluster: &Cluster,
    image: &str,
    is_meant: impl Fn(&Watcher) -> bool,
) -> Result<(), DriverError> {
    let mut blocked = HashSet::new();
    for _ in 0..ROUNDS {
        let mut left = of(cluster, image).await?;
        left.retain(&is_meant);
        if left.is_empty() {
            return Ok(());
        }
        for watcher in left {
            if blocked.insert(watcher.clone()) {
                block(cluster, image, &watcher.address).await?;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(DriverError::Transient(format!("clients of {image} that were cut off are still there")))
}

/// The cluster takes nothing more from a client.
async fn block(cluster: &Cluster, image: &str, address: &str) -> Result<(), CommandError> {
    tracing::warn!(image, client = address, "cutting off a client");
    cluster.ceph(&["osd", "blocklist", "add", address, BLOCKED_SECONDS]).await.map(drop)
}

/// Cuts off the mirror daemons that have an image open.
pub(crate) async fn cut_off_mirror_daemons(
    cluster: &Cluster,
    image: &str,
) -> Result<(), CommandError> {
    let daemons = mirror_daemons(cluster).await?;
    let status: ImageStatus = cluster.rbd_prints(&["status", "--image", image]).await?;
    for watcher in status.watchers.iter().filter(|watcher| daemons.contains(&watcher.address)) {
        block(cluster, image, &watcher.address).await?;
    }
    Ok(())
}

/// The address of a client's host: `10.0.0.5` of `10.0.0.5:0/4140696727`, `fd00::5` of `[fd00::5]:0/4140696727`.
fn host(watcher: &Watcher) -> &str {
    let without_port = watcher.address.rsplit_once(':').map_or("", |(host, _)| host);
    without_port.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_of_an_object_is_known_by_its_address() {
        let line = "watcher=10.0.0.5:0/4140696727 client.4238 cookie=94";
        assert_eq!(address(line), Some("10.0.0.5:0/4140696727"));
        assert_eq!(address(""), None);
    }

    #[test]
    fn a_client_is_on_the_host_of_its_address() {
        for (address, expected) in
            [("10.0.0.5:0/41", "10.0.0.5"), ("[fd00::5]:0/41", "fd00::5"), ("", "")]
        {
            assert_eq!(host(&Watcher { address: address.to_owned() }), expected);
        }
    }
}
