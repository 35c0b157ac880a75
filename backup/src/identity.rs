//! A backup service's name.

use configuration::Config;
use database::services::ServiceRegistration;
use model::Binary;
use uuid::Uuid;

/// A backup service's name.
pub(crate) struct Identity {
    /// It in the service list, less the backends that it reaches.
    pub service: ServiceRegistration,
    /// It in the operation log: `cinder-backup/<host>/<state directory>/<start of the process>`.
    pub owner: String,
    /// The beginning of `owner` for all that share the machine's lock.
    pub machine: String,
}

impl Identity {
    /// That of a process which starts now.
    pub fn new(config: &Config) -> Self {
        let boot_id = Uuid::new_v4();
        let (binary, host) = (Binary::Backup, config.services.host.clone());
        let machine = format!("{binary}/{host}/{}/", config.volume.state_directory.display());
        Self {
            owner: format!("{machine}{boot_id}"),
            machine,
            service: ServiceRegistration {
                binary,
                host,
                backend_id: None,
                reached: Vec::new(),
                availability_zone: config.services.availability_zone.clone(),
                boot_id,
            },
        }
    }
}
