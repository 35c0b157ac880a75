//! The REST API: a request is parsed, the policy is checked, and it is either submitted
//! to the gate or answered from the database. Nothing here changes anything by itself.
//!
//! [`router`] has every URL on one screen; each leads to the file `routes/<resource>/<verb>.rs`.

mod action;
mod app;
mod body;
mod etag;
mod fault;
mod fields;
mod filters;
mod host_or_cluster;
mod identify;
mod identity;
mod image_service;
mod links;
mod listing;
mod microversion;
mod nova;
mod nul;
mod observe;
mod overload;
mod paging;
mod policy;
mod project_url;
mod request;
mod router;
mod routes;
mod routing;
mod server;
mod submit;
mod views;

use anyhow::Context as _;
use app::{App, AppState};
use axum::extract::Request;
use axum::response::Response;
use configuration::{Config, Identity};
use identity::Identification;
use openstack::nova::Nova;
use process::log_levels::LogLevels;
use process::{About, ProcessLifecycle};
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// What the process is.
pub const ABOUT: About = About {
    name: app::NAME,
    purpose: "Serves the Block Storage API v3 (Cinder), microversions 3.0 to 3.71",
    check: check_config,
};

fn check_config(config: &Config) -> anyhow::Result<()> {
    let api = &config.api;
    match api.identity {
        None => anyhow::bail!(
            "api.identity is required: 'keystone', or 'noauth' (trusts the caller's headers; for development)"
        ),
        Some(Identity::Noauth) => anyhow::ensure!(
            api.listen.ip().is_loopback() || api.noauth_beyond_loopback,
            "api.listen: with identity 'noauth' only loopback is allowed, not {}; \
             api.noauth_beyond_loopback = true lifts that",
            api.listen
        ),
        Some(Identity::Keystone) => drop(Identification::new(config)?),
    }
    drop(Nova::new(&config.nova)?);
    Ok(())
}

/// Serves the API until the process stops.
///
/// # Errors
/// When it cannot start: the database does not answer, or its address is taken.
pub async fn run(config: Config, lifecycle: ProcessLifecycle) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.api.listen)
        .await
        .with_context(|| format!("api.listen: {}", config.api.listen))?;
    let app = AppState::shared(&config, lifecycle.stopping()).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    lifecycle.ready();
    let stopping = lifecycle.stopping();
    let serving = server::serve(listener, router::service(app.clone()), &app.config, &stopping);
    let log_levels = LogLevels::serve("cinder-api", &config, &app.database, &app.bus);
    tokio::join!(serving, log_levels, follow_policy(&app));
    Ok(())
}

/// The API without a listener, in the calling process.
///
/// # Errors
/// When it cannot start: the database does not answer, or something in the configuration cannot be used.
pub async fn service(
    config: &Config,
    stopping: CancellationToken,
) -> anyhow::Result<
    impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + use<>,
> {
    Ok(router::service(AppState::shared(config, stopping).await?))
}

/// How often the policy files are looked at.
const POLICY_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the policy as its files have it.
async fn follow_policy(app: &App) {
    let mut interval = tokio::time::interval(POLICY_INTERVAL);
    while app.stopping.run_until_cancelled(interval.tick()).await.is_some() {
        app.policy.follow();
    }
}
