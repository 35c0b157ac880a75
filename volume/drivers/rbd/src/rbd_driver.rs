//! The driver of one backend: its configuration, and its clusters.

use crate::capacity::KnownSizes;
use crate::clones::{Flattening, Source};
use crate::connection::Monitors;
use crate::images::Making;
use crate::replicas::KnownReplicas;
use crate::sides::Sides;
use configuration::BackendConfig;
use driver::DriverError;
use model::{BackendId, Volume};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The driver of a backend whose volumes are images in a pool of a Ceph cluster.
pub struct RbdDriver {
    /// The section of the configuration.
    pub(crate) name: String,
    pub(crate) config: BackendConfig,
    pub(crate) backend: BackendId,
    pub(crate) sides: Sides,
    pub(crate) replicas: KnownReplicas,
    known: Mutex<Known>,
}

/// What is known of the side that serves. It is forgotten as a whole, so that nothing has to wait for a side that hangs.
#[derive(Default)]
struct Known {
    sizes: Arc<tokio::sync::Mutex<KnownSizes>>,
    monitors: Option<Monitors>,
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
            known: Mutex::default(),
        }
    }

    /// Forgets what is known of the side that served until now.
    pub(crate) fn forget_sides(&self) {
        self.replicas.forget();
        *self.known() = Known::default();
    }

    /// The sizes of the images of the side that serves.
    pub(crate) fn known_sizes(&self) -> Arc<tokio::sync::Mutex<KnownSizes>> {
        self.known().sizes.clone()
    }

    /// The monitors, as they were when this worker was asked for them first since the side serves.
    pub(crate) async fn monitors_of_active_side(&self) -> Result<Monitors, DriverError> {
        if let Some(monitors) = self.known().monitors.clone() {
            return Ok(monitors);
        }
        let serving = self.sides.serving();
        let monitors = Monitors::of(&*self.sides.of(&serving.active)?).await?;
        if self.sides.serving().epoch == serving.epoch {
            self.known().monitors = Some(monitors.clone());
        }
        Ok(monitors)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn making(&self, volume: &Volume) -> Making {
        Making { object_mib: self.config.rbd.rbd_store_chunk_size, is_shared: volume.multiattach }
    }

    pub(crate) fn flattening(&self, volume: &Volume, source: &Source) -> Flattening {
        let config = &self.config.rbd;
        let is_configured = match source {
            Source::Snapshot { .. } => config.rbd_flatten_volume_from_snapshot,
            Source::Image(_) | Source::Stored(_) => false,
        };
        Flattening {
            // what stands on another image would be mirrored together with that alone
            always: is_configured || volume.replicated,
            most: config.rbd_max_clone_depth,
        }
    }
}
