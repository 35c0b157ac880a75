//! The certificates of a connection with TLS.

use configuration::TlsConfig;
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use std::path::Path;

/// Reads the files, for each connection again, so that certificates can be renewed while the service runs. Those who may vouch for
/// the broker are those in the file, and those that the machine trusts.
pub(crate) fn read(config: &TlsConfig) -> std::io::Result<OwnedTLSConfig> {
    let cert_chain = config.ca_file.as_deref().map(text).transpose()?;
    let identity = match (&config.certificate_file, &config.key_file) {
        (Some(certificate), Some(key)) => Some(OwnedIdentity::PKCS8 {
            pem: text(certificate)?.into_bytes(),
            key: text(key)?.into_bytes(),
        }),
        _ => None,
    };
    Ok(OwnedTLSConfig { identity, cert_chain })
}

fn text(file: &Path) -> std::io::Result<String> {
    let told = |error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("{}: {error}", file.display()))
    };
    std::fs::read_to_string(file).map_err(told)
}
