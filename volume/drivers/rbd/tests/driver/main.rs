//! The rbd driver, on real clusters; run by `make test-ceph`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod clones;
mod conformance;
mod crashes;
mod images_in_use;
mod replicas;
mod test_pools;
mod unreachable;
