//! The clusters of a backend, one for each side, and which of them serves.

use crate::cluster::Cluster;
use configuration::{BackendConfig, ReplicationDevice};
use driver::DriverError;
use model::Side;
use std::sync::{Arc, Mutex, PoisonError};

/// The clusters of a backend.
pub(crate) struct Sides {
    pub primary: Arc<Cluster>,
    /// The replication targets with their names, in the order of the configuration.
    pub targets: Vec<(String, Arc<Cluster>)>,
    /// The same, for looks at replicas.
    pub in_the_background: Option<Background>,
    serving: Mutex<Serving>,
}

/// The primary and the first target, for work that can wait.
pub(crate) struct Background {
    pub primary: Arc<Cluster>,
    pub target: Arc<Cluster>,
}

/// Which side serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serving {
    pub active: Side,
    /// The epoch in which it does.
    pub epoch: i64,
}

impl Sides {
    pub fn new(config: &BackendConfig) -> Self {
        let rbd = &config.rbd;
        let target = |device: &ReplicationDevice| {
            let user = device.user.as_deref().unwrap_or(&rbd.rbd_user);
            let cluster = Cluster::new(&device.conf_or_default(), user, rbd);
            (device.backend_id.clone(), Arc::new(cluster))
        };
        let primary = Cluster::new(&rbd.rbd_ceph_conf, &rbd.rbd_user, rbd);
        let targets: Vec<_> = config.replication_device.iter().map(target).collect();
        let in_the_background = targets.first().map(|(_, target)| Background {
            primary: Arc::new(primary.in_the_background()),
            target: Arc::new(target.in_the_background()),
        });
        Self { primary: Arc::new(primary), targets, in_the_background, serving: Mutex::default() }
    }

    pub fn serving(&self) -> Serving {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn active(&self) -> Side {
        self.serving().active
    }

    pub fn set_serving(&self, serving: Serving) {
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = serving;
    }

    /// The cluster of the active side.
    pub fn active_cluster(&self) -> Arc<Cluster> {
        self.of(&self.active()).unwrap_or_else(|_| self.primary.clone())
    }

    /// The target that volumes are mirrored to, with its name.
    pub fn first_target(&self) -> Option<(&str, &Arc<Cluster>)> {
        self.targets.first().map(|(name, cluster)| (name.as_str(), cluster))
    }

    /// The clusters of all sides.
    pub fn all(&self) -> impl Iterator<Item = (Side, &Arc<Cluster>)> {
        let targets =
            self.targets.iter().map(|(name, cluster)| (Side::Target(name.clone()), cluster));
        [(Side::Primary, &self.primary)].into_iter().chain(targets)
    }

    /// The sides, without the active one, whose pool does not answer.
    pub async fn down(&self) -> Vec<Side> {
        let active = self.active();
        let others = self.all().filter(|(side, _)| *side != active);
        let asked = others.map(|(side, cluster)| async move { (side, cluster.answers().await) });
        let answered = futures_util::future::join_all(asked).await.into_iter();
        answered.filter(|(_, answers)| !answers).map(|(side, _)| side).collect()
    }

    /// The cluster of a side.
    pub fn of(&self, side: &Side) -> Result<Arc<Cluster>, DriverError> {
        let Side::Target(target) = side else { return Ok(self.primary.clone()) };
        let found = self.targets.iter().find(|(name, _)| name == target);
        found.map(|(_, cluster)| cluster.clone()).ok_or_else(|| DriverError::unknown_target(side))
    }
}
