//! Clients of other services' APIs.

use anyhow::Context as _;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use std::path::Path;
use std::time::Duration;

/// A client of the service that is configured in this section.
///
/// # Errors
/// When the certificates cannot be read.
pub(crate) fn new(
    section: &str,
    ca_file: Option<&Path>,
    timeout: Duration,
) -> anyhow::Result<Client> {
    // another part of the process may have named it
    drop(rustls::crypto::ring::default_provider().install_default());
    // what is sent along are tokens, which are for nobody else
    let mut builder = Client::builder().timeout(timeout).redirect(Policy::none());
    if let Some(file) = ca_file {
        let told = || format!("{section}.ca_file: {}", file.display());
        let certificates = Certificate::from_pem_bundle(&std::fs::read(file).with_context(told)?)
            .with_context(told)?;
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().with_context(|| format!("the client for [{section}]"))
}
