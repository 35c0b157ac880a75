//! The storage of one case.

use crate::backup::Backup;
use crate::driver::Driver;
use crate::exports::Exports;
use crate::images::Images;
use crate::manage::Manage;
use crate::migration::Migration;
use crate::replication::Replication;
use async_trait::async_trait;
use model::Side;
use std::sync::Arc;

/// The replication targets of a backend that the suite `replication` is run on, in the order of its configuration.
pub const TARGETS: [&str; 2] = ["b", "c"];

/// Storage for one case; when it is dropped, nothing of it stays.
#[async_trait]
pub trait Storage: Send + Sync {
    /// The driver of one more worker of the same backend, which has not started.
    fn worker(&self) -> Arc<dyn Driver>;

    /// The driver of one more worker, on the primary in the first epoch.
    async fn started(&self) -> Arc<dyn Driver> {
        let driver = self.worker();
        driver.start(&Side::Primary, 1).await.unwrap();
        driver
    }
}

/// The capability; a suite is run for drivers that have it.
pub(super) fn exports(driver: &dyn Driver) -> &dyn Exports {
    driver.exports().expect("the driver opens data paths")
}

/// The capability; a suite is run for drivers that have it.
pub(super) fn manage(driver: &dyn Driver) -> &dyn Manage {
    driver.manage().expect("the driver manages storage that exists")
}

/// The capability; a suite is run for drivers that have it.
pub(super) fn images(driver: &dyn Driver) -> &dyn Images {
    driver.images().expect("the driver fills volumes from images")
}

/// The capability; a suite is run for drivers that have it.
pub(super) fn backup(driver: &dyn Driver) -> &dyn Backup {
    driver.backup().expect("the driver reads and writes contents")
}

/// The capability; a suite is run for drivers that have it.
pub(super) fn migration(driver: &dyn Driver) -> &dyn Migration {
    driver.migration().expect("the driver moves volumes")
}

/// The capability; a suite is run for drivers that have it.
pub(super) fn replication(driver: &dyn Driver) -> &dyn Replication {
    driver.replication().expect("the driver replicates volumes")
}

/// How many volumes the driver reports.
pub(super) async fn count(driver: &dyn Driver) -> u64 {
    driver.report().await.unwrap().pools[0].total_volumes
}
