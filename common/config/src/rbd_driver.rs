//! `[backends.NAME.rbd]`: the settings of the `rbd` driver, under Cinder's names.

use crate::error::{ConfigError, invalid};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `[backends.NAME.rbd]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RbdDriverConfig {
    /// The pool.
    pub rbd_pool: String,
    /// The user of the cluster, without `client.`.
    pub rbd_user: String,
    /// The file that describes the cluster, and says where the user's keyring is.
    pub rbd_ceph_conf: PathBuf,
    /// What hypervisors call the cluster.
    pub rbd_cluster_name: String,
    /// The secret of libvirt with the user's key; the cluster's fsid by default.
    pub rbd_secret_uuid: Option<String>,
    /// The size of the objects of an image, in MiB.
    pub rbd_store_chunk_size: u32,
    /// How many images a clone may stand on, one above the other; with 0, every clone gets a copy of everything.
    pub rbd_max_clone_depth: usize,
    /// Whether a volume that is made of a snapshot gets a copy of everything.
    pub rbd_flatten_volume_from_snapshot: bool,
    /// The pools in which Glance keeps its images, where that is this cluster: volumes are clones of these images.
    pub rbd_image_pools: Vec<String>,
    /// How long the cluster may take to answer, in seconds.
    pub rados_connect_timeout: u64,
    /// How many commands run at once.
    pub max_commands: usize,
    /// How old a replica may become before it is brought up to date.
    pub mirror_interval_seconds: u64,
}

impl Default for RbdDriverConfig {
    fn default() -> Self {
        Self {
            rbd_pool: "rbd".to_owned(),
            rbd_user: "cinder".to_owned(),
            rbd_ceph_conf: PathBuf::from("/etc/ceph/ceph.conf"),
            rbd_cluster_name: "ceph".to_owned(),
            rbd_secret_uuid: None,
            rbd_store_chunk_size: 4,
            rbd_max_clone_depth: 5,
            rbd_flatten_volume_from_snapshot: false,
            rbd_image_pools: Vec::new(),
            rados_connect_timeout: 5,
            max_commands: 8,
            mirror_interval_seconds: 60,
        }
    }
}

impl RbdDriverConfig {
    /// What a user of the cluster may do that works for this pool: Ceph's subsystems, each with its capabilities. `profile rbd` of the
    /// monitors lets it put clients on the blocklist.
    #[must_use]
    pub fn rights(&self) -> [(&'static str, String); 3] {
        let of_pool = format!("profile rbd pool={}", self.rbd_pool);
        let images = self.rbd_image_pools.iter();
        let images = images.map(|pool| format!(", profile rbd-read-only pool={pool}"));
        let of_osds = of_pool.clone() + &images.collect::<String>();
        [("mon", "profile rbd".to_owned()), ("osd", of_osds), ("mgr", of_pool)]
    }

    /// The command that makes this user on the cluster that a file describes, and prints its keyring.
    #[must_use]
    pub fn make_user(&self, conf: &Path, user: &str) -> String {
        let rights = self.rights().map(|(subsystem, rights)| format!("{subsystem} '{rights}'"));
        let conf = conf.display();
        format!("ceph --conf {conf} auth get-or-create client.{user} {}", rights.join(" "))
    }

    pub(crate) fn validate(&self, section: &str) -> Result<(), ConfigError> {
        let key = |name: &str| format!("{section}.rbd.{name}");
        let names = [("rbd_pool", &self.rbd_pool), ("rbd_user", &self.rbd_user)].into_iter();
        let pools = self.rbd_image_pools.iter().map(|pool| ("rbd_image_pools", pool));
        for (name, value) in names.chain(pools) {
            if value.is_empty() || value.starts_with('-') || value.contains(['/', '@']) {
                return Err(invalid(key(name), "must be a name, without '/' and '@'"));
            }
        }
        if self.rbd_image_pools.contains(&self.rbd_pool) {
            // everybody's volumes would be images
            return Err(invalid(key("rbd_image_pools"), "must not name the pool of the volumes"));
        }
        if !self.rbd_ceph_conf.is_absolute() {
            return Err(invalid(key("rbd_ceph_conf"), "must be an absolute path"));
        }
        if !self.rbd_store_chunk_size.is_power_of_two() || self.rbd_store_chunk_size > 32 {
            return Err(invalid(key("rbd_store_chunk_size"), "must be 1, 2, 4, 8, 16 or 32"));
        }
        if !(1..=600).contains(&self.rados_connect_timeout) {
            return Err(invalid(key("rados_connect_timeout"), "must be between 1 and 600"));
        }
        if self.max_commands == 0 {
            return Err(invalid(key("max_commands"), "must be at least 1"));
        }
        if self.mirror_interval_seconds == 0 {
            return Err(invalid(key("mirror_interval_seconds"), "must be at least 1"));
        }
        Ok(())
    }
}
