//! Connection info: how a host reaches a data path, over either protocol.

use crate::iscsi_targets::{LUN, Login};
use model::{ConnectionInfo, VolumeId};
use serde_json::{Value, json};

/// The connection info of an NBD export of this array.
pub(crate) fn nbd_info(id: VolumeId, uri: &str, array_id: &str) -> ConnectionInfo {
    let data = json!({ "uri": uri, "volume_id": id, "array_id": array_id });
    connection_info("nbd", data)
}

/// The URI of an NBD export; `None` for a data path of another protocol.
pub(crate) fn nbd_uri(connection: &ConnectionInfo) -> Option<&str> {
    let is_nbd = connection.driver_volume_type == "nbd";
    connection.data.get("uri").and_then(Value::as_str).filter(|_| is_nbd)
}

/// The connection info of an iSCSI target.
pub(crate) fn iscsi_info(id: VolumeId, login: &Login) -> ConnectionInfo {
    let data = json!({
        "target_discovered": false,
        "target_portal": login.portal,
        "target_iqn": login.iqn,
        "target_lun": LUN,
        "volume_id": id,
        "auth_method": "CHAP",
        "auth_username": login.chap.name,
        "auth_password": login.chap.secret,
    });
    connection_info("iscsi", data)
}

fn connection_info(protocol: &str, data: Value) -> ConnectionInfo {
    let data = data.as_object().cloned().unwrap_or_default();
    ConnectionInfo { driver_volume_type: protocol.to_owned(), data }
}
