//! The store where the backups are, as the configuration says.

use anyhow::Context as _;
use backup_store::{BackupStore, S3Settings, Settings, StoreError, Stored};
use configuration::{BackupConfig, BackupDriverName, Config};
use model::Backup;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use steps::step::StepError;
use tokio::io::{AsyncRead, ReadBuf};

/// Opens the store.
///
/// # Errors
/// When the configuration says something of it that cannot be.
pub(crate) fn open(config: &Config) -> anyhow::Result<BackupStore> {
    let config = &config.backup;
    let compression = config.backup_compression_algorithm.parse().map_err(anyhow::Error::msg);
    let compression = compression.context("backup.backup_compression_algorithm")?;
    let settings = Settings { chunk_bytes: config.backup_file_size, compression };
    match config.backup_driver {
        BackupDriverName::Posix => {
            Ok(BackupStore::posix(config.backup_posix_path.clone(), settings)?)
        }
        BackupDriverName::S3 => Ok(BackupStore::s3(account(config)?, settings)?),
    }
}

/// How the S3 server is reached. The zone in the names of objects is the same for every service: each finds what another one has begun.
fn account(config: &BackupConfig) -> anyhow::Result<S3Settings> {
    let url = config.backup_s3_endpoint_url.as_deref();
    let (key, secret) = (&config.backup_s3_store_access_key, &config.backup_s3_store_secret_key);
    let (Some(url), Some(key), Some(secret)) = (url, key, secret) else {
        anyhow::bail!(
            "backup.backup_s3_endpoint_url: an S3 server and an account there are needed"
        );
    };
    Ok(S3Settings {
        bucket: config.backup_s3_store_bucket.clone(),
        timeout: Duration::from_secs_f64(config.backup_s3_timeout),
        retries: config.backup_s3_retry_max_attempts,
        verify_tls: config.backup_s3_verify_ssl,
        ca_file: config.backup_s3_ca_cert_file.clone(),
        md5_validation: config.backup_s3_md5_validation,
        ..S3Settings::new(url.to_owned(), key.expose().to_owned(), secret.expose().to_owned())
    })
}

/// Makes the place for backups where there is none yet.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn prepare(config: &Config) -> anyhow::Result<()> {
    match config.backup.backup_driver {
        BackupDriverName::Posix => {
            let path = &config.backup.backup_posix_path;
            std::fs::create_dir_all(path)
                .with_context(|| format!("backup.backup_posix_path: {}", path.display()))
        }
        // its bucket is made with the first backup
        BackupDriverName::S3 => Ok(()),
    }
}

/// Where a backup is.
///
/// # Errors
/// When nothing was recorded of that.
pub(crate) fn place_of(backup: &Backup) -> Result<Stored, StepError> {
    match (&backup.container, &backup.service_metadata) {
        (Some(container), Some(prefix)) => {
            Ok(Stored { container: container.clone(), prefix: prefix.clone() })
        }
        _ => Err(StepError::failed(format!("backup {} has no data", backup.id))),
    }
}

/// What a fault of the store means for an operation.
pub(crate) fn fault(error: StoreError) -> StepError {
    match error {
        StoreError::Unavailable(_) => StepError::Transient(error.to_string()),
        other => StepError::failed(other.to_string()),
    }
}

/// A content that is read from the store, and remembers why it could not be.
pub(crate) struct Watched<R> {
    content: R,
    is_away: Arc<AtomicBool>,
}

/// Whether a store was away while a content was read.
pub(crate) struct Watch(Arc<AtomicBool>);

impl<R> Watched<R> {
    pub fn new(content: R) -> (Self, Watch) {
        let is_away = Arc::<AtomicBool>::default();
        (Self { content, is_away: is_away.clone() }, Watch(is_away))
    }
}

impl Watch {
    /// What failed because the store was away may succeed at another attempt.
    pub fn explain(&self, error: StepError) -> StepError {
        match error {
            StepError::Failed(reason) if self.0.load(Ordering::Relaxed) => {
                StepError::Transient(reason)
            }
            other => other,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.content).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read
            && let Some(StoreError::Unavailable(_)) =
                error.get_ref().and_then(|inner| inner.downcast_ref())
        {
            self.is_away.store(true, Ordering::Relaxed);
        }
        read
    }
}
