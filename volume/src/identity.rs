//! A worker's name, and the backend that it works for.

use configuration::{BackendConfig, Config};
use database::services::ServiceRegistration;
use model::{BackendId, Binary};
use uuid::Uuid;

/// A worker's name, and the backend that it works for.
pub(crate) struct Identity {
    pub backend_id: BackendId,
    /// `host@backend`
    pub backend_name: String,
    /// The worker in the service list.
    pub service: ServiceRegistration,
    /// The worker in the operation log: `<backend>/<host>/<state directory>/<start of the process>`.
    pub owner: String,
    /// The beginning of `owner` for every worker of the backend that shares the machine's lock. The host is part of
    /// it: members of a cluster have the same backend name, and usually the same state directory.
    pub machine: String,
    /// Whether its volumes can be replicated.
    pub has_targets: bool,
}

impl Identity {
    /// That of a worker which starts now, for a section of the configuration.
    pub fn new(config: &Config, name: &str, settings: &BackendConfig, id: BackendId) -> Self {
        let backend_name = config.backend_host(name);
        let boot_id = Uuid::new_v4();
        let machine = format!(
            "{backend_name}/{}/{}/",
            config.services.host,
            config.volume.state_directory.display()
        );
        Self {
            backend_id: id,
            service: ServiceRegistration {
                binary: Binary::Volume,
                host: config.worker_host(name),
                backend_id: Some(id),
                reached: Vec::new(),
                availability_zone: availability_zone(config, settings),
                boot_id,
            },
            owner: format!("{machine}{boot_id}"),
            machine,
            has_targets: !settings.replication_device.is_empty(),
            backend_name,
        }
    }
}

/// The zone of a backend: its own, or else that of its machine.
pub(crate) fn availability_zone(config: &Config, settings: &BackendConfig) -> String {
    let own = settings.availability_zone.as_ref();
    own.unwrap_or(&config.services.availability_zone).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_other_member_of_a_cluster_has_the_same_beginning_of_its_name() {
        let machine_of = |host: &str| {
            let mut config = Config::default();
            config.services.host = host.to_owned();
            let settings =
                BackendConfig { cluster: Some("shared".to_owned()), ..BackendConfig::default() };
            config.backends.insert("a".to_owned(), settings.clone());
            let identity = Identity::new(&config, "a", &settings, BackendId(Uuid::nil()));
            assert!(identity.owner.starts_with(&identity.machine));
            (identity.backend_name, identity.machine)
        };
        let (one, other) = (machine_of("one"), machine_of("other"));
        assert_eq!(one.0, other.0);
        assert_ne!(one.1, other.1);
    }
}
