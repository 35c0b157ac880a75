//! Private PostgreSQL and RabbitMQ servers, and clusters of real cinderblock processes on them.
//!
//! Everything listens on loopback and ends by its own process id. Used by the tests, by `make demo`
//! and by `make up`.

pub mod authority;
pub mod ceph;
pub mod client;
pub mod cluster;
pub mod data;
pub mod dataset;
pub mod files;
pub mod glance;
pub mod image_service;
pub mod interruption;
pub mod invariants;
pub mod keystone;
pub mod mirrored_pool;
mod openstack;
pub mod operations_document;
pub mod own_disk;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod rabbitmq;
pub mod rbd_writer;
pub mod replication;
pub mod rounds;
pub mod scene;
pub mod servers;
pub mod storage_daemon;
pub mod wait;
pub mod writer;

pub use client::{Answered, Client};
pub use cluster::{BackendSpec, Cluster, ClusterBuilder, PROJECT, Service};
pub use data::{access_data, access_data_from, holds, qemu_io};
pub use process::{burn, end_daemons_below, kill_by_pid_file};
pub use rounds::rounds;
pub use servers::Servers;
pub use storage_daemon::{refuse_writes, tell_daemon};
pub use wait::{until, until_some};

/// A client of HTTP.
#[must_use]
pub fn http() -> reqwest::Client {
    // it wants a provider of cryptography, though no test speaks TLS; another thread may have named it
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}
