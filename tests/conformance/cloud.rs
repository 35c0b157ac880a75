//! A small cloud: Keystone with its catalogue, and cinderblock behind it.

use harness::glance::Glance;
use harness::keystone::Keystone;
use harness::servers::OwnServers;
use harness::{Cluster, ClusterBuilder};
use serde_json::json;
use std::path::Path;

/// The backends, with the protocol that Tempest expects by default; it moves volumes from one to the other.
pub const BACKENDS: [&str; 2] = ["ssd", "hdd"];
/// The size of the images.
const IMAGE_BYTES: usize = 1 << 20;
/// Longer than a run takes.
const TOKEN_SECONDS: u32 = 3 * 3600;

/// A volume type that Tempest needs, and what it asks of a backend.
pub const SHARED_TYPE: &str = "shared";

/// What Tempest talks to.
pub struct Cloud {
    pub keystone: Keystone,
    /// Two images that Tempest may use.
    pub images: [String; 2],
    _glance: Glance,
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
        let glance = Glance::start(&directory.join("glance"), &keystone).await?;
        keystone.replace_workers(&mut cluster).await?;
        let mut images = Vec::new();
        for name in ["base", "other"] {
            images.push(glance.create_image(&keystone, name, vec![0; IMAGE_BYTES]).await?);
        }
        let images = <[String; 2]>::try_from(images).map_err(|_| anyhow::anyhow!("two images"))?;
        let shared = json!({ "extra_specs": { "multiattach": "<is> True" } });
        cluster.client().create_volume_type(SHARED_TYPE, shared).await?;
        Ok(Self { keystone, images, _glance: glance, cluster, servers })
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
