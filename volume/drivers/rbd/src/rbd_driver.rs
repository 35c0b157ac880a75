//! The driver of one backend: its configuration, and its clusters.

use crate::capacity::KnownSizes;
use crate::clones::{Flattening, Source};
use crate::connection::Monitors;
use crate::images::Making;
use crate::replicas::KnownReplicas;
use crate::sides::Sides;
use configuration::BackendConfig;
use model::{BackendId, Volume};
use tokio::sync::Mutex;

/// The driver of a backend whose volumes are images in a pool of a Ceph cluster.
pub struct RbdDriver {
    /// The section of the configuration.
    pub(crate) name: String,
    pub(crate) config: BackendConfig,
    pub(crate) backend: BackendId,
    pub(crate) sides: Sides,
    pub(crate) replicas: KnownReplicas,
    pub(crate) sizes: Mutex<KnownSizes>,
    pub(crate) monitors: Mutex<Option<Monitors>>,
}

impl RbdDriver {
    /// The driver of a section of the configuration.
    #[must_use]
    pub fn new(name: &str, config: &BackendConfig, backend: BackendId) -> Self {
        Self {
            name: name.to_owned(),
            sides: Sides::new(config),
            config: config.clone(),
            backend,
            replicas: KnownReplicas::default(),
            sizes: Mutex::default(),
            monitors: Mutex::default(),
        }
    }

    pub(crate) fn making(&self, volume: &Volume) -> Making {
        Making { object_mib: self.config.rbd.rbd_store_chunk_size, is_shared: volume.multiattach }
    }

    pub(crate) fn flattening(&self, volume: &Volume, source: &Source) -> Flattening {
        let config = &self.config.rbd;
        let is_configured = match source {
            Source::Snapshot { .. } => config.rbd_flatten_volume_from_snapshot,
            Source::Image(_) => false,
        };
        Flattening {
            // what stands on another image would be mirrored together with that alone
            always: is_configured || volume.replicated,
            most: config.rbd_max_clone_depth,
        }
    }
}
