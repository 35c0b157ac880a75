//! The certificates of a connection with TLS.

use configuration::TlsConfig;
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use std::path::Path;

/// Reads the files, for each connection again, so that certificates can be renewed while the service runs. Those who may vouch for
/// the broker are those in the file, and those that the machine trusts.
pub(crate) fn read(config: &TlsConfig) -> std::io::Result<OwnedTLSConfig> {
    let cert_chain = config.ca_file.as_deref().map(certificates).transpose()?;
    let identity = match (&config.certificate_file, &config.key_file) {
        (Some(certificate), Some(key)) => Some(OwnedIdentity::PKCS8 {
            pem: text(certificate)?.into_bytes(),
            key: text(key)?.into_bytes(),
        }),
        _ => None,
    };
    Ok(OwnedTLSConfig { identity, cert_chain })
}

/// A file that vouches for nobody would leave those that the machine trusts.
fn certificates(file: &Path) -> std::io::Result<String> {
    let text = text(file)?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(text);
    }
    let complaint = format!("{}: there is no certificate in it", file.display());
    Err(std::io::Error::new(std::io::ErrorKind::InvalidData, complaint))
}

fn text(file: &Path) -> std::io::Result<String> {
    let told = |error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("{}: {error}", file.display()))
    };
    std::fs::read_to_string(file).map_err(told)
}
