//! How connections are made: in clear, or with TLS.

use crate::DbError;
use configuration::{DatabaseConfig, TlsConfig};
use deadpool_postgres::{Manager, ManagerConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How connections are made.
#[derive(Clone)]
pub(crate) enum Transport {
    /// In clear.
    Clear,
    /// With TLS; the server's certificate must be good and name its host (libpq's `verify-full`).
    Tls(MakeRustlsConnect),
}

impl Transport {
    /// What the URL and the files of certificates ask for.
    pub(crate) fn new(config: &DatabaseConfig, connection: &Config) -> Result<Self, DbError> {
        match connection.get_ssl_mode() {
            SslMode::Require => {
                let client = client(&config.tls).map_err(DbError::Defect)?;
                Ok(Self::Tls(MakeRustlsConnect::new(client)))
            }
            _ if config.tls.is_set() => Err(DbError::Defect(
                "there is a section [database.tls], and database.url does not say sslmode=require"
                    .into(),
            )),
            _ => Ok(Self::Clear),
        }
    }

    /// What makes the connections of a pool.
    pub(crate) fn manager(&self, connection: Config, config: ManagerConfig) -> Manager {
        match self {
            Self::Clear => Manager::from_config(connection, NoTls, config),
            Self::Tls(tls) => Manager::from_config(connection, tls.clone(), config),
        }
    }

    /// One connection, and the task that drives it.
    pub(crate) async fn connect(
        &self,
        connection: &Config,
    ) -> Result<(Client, tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>), DbError> {
        match self {
            Self::Clear => {
                let (client, driver) = connection.connect(NoTls).await?;
                Ok((client, tokio::spawn(driver)))
            }
            Self::Tls(tls) => {
                let (client, driver) = connection.connect(tls.clone()).await?;
                Ok((client, tokio::spawn(driver)))
            }
        }
    }
}

type Complaint = Box<dyn std::error::Error + Send + Sync>;

fn client(config: &TlsConfig) -> Result<ClientConfig, Complaint> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(config.ca_file.as_deref())?);
    match (&config.certificate_file, &config.key_file) {
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| told(key, error))?;
            Ok(client.with_client_auth_cert(certificates(certificate)?, key)?)
        }
        _ => Ok(client.with_no_client_auth()),
    }
}

/// Who may vouch for the server: those in the file, or those that the machine trusts.
fn roots(file: Option<&Path>) -> Result<RootCertStore, Complaint> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate)?;
            }
        }
        None => {
            // of the machine's some may be of a kind that is not understood here
            let trusted = rustls_native_certs::load_native_certs().certs;
            roots.add_parsable_certificates(trusted);
        }
    }
    if roots.is_empty() {
        return Err("this machine trusts nobody: name a ca_file in [database.tls]".into());
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Complaint> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| told(file, error))?;
    if certificates.is_empty() {
        return Err(format!("{}: there is no certificate in it", file.display()).into());
    }
    Ok(certificates)
}

fn told(file: &Path, error: rustls::pki_types::pem::Error) -> Complaint {
    format!("{}: {error}", file.display()).into()
}
