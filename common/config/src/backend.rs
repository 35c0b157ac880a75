//! `[backends.NAME]`: a storage backend and its replication targets.

use crate::error::{ConfigError, invalid};
use crate::fake_driver::FakeDriverConfig;
use crate::file_driver::{FileDriverConfig, TargetProtocol};
use crate::rbd_driver::RbdDriverConfig;
use model::text_enum;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

text_enum! {
    /// The drivers that there are.
    pub enum DriverName {
        /// Raw files in a directory, exported by qemu-storage-daemon.
        File = "file",
        /// Images in a pool of a Ceph cluster.
        Rbd = "rbd",
        /// Nothing but memory; for load and fault tests.
        Fake = "fake",
    }
}

/// `[backends.NAME]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct BackendConfig {
    /// `file`, `rbd` or `fake`.
    pub driver: DriverName,
    /// The name that volume types select it by; the section's name by default.
    pub volume_backend_name: Option<String>,
    /// Who makes the storage, as volume types may ask and lists of pools show.
    pub vendor_name: String,
    /// Its zone, when it differs from the machine's.
    pub availability_zone: Option<String>,
    /// How much may be provisioned per GiB of storage.
    pub max_over_subscription_ratio: f64,
    /// The share of the storage that is reserved.
    pub reserved_percentage: u8,
    /// The name that workers on several machines share, if they work for the backend together.
    pub cluster: Option<String>,
    /// Where its volumes are replicated to, if their types ask for that.
    pub replication_device: Vec<ReplicationDevice>,
    /// What only the `file` driver reads.
    pub file: FileDriverConfig,
    /// What only the `rbd` driver reads.
    pub rbd: RbdDriverConfig,
    /// What only the `fake` driver reads.
    pub fake: FakeDriverConfig,
}

impl Default for BackendConfig {
    fn default() -> Self {
        Self {
            driver: DriverName::File,
            volume_backend_name: None,
            vendor_name: "Open Source".to_owned(),
            availability_zone: None,
            max_over_subscription_ratio: 20.0,
            reserved_percentage: 0,
            cluster: None,
            replication_device: Vec::new(),
            file: FileDriverConfig::default(),
            rbd: RbdDriverConfig::default(),
            fake: FakeDriverConfig::default(),
        }
    }
}

impl BackendConfig {
    /// The name that volume types select the backend by; its section's name by default.
    #[must_use]
    pub fn name_or(&self, section: &str) -> String {
        self.volume_backend_name.clone().unwrap_or_else(|| section.to_owned())
    }

    pub(crate) fn validate(&self, section: &str) -> Result<(), ConfigError> {
        if self.max_over_subscription_ratio < 1.0 {
            let key = format!("{section}.max_over_subscription_ratio");
            return Err(invalid(key, "must be at least 1"));
        }
        if self.reserved_percentage > 100 {
            return Err(invalid(format!("{section}.reserved_percentage"), "must be at most 100"));
        }
        self.validate_targets(section)?;
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if self.cluster.as_ref().is_some_and(|name| name.is_empty() || !name.chars().all(allowed)) {
            let key = format!("{section}.cluster");
            return Err(invalid(key, "must be of letters, digits, '-', '_' and '.'"));
        }
        if self.driver == DriverName::File && !self.file.directory.is_absolute() {
            let key = format!("{section}.file.directory");
            return Err(invalid(key, "must be an absolute path"));
        }
        if self.driver == DriverName::Rbd {
            self.rbd.validate(section)?;
        }
        if !(0.1..=3600.0).contains(&self.file.replica_timeout_seconds) {
            let key = format!("{section}.file.replica_timeout_seconds");
            return Err(invalid(key, "must be between 0.1 and 3600"));
        }
        Ok(())
    }
}

impl BackendConfig {
    /// The targets that its volumes can be replicated to.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        self.replication_device.iter().map(|device| device.backend_id.clone()).collect()
    }

    fn validate_targets(&self, section: &str) -> Result<(), ConfigError> {
        let key = || format!("{section}.replication_device");
        for (position, device) in self.replication_device.iter().enumerate() {
            let id = device.backend_id.as_str();
            let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            if id.is_empty() || !id.chars().all(allowed) {
                return Err(invalid(
                    key(),
                    "each needs a backend_id of letters, digits, '-', '_' and '.'",
                ));
            }
            if id == "default" {
                return Err(invalid(key(), "backend_id 'default' is reserved for the primary"));
            }
            if self.replication_device[..position].iter().any(|other| other.backend_id == id) {
                return Err(invalid(key(), "each needs a unique backend_id"));
            }
            if self.driver == DriverName::File && !device.directory.is_absolute() {
                return Err(invalid(
                    key(),
                    "with driver 'file', each needs a directory, an absolute path",
                ));
            }
        }
        if self.driver == DriverName::File
            && !self.replication_device.is_empty()
            && self.file.target_protocol == TargetProtocol::Iscsi
        {
            return Err(invalid(
                key(),
                "an iSCSI backend cannot be replicated; use target_protocol 'nbd'",
            ));
        }
        Ok(())
    }
}

/// `[[backends.NAME.replication_device]]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplicationDevice {
    /// What operators call the target.
    pub backend_id: String,
    /// The array, with the `file` driver.
    pub directory: PathBuf,
    /// With the `rbd` driver, the file that describes the cluster; see [`Self::conf_or_default`].
    pub conf: Option<PathBuf>,
    /// With the `rbd` driver, the user of that cluster; that of the primary by default.
    pub user: Option<String>,
    /// With the `rbd` driver, the secret of libvirt with that user's key; the cluster's fsid by default.
    pub secret_uuid: Option<String>,
}

impl ReplicationDevice {
    /// The file that describes the target's cluster: as with Cinder, it is called as the target is, unless it is set.
    #[must_use]
    pub fn conf_or_default(&self) -> PathBuf {
        let named = || PathBuf::from(format!("/etc/ceph/{}.conf", self.backend_id));
        self.conf.clone().unwrap_or_else(named)
    }
}
