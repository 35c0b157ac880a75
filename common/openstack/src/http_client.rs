//! Clients of other services' APIs.

use anyhow::Context as _;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};
use std::path::Path;
use std::time::Duration;

/// A client of the service that is configured in this section.
///
/// # Errors
/// When the certificates cannot be read.
pub fn new(section: &str, ca_file: Option<&Path>, timeout: Duration) -> anyhow::Result<Client> {
    let builder = builder(section, ca_file)?.timeout(timeout);
    builder.build().with_context(|| format!("the client for [{section}]"))
}

/// The same where each request says how long it may take; reaching the service must not take longer than this.
///
/// # Errors
/// When the certificates cannot be read.
pub fn patient(section: &str, ca_file: Option<&Path>, connect: Duration) -> anyhow::Result<Client> {
    let builder = builder(section, ca_file)?.connect_timeout(connect);
    builder.build().with_context(|| format!("the client for [{section}]"))
}

/// The same for answers that take as long as there is data: only a pause must not be longer than this.
///
/// # Errors
/// When the certificates cannot be read.
pub fn streaming(section: &str, ca_file: Option<&Path>, pause: Duration) -> anyhow::Result<Client> {
    let builder = builder(section, ca_file)?.connect_timeout(pause).read_timeout(pause);
    builder.build().with_context(|| format!("the client for [{section}]"))
}

fn builder(section: &str, ca_file: Option<&Path>) -> anyhow::Result<ClientBuilder> {
    // another part of the process may have named it
    drop(rustls::crypto::ring::default_provider().install_default());
    // what is sent along are tokens, which are for nobody else
    let mut builder = Client::builder().redirect(Policy::none());
    if let Some(file) = ca_file {
        let told = || format!("{section}.ca_file: {}", file.display());
        let certificates = Certificate::from_pem_bundle(&std::fs::read(file).with_context(told)?)
            .with_context(told)?;
        builder = builder.tls_certs_only(certificates);
    }
    Ok(builder)
}
