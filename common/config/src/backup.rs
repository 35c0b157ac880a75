//! `[backup]`: `cinderblock-backup`, with Cinder's names of settings where it has them.

use super::Secret;
use super::error::{ConfigError, invalid};
use model::text_enum;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Backups are compared block by block of so many bytes: Cinder's `backup_sha_block_size_bytes`.
const BLOCK_BYTES: u64 = 32768;

text_enum! {
    /// Where backups are kept.
    pub enum BackupDriverName {
        /// In a directory.
        Posix = "posix",
        /// In a bucket of an S3 server.
        S3 = "s3",
    }
}

/// `[backup]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupConfig {
    /// The backends to whose volumes this process has access: their sections are the same as those of their workers.
    pub enabled_backends: Vec<String>,
    /// Where its health is asked for.
    pub health_listen: SocketAddr,
    /// Where backups are kept. All backup services of an installation keep them in one place.
    pub backup_driver: BackupDriverName,
    /// The directory with the backups.
    pub backup_posix_path: PathBuf,
    /// The most bytes of a volume in one object of the store; a multiple of 32768.
    pub backup_file_size: u64,
    /// The address of the S3 server, `https://…`.
    pub backup_s3_endpoint_url: Option<String>,
    /// With what it is logged in to.
    pub backup_s3_store_access_key: Option<Secret>,
    /// The secret that belongs to it.
    pub backup_s3_store_secret_key: Option<Secret>,
    /// The bucket for backups for which no other one is asked.
    pub backup_s3_store_bucket: String,
    /// How long the server may take to answer, in seconds.
    pub backup_s3_timeout: f64,
    /// How often a request is repeated.
    pub backup_s3_retry_max_attempts: u32,
    /// Whether the server's certificate is verified.
    pub backup_s3_verify_ssl: bool,
    /// A file with the certificates, in PEM, of those who may vouch for it; without it those that the machine trusts.
    pub backup_s3_ca_cert_file: Option<PathBuf>,
    /// Whether the server is told the MD5 of each object, to compare.
    pub backup_s3_md5_validation: bool,
    /// How objects are compressed: `none`, `zlib`, `bz2` or `zstd`.
    pub backup_compression_algorithm: String,
    /// How long an operation stays with a process that does not report on it.
    pub lease_seconds: f64,
    /// How often it looks for operations that no message announced.
    pub sweep_seconds: f64,
    /// How many operations run at once.
    pub concurrency: usize,
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self {
            enabled_backends: Vec::new(),
            health_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8779)),
            backup_driver: BackupDriverName::Posix,
            backup_posix_path: PathBuf::from("/var/lib/cinderblock/backup"),
            backup_file_size: 52_428_800,
            backup_s3_endpoint_url: None,
            backup_s3_store_access_key: None,
            backup_s3_store_secret_key: None,
            backup_s3_store_bucket: "volumebackups".to_owned(),
            backup_s3_timeout: 60.0,
            backup_s3_retry_max_attempts: 4,
            backup_s3_verify_ssl: true,
            backup_s3_ca_cert_file: None,
            backup_s3_md5_validation: false,
            backup_compression_algorithm: "zlib".to_owned(),
            lease_seconds: 15.0,
            sweep_seconds: 1.0,
            concurrency: 4,
        }
    }
}

impl BackupConfig {
    /// How long an operation stays with a process that does not report on it.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.lease_seconds)
    }

    /// How often it looks for operations that no message announced.
    #[must_use]
    pub fn sweep(&self) -> Duration {
        Duration::from_secs_f64(self.sweep_seconds)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.lease_seconds < 1.0 {
            return Err(invalid("backup.lease_seconds", "must be at least 1"));
        }
        if self.concurrency == 0 {
            return Err(invalid("backup.concurrency", "must be at least 1"));
        }
        if self.backup_file_size == 0 || !self.backup_file_size.is_multiple_of(BLOCK_BYTES) {
            let reason = format!("must be a multiple of {BLOCK_BYTES}");
            return Err(invalid("backup.backup_file_size", reason));
        }
        if !(0.0..=super::MOST_SECONDS).contains(&self.backup_s3_timeout) {
            let reason = "must be a number of seconds between 0 and a million";
            return Err(invalid("backup.backup_s3_timeout", reason));
        }
        match self.backup_driver {
            BackupDriverName::Posix => Ok(()),
            BackupDriverName::S3 if self.enabled_backends.is_empty() => Ok(()),
            BackupDriverName::S3 => self.require_account(),
        }
    }

    fn require_account(&self) -> Result<(), ConfigError> {
        let Self { backup_s3_store_access_key: key, backup_s3_store_secret_key: secret, .. } = self;
        for (name, is_set) in [
            ("backup.backup_s3_endpoint_url", self.backup_s3_endpoint_url.is_some()),
            ("backup.backup_s3_store_access_key", key.is_some()),
            ("backup.backup_s3_store_secret_key", secret.is_some()),
        ] {
            if !is_set {
                return Err(invalid(name, "is needed where backups are kept in S3"));
            }
        }
        Ok(())
    }
}
