//! `fake`: nothing but memory, for load and fault tests.
//!
//! A volume's metadata says which of its calls fail:
//!
//! | key | effect |
//! |---|---|
//! | `fake:fail` | calls of the driver method named here fail (several: separated by commas) |
//! | `fake:fail` = `failover` | the volume does not move; with `failover_backend`, no volume of its backend does |
//! | `fake:fail` = `replicate` | its replica lacks something |
//! | `fake:latency_ms` | each call takes so long, instead of the configured time |

mod backup;
mod exports;
mod faults;
mod images;
mod manage;
mod memory;
mod migration;
mod replication;
mod volumes;

pub use memory::FakeDriver;

use driver::backup::Backup;
use driver::{Driver, Exports, Images, Manage, Migration, Replication};

impl Driver for FakeDriver {
    fn exports(&self) -> Option<&dyn Exports> {
        Some(self)
    }

    fn manage(&self) -> Option<&dyn Manage> {
        Some(self)
    }

    fn images(&self) -> Option<&dyn Images> {
        Some(self)
    }

    fn backup(&self) -> Option<&dyn Backup> {
        Some(self)
    }

    fn migration(&self) -> Option<&dyn Migration> {
        Some(self)
    }

    fn replication(&self) -> Option<&dyn Replication> {
        Some(self)
    }
}
