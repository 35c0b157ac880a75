//! A small cloud: Keystone with its catalogue, and cinderblock behind it.

use harness::keystone::Keystone;
use harness::servers::OwnServers;
use harness::{Cluster, ClusterBuilder};
use std::path::Path;

/// The backends, with the protocol that Tempest expects by default; it moves volumes from one to the other.
pub const BACKENDS: [&str; 2] = ["ssd", "hdd"];
/// Longer than a run takes.
const TOKEN_SECONDS: u32 = 3 * 3600;

/// What Tempest talks to.
pub struct Cloud {
    pub keystone: Keystone,
    cluster: Cluster,
    servers: OwnServers,
}

impl Cloud {
    /// Starts everything in a directory.
    ///
    /// # Errors
    /// When something is not installed or does not start.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        let servers = OwnServers::start(&directory.join("servers"), false).await?;
        let (database, amqp) = (servers.postgres.url("postgres"), servers.rabbitmq.url());
        let mut builder =
            ClusterBuilder::in_directory(&directory.join("cluster"), &database, &amqp)
                .default_timers();
        for backend in BACKENDS {
            builder = builder.iscsi(backend);
        }
        let mut cluster = builder.start().await?;
        let keystone = Keystone::start(&directory.join("keystone"), TOKEN_SECONDS).await?;
        let api = keystone.add_api(&mut cluster).await?;
        keystone.register_endpoint("block-storage", &format!("{api}/v3/%(project_id)s")).await?;
        Ok(Self { keystone, cluster, servers })
    }

    /// Ends everything.
    ///
    /// # Errors
    /// When something does not end.
    pub fn stop(self) -> anyhow::Result<()> {
        self.cluster.stop()?;
        self.servers.stop()
    }
}
