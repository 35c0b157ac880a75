//! The data paths of an array's volumes are opened, with the volume's mirror in mind.

use crate::array::Array;
use crate::connection::{iscsi_info, nbd_info};
use crate::mirror::Mirror;
use configuration::TargetProtocol;
use driver::DriverError;
use model::{AttachMode, ConnectionInfo, Connector, VolumeId};

/// Opens a data path for the servers on a host, unless it is open, and returns how to reach it. `mirror` is that of the volume, if it
/// should have one.
pub(crate) async fn open(
    array: &Array,
    id: VolumeId,
    mode: AttachMode,
    connector: &Connector,
    mirror: Option<&Mirror<'_>>,
) -> Result<ConnectionInfo, DriverError> {
    match array.protocol {
        TargetProtocol::Nbd => open_nbd(array, id, mode, mirror).await,
        TargetProtocol::Iscsi => {
            Ok(iscsi_info(id, &array.targets.export(id, mode, connector).await?))
        }
    }
}

/// Opens a data path again, for the hosts that had it.
pub(crate) async fn restore(
    array: &Array,
    id: VolumeId,
    mode: AttachMode,
    mirror: Option<&Mirror<'_>>,
) -> Result<(), DriverError> {
    match array.protocol {
        TargetProtocol::Nbd => open_nbd(array, id, mode, mirror).await.map(drop),
        TargetProtocol::Iscsi => array.targets.restore(id, mode).await,
    }
}

/// Opens an NBD export, unless it is open, and returns how to reach it. What is written through an export without a mirror
/// comes to no replica, so a mirror that does not run is told before.
pub(crate) async fn open_nbd(
    array: &Array,
    id: VolumeId,
    mode: AttachMode,
    mirror: Option<&Mirror<'_>>,
) -> Result<ConnectionInfo, DriverError> {
    if let Some(opening) = array.daemon.begin_export(id, mode).await? {
        if let Some(mirror) = mirror.filter(|_| !opening.is_mirrored()) {
            mirror.invalidate().await?;
        }
        opening.finish().await?;
    }
    Ok(nbd_info(id, &array.daemon.uri(id, mode)?, &array.directory.id()?))
}

/// Opens the data paths again that were closed for a change which has ended the mirror.
pub(crate) async fn open_again(
    array: &Array,
    id: VolumeId,
    modes: Vec<AttachMode>,
) -> Result<(), DriverError> {
    for mode in modes {
        restore(array, id, mode, None).await?;
    }
    Ok(())
}
