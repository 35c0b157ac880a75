//! The configuration of all services: one TOML file, overridden by the environment.
//!
//! `CINDERBLOCK__API__LISTEN=127.0.0.1:1` overrides `listen` in `[api]`. This is the only place that
//! reads the environment. A key that no service knows is refused, with the nearest known one.

mod api;
mod backend;
mod backup;
mod bus;
mod database;
mod error;
mod fake_driver;
mod file_driver;
mod glance;
mod keys;
mod keystone;
mod log;
mod nova;
mod policy;
mod quota;
mod rbd_driver;
mod scheduler;
mod secret;
mod secret_files;
mod server_url;
mod services;
mod tls;
mod volume;

pub use api::{ApiConfig, Identity};
pub use backend::{BackendConfig, DriverName, ReplicationDevice};
pub use backup::{BackupConfig, BackupDriverName};
pub use bus::{BusConfig, QueueType};
pub use database::DatabaseConfig;
pub use error::ConfigError;
pub use fake_driver::FakeDriverConfig;
pub use file_driver::{FileDriverConfig, TargetProtocol};
pub use glance::GlanceConfig;
pub use keystone::KeystoneConfig;
pub use log::{LogConfig, LogFormat};
pub use nova::NovaConfig;
pub use policy::PolicyConfig;
pub use quota::QuotaConfig;
pub use rbd_driver::RbdDriverConfig;
pub use scheduler::SchedulerConfig;
pub use secret::Secret;
pub use server_url::with_user;
pub use services::ServicesConfig;
pub use tls::TlsConfig;
pub use volume::VolumeConfig;

use config::{Environment, File, FileFormat};
use error::invalid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything that can be configured. Each service reads the sections that concern it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// RabbitMQ.
    pub bus: BusConfig,
    /// What all services share.
    pub services: ServicesConfig,
    /// `cinderblock-api`.
    pub api: ApiConfig,
    /// `cinderblock-scheduler`.
    pub scheduler: SchedulerConfig,
    /// `cinderblock-volume`.
    pub volume: VolumeConfig,
    /// `cinderblock-backup`.
    pub backup: BackupConfig,
    /// The storage backends, by name.
    pub backends: BTreeMap<String, BackendConfig>,
    /// The quota of a project for which none was set.
    pub quota: QuotaConfig,
    /// Who asks.
    pub keystone: KeystoneConfig,
    /// Who has the images.
    pub glance: GlanceConfig,
    /// Who knows what servers use.
    pub nova: NovaConfig,
    /// Who may do what.
    pub policy: PolicyConfig,
    /// The log.
    pub log: LogConfig,
}

/// The most seconds of a setting.
const MOST_SECONDS: f64 = 1e6;

/// The fewest characters of a key that signs.
const SHORTEST_KEY: usize = 32;

