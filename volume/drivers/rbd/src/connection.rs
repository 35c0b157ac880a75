//! Connection info: what `os-brick`, and with it Nova, needs to open an image.

use crate::cluster::Cluster;
use crate::command_error::CommandError;
use crate::shapes::MonitorMap;
use model::{ConnectionInfo, VolumeId};
use serde_json::{Value, json};

/// The monitors of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Monitors {
    pub fsid: String,
    hosts: Vec<String>,
    /// Texts, as `os-brick` wants them.
    ports: Vec<String>,
}

impl Monitors {
    /// Asks a monitor for all of them.
    pub async fn of(cluster: &Cluster) -> Result<Self, CommandError> {
        let map: MonitorMap = cluster.ceph_prints(&["mon", "dump"]).await?;
        let addresses = map.mons.iter().filter_map(|monitor| host_and_port(&monitor.addr));
        let (hosts, ports) = addresses.unzip();
        Ok(Self { fsid: map.fsid, hosts, ports })
    }
}

/// `10.0.0.1` and `6789` of `10.0.0.1:6789/0`; an IPv6 address without its brackets.
fn host_and_port(address: &str) -> Option<(String, String)> {
    let (host, port) = address.split('/').next()?.rsplit_once(':')?;
    Some((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port.to_owned()))
}

/// The connection info of an image. A keyring is never part of it: it would be in the database of whoever keeps attachments (OSSN-0085).
pub(crate) fn connection_info(
    cluster: &Cluster,
    id: VolumeId,
    image: &str,
    monitors: &Monitors,
    secret_uuid: Option<&str>,
    cluster_name: &str,
) -> ConnectionInfo {
    let data = json!({
        "name": format!("{}/{}", cluster.pool, image),
        "hosts": monitors.hosts,
        "ports": monitors.ports,
        "cluster_name": cluster_name,
        "auth_enabled": true,
        "auth_username": cluster.user,
        "secret_type": "ceph",
        "secret_uuid": secret_uuid.unwrap_or(&monitors.fsid),
        "volume_id": id,
        "discard": true,
    });
    let data = match data {
        Value::Object(data) => data,
        _ => serde_json::Map::new(),
    };
    ConnectionInfo { driver_volume_type: "rbd".to_owned(), data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monitors_are_told_as_os_brick_wants_them() {
        let pair = |host: &str, port: &str| Some((host.to_owned(), port.to_owned()));
        assert_eq!(host_and_port("10.0.0.1:6789/0"), pair("10.0.0.1", "6789"));
        assert_eq!(host_and_port("[fd00::1]:6789/0"), pair("fd00::1", "6789"));
        assert_eq!(host_and_port(""), None);
    }
}
