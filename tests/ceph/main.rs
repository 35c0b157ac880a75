//! Backends on Ceph, with real clusters and the real services; run by `make test-ceph`.

mod backups;
mod failover;
mod images;
mod volumes;