impl Config {
    /// Reads a file (none: the defaults) and the environment.
    ///
    /// # Errors
    /// When anything in it is not understood.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = Environment::with_prefix("CINDERBLOCK")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("volume.enabled_backends")
            .with_list_parse_key("backup.enabled_backends")
            .with_list_parse_key("api.trusted_proxies");
        Self::from_sources(file, environment)
    }

    fn from_sources(file: Option<&Path>, environment: Environment) -> Result<Self, ConfigError> {
        let mut sources = config::Config::builder();
        if let Some(file) = file {
            sources = sources.add_source(File::from(file).format(FileFormat::Toml));
        }
        let mut sources = sources.add_source(environment);
        let given = sources.build_cloned()?.try_deserialize()?;
        let mut known = serde_json::json!(Self::default());
        secret_files::make_known(&mut known);
        keys::refuse_unknown(&given, &known)?;
        for (key, secret) in secret_files::read(&given)? {
            sources = sources.set_override(key, secret)?;
        }
        let mut config: Self = sources.build()?.try_deserialize()?;
        config.policy.stands_beside(file);
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        for name in &self.volume.enabled_backends {
            let Some(backend) = self.backends.get(name) else {
                return Err(invalid(
                    "volume.enabled_backends",
                    format!("there is no section [backends.{name}]"),
                ));
            };
            backend.validate(&format!("backends.{name}"))?;
        }
        for name in &self.backup.enabled_backends {
            if !self.backends.contains_key(name) {
                let reason = format!("there is no section [backends.{name}]");
                return Err(invalid("backup.enabled_backends", reason));
            }
        }
        self.backup.validate()?;
        self.refuse_shared_targets()?;
        if self.services.down_after_seconds <= self.services.heartbeat_seconds {
            return Err(invalid(
                "services.down_after_seconds",
                "must be larger than services.heartbeat_seconds, better three times as large",
            ));
        }
        for (key, seconds) in [
            ("api.header_timeout_seconds", self.api.header_timeout_seconds),
            ("api.body_timeout_seconds", self.api.body_timeout_seconds),
            ("keystone.timeout_seconds", self.keystone.timeout_seconds),
            ("keystone.cache_seconds", self.keystone.cache_seconds),
            ("glance.timeout_seconds", self.glance.timeout_seconds),
            ("nova.timeout_seconds", self.nova.timeout_seconds),
        ] {
            if !(0.0..=MOST_SECONDS).contains(&seconds) {
                return Err(invalid(key, "must be a number of seconds between 0 and a million"));
            }
        }
        self.database.tls.validate("database.tls")?;
        self.bus.tls.validate("bus.tls")?;
        let key = self.bus.request_key.as_ref();
        if key.is_some_and(|key| key.expose().len() < SHORTEST_KEY) {
            let reason = format!("must have {SHORTEST_KEY} characters at least");
            return Err(invalid("bus.request_key", reason));
        }
        if self.bus.tls.is_set() && !self.bus.url.expose().starts_with("amqps:") {
            return Err(invalid("bus.tls", "is there, and bus.url does not begin with amqps"));
        }
        if self.volume.lease_seconds < 1.0 {
            return Err(invalid("volume.lease_seconds", "must be at least 1"));
        }
        Ok(())
    }

    /// An array that replicas are written to is that of one backend: another one, or another target of the same, would take what is
    /// known of its replicas for its own.
    fn refuse_shared_targets(&self) -> Result<(), ConfigError> {
        let enabled = self.volume.enabled_backends.iter();
        let enabled = enabled.filter_map(|name| Some((name, self.backends.get(name)?)));
        let with_arrays: Vec<_> =
            enabled.filter(|(_, backend)| backend.driver == DriverName::File).collect();
        let mut targets = BTreeMap::new();
        for (name, backend) in &with_arrays {
            for device in &backend.replication_device {
                let (key, path) =
                    (format!("backends.{name}.replication_device"), real_path(&device.directory));
                if let Some(other) = targets.insert(path, key.clone()) {
                    let shown = device.directory.display();
                    return Err(invalid(key, format!("{shown} is a target in {other}, too")));
                }
            }
        }
        for (name, backend) in &with_arrays {
            if let Some(key) = targets.get(&real_path(&backend.file.directory)) {
                let shown = backend.file.directory.display();
                return Err(invalid(
                    key.clone(),
                    format!("{shown} is the array of backends.{name}"),
                ));
            }
        }
        Ok(())
    }

    /// The backend of this name, as `host@backend`, or as `cluster@backend` where workers share it.
    #[must_use]
    pub fn backend_host(&self, name: &str) -> String {
        let cluster = self.backends.get(name).and_then(|backend| backend.cluster.as_ref());
        format!("{}@{name}", cluster.unwrap_or(&self.services.host))
    }

    /// This machine's worker of the backend of this name, as `host@backend`.
    #[must_use]
    pub fn worker_host(&self, name: &str) -> String {
        format!("{}@{name}", self.services.host)
    }

    /// Where a backend's worker keeps what must survive its restart.
    #[must_use]
    pub fn state_file(&self, name: &str) -> PathBuf {
        self.volume.state_directory.join(format!("{name}.lock"))
    }
}

/// A path without links, as far as it is there.
fn real_path(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let file = std::env::temp_dir().join(format!("cinderblock-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&file, toml).unwrap();
        let variables =
            environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let environment = Environment::with_prefix("CINDERBLOCK")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .source(Some(variables));
        let loaded = Config::from_sources(Some(&file), environment);
        std::fs::remove_file(&file).unwrap();
        loaded
    }

    #[test]
    fn the_sample_file_is_understood_and_states_the_defaults() {
        let sample =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cinderblock.sample.toml");
        let loaded =
            Config::from_sources(Some(&sample), Environment::default().source(Some([].into())))
                .expect("the sample loads");
        assert_eq!(loaded.volume.enabled_backends, ["ssd"]);
        let mut without_backends = loaded.clone();
        without_backends.backends.clear();
        without_backends.volume.enabled_backends.clear();
        without_backends.api.identity = None;
        without_backends.services.host = Config::default().services.host;
        assert_eq!(
            serde_json::to_value(&without_backends).unwrap(),
            serde_json::to_value(Config::default()).unwrap()
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error = load("[api]\nlisen = '127.0.0.1:1'", &[]).unwrap_err();
        assert_eq!(error.to_string(), "unknown key `api.lisen`; did you mean `api.listen`?");
        let error = load("[backends.a.file]\ndirectry = '/x'", &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown key `backends.a.file.directry`; did you mean `backends.a.file.directory`?"
        );
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config =
            load("[api]\nlisten = '127.0.0.1:1'", &[("CINDERBLOCK__API__LISTEN", "127.0.0.1:2")])
                .unwrap();
        assert_eq!(config.api.listen.port(), 2);
        let error = load("", &[("CINDERBLOCK__BUS__NAMESPICE", "x")]).unwrap_err();
        assert_eq!(error.to_string(), "unknown key `bus.namespice`; did you mean `bus.namespace`?");
    }

    #[test]
    fn a_wrong_type_names_its_key() {
        let error = load("[database]\npool_size = 'many'", &[]).unwrap_err();
        assert!(error.to_string().contains("database.pool_size"), "{error}");
    }

    #[test]
    fn an_enabled_backend_must_be_described() {
        let error = load("[volume]\nenabled_backends = ['a']", &[]).unwrap_err();
        assert!(error.to_string().contains("[backends.a]"), "{error}");
    }

    #[test]
    fn a_secret_may_be_in_a_file_of_its_own() {
        let file = std::env::temp_dir().join(format!("secret-{}", uuid::Uuid::new_v4()));
        std::fs::write(&file, "amqp://u:hunter2@127.0.0.1:1\n").unwrap();
        let named = format!("url_file = '{}'", file.display());
        let config = load(&format!("[bus]\n{named}"), &[]);
        let both = load(&format!("[bus]\nurl = 'amqp://'\n{named}"), &[]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(config.unwrap().bus.url.expose(), "amqp://u:hunter2@127.0.0.1:1");
        assert!(both.unwrap_err().to_string().contains("say one of both"));
        let missing = load(&format!("[bus]\n{named}"), &[]).unwrap_err();
        assert!(missing.to_string().starts_with("`bus.url_file`: "), "{missing}");
    }

    #[test]
    fn certificates_need_an_address_that_asks_for_them() {
        let error = load("[bus.tls]\nca_file = '/ca.pem'", &[]).unwrap_err();
        assert!(error.to_string().contains("amqps"), "{error}");
        let half = "[database.tls]\nkey_file = '/key.pem'";
        assert!(load(half, &[]).unwrap_err().to_string().contains("belong together"));
    }

    #[test]
    fn a_secret_is_never_printed() {
        let config = load("[bus]\nurl = 'amqp://u:hunter2@127.0.0.1:1'", &[]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&config).unwrap().contains("hunter2"));
    }

    #[test]
    fn an_array_that_replicas_are_written_to_is_that_of_one_backend() {
        let root = std::env::temp_dir().join(format!("cinderblock-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(root.join("b")).unwrap();
        std::os::unix::fs::symlink(root.join("b"), root.join("link")).unwrap();
        let root_shown = root.display();
        let backend = |name: &str, array: &str, target: &str| {
            format!(
                "[backends.{name}]\ndriver = 'file'\nfile.directory = '{root_shown}/{array}'\n\
                 [[backends.{name}.replication_device]]\nbackend_id = 't'\ndirectory = '{root_shown}/{target}'\n"
            )
        };
        let loaded = |one: (&str, &str), other: (&str, &str)| {
            let head = "[volume]\nenabled_backends = ['x', 'y']\n".to_owned();
            let text = head + &backend("x", one.0, one.1) + &backend("y", other.0, other.1);
            load(&text, &[]).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(loaded(("a", "b"), ("c", "d")), Ok(()));
        for (one, other, complaint) in [
            (("a", "b"), ("c", "b"), "is a target in backends.x.replication_device, too"),
            (("a", "b"), ("c", "link"), "is a target in backends.x.replication_device, too"),
            (("a", "c"), ("c", "a"), "is the array of backends.x"),
            (("a", "b"), ("link", "d"), "is the array of backends.y"),
        ] {
            let refused = loaded(one, other).unwrap_err();
            assert!(refused.contains(complaint), "{refused}");
        }
        std::fs::remove_dir_all(root).unwrap();
    }
}
