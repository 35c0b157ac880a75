//! A backend: one storage system behind one `host@backend`, and what is true of it now.

use super::{BackendId, Capability, Side, VolumeId, side};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::serde::rfc3339;

text_enum! {
    /// A fact about a backend that can block operations. Several can hold at once, and each is
    /// set and cleared on its own: thawing never enables, enabling never thaws.
    pub enum Condition {
        /// An operator took it out of service.
        Disabled = "disabled",
        /// An operator froze its control plane, for instance during a disaster.
        Frozen = "frozen",
        /// A failover is in progress.
        FailingOver = "failing_over",
        /// Its worker has not reported for longer than `scheduler.service_down_seconds`.
        Down = "down",
    }
}

text_enum! {
    /// The replication status of a backend or a volume, in Cinder's words.
    pub enum ReplicationStatus {
        /// Not replicated.
        Disabled = "disabled",
        /// Replicated.
        Enabled = "enabled",
        /// A failover is in progress.
        FailingOver = "failing-over",
        /// A replication target is the active side.
        FailedOver = "failed-over",
        /// Not replicated, so not available after a failover.
        NotCapable = "not-capable",
        /// The last failover did not succeed.
        FailoverError = "failover-error",
    }
}

impl ReplicationStatus {
    /// Whether a volume with this replication status is available on the active side.
    #[must_use]
    pub const fn on_active_side(self) -> bool {
        match self {
            Self::NotCapable | Self::FailoverError => false,
            Self::Disabled | Self::Enabled | Self::FailingOver | Self::FailedOver => true,
        }
    }
}

/// A backend's row: the operator's decisions, liveness and the worker's newest report.
#[derive(Clone, Debug, Deserialize)]
pub struct Backend {
    /// Its id.
    pub id: BackendId,
    /// Its unique name, `host@backend`.
    pub name: String,
    /// The zone that it serves.
    pub availability_zone: String,
    /// Why it was disabled, when a reason was given.
    pub disabled_reason: Option<String>,
    /// Since when it is disabled; `None` while it is enabled.
    #[serde(with = "rfc3339::option")]
    pub disabled_at: Option<OffsetDateTime>,
    /// Since when it is frozen; `None` while it is not.
    #[serde(with = "rfc3339::option")]
    pub frozen_at: Option<OffsetDateTime>,
    /// Whether several workers are meant to share it; then its name is that of their cluster.
    #[serde(default)]
    pub clustered: bool,
    /// When the row was made.
    #[serde(default, with = "rfc3339::option")]
    pub created_at: Option<OffsetDateTime>,
    /// Where its replication stands.
    pub replication_status: ReplicationStatus,
    /// Grows with every failover: what was admitted before one is not executed after it.
    pub epoch: i64,
    /// The side that it serves from.
    #[serde(rename = "active_backend_id")]
    pub active: Side,
    /// The newest heartbeat of a worker; `None` after an orderly stop.
    #[serde(with = "rfc3339::option")]
    pub seen_at: Option<OffsetDateTime>,
    /// When an operator last changed its condition.
    #[serde(with = "rfc3339::option")]
    pub updated_at: Option<OffsetDateTime>,
    /// The worker's newest report, `None` before the first one.
    pub report: Option<BackendReport>,
    /// The conditions that hold now.
    pub conditions: Vec<Condition>,
    /// Allocated capacity per pool, in GiB: the sizes of its volumes, those being created included. Empty where it was
    /// not asked for.
    #[serde(default)]
    pub allocated_gb: BTreeMap<String, f64>,
}

impl Backend {
    /// The name of the cluster whose members share it.
    #[must_use]
    pub fn cluster_name(&self) -> Option<&str> {
        self.clustered.then_some(self.name.as_str())
    }

    /// The first replication target that is neither active nor down.
    #[must_use]
    pub fn next_target(&self) -> Option<Side> {
        let report = self.report.as_ref()?;
        // a report that is older than the liveness of its worker says nothing about now
        let is_down = |side: &Side| !self.is(Condition::Down) && report.sides_down.contains(side);
        let mut targets = report.replication_targets.iter().cloned().map(Side::Target);
        targets.find(|target| *target != self.active && !is_down(target))
    }

    /// Whether the condition holds.
    #[must_use]
    pub fn is(&self, condition: Condition) -> bool {
        self.conditions.contains(&condition)
    }
}

text_enum! {
    /// Whether an acknowledged write is in the replica already.
    pub enum ReplicationMode {
        /// It is, as long as the replica is in sync.
        Synchronous = "synchronous",
        /// It comes there later: a replica is what the volume was at a moment.
        Asynchronous = "asynchronous",
    }
}

/// What a worker says about its backend with every heartbeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackendReport {
    /// The name that volume types select backends by (`volume_backend_name`).
    pub volume_backend_name: String,
    /// Who makes the storage.
    pub vendor_name: String,
    /// The version of the driver.
    pub driver_version: String,
    /// How volumes are attached.
    pub storage_protocol: String,
    /// Whether a volume can grow while a server is attached.
    pub online_extend_support: bool,
    /// Whether a volume can be copied while a server is attached.
    #[serde(default)]
    pub online_snapshot_support: bool,
    /// Whether several servers can be attached to one volume.
    #[serde(default)]
    pub multiattach: bool,
    /// Whether volumes made now are replicated, if their type asks for it.
    #[serde(default)]
    pub replication_enabled: bool,
    /// The replication targets, in the order of the configuration.
    #[serde(default)]
    pub replication_targets: Vec<String>,
    /// How volumes are replicated; `None` where none are, and in the report of a worker that does not say it.
    #[serde(default)]
    pub replication_mode: Option<ReplicationMode>,
    /// The sides that cannot be used now.
    #[serde(default, with = "side::by_name")]
    pub sides_down: Vec<Side>,
    /// The state of the replicas.
    #[serde(default)]
    pub replication: ReplicationProgress,
    /// What the driver implements; empty in the report of a worker that does not say it.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Where volumes can be placed.
    pub pools: Vec<PoolReport>,
}

/// The state of the replicas of a backend's volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationProgress {
    /// How many volumes are to be replicated.
    pub total: usize,
    /// How many replicas have every acknowledged write.
    pub in_sync: usize,
    /// Bytes of the other replicas that are out of sync.
    pub out_of_sync_bytes: u64,
    /// The first of the volumes whose replicas are out of sync; at most [`Self::MOST_NAMED`], for it is part of every
    /// report.
    #[serde(default)]
    pub out_of_sync: Vec<VolumeId>,
    /// How many they are in all.
    #[serde(default)]
    pub out_of_sync_count: usize,
    /// When the replicas were looked at for this, by the database's clock; `None` while a failover brings volumes
    /// over, which looks all the time.
    #[serde(default, with = "rfc3339::option")]
    pub looked_at: Option<OffsetDateTime>,
}

impl ReplicationProgress {
    /// How many volumes are named that are out of sync.
    pub const MOST_NAMED: usize = 20;

    /// The ids of those that are named, one a line, and how many more there are.
    #[must_use]
    pub fn names_out_of_sync(&self) -> Vec<String> {
        let mut names: Vec<_> = self.out_of_sync.iter().map(ToString::to_string).collect();
        let others = self.out_of_sync_count.saturating_sub(names.len());
        if others > 0 {
            names.push(format!("and {others} more"));
        }
        names
    }
}

/// The capacity of one pool. All sizes in GiB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolReport {
    /// Its name, unique in the backend.
    pub name: String,
    /// The size of the storage below.
    pub total_capacity_gb: f64,
    /// The free capacity of the storage.
    pub free_capacity_gb: f64,
    /// The size of all that is there, as its users see it.
    pub provisioned_capacity_gb: f64,
    /// How much may be provisioned per GiB of storage.
    pub max_over_subscription_ratio: f64,
    /// The share of the total that is reserved.
    pub reserved_percentage: u8,
    /// Whether a volume takes room only as it is written to.
    pub thin_provisioning_support: bool,
    /// How many volumes it holds.
    pub total_volumes: u64,
}

/// The backend and pool that the scheduler chose for a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The backend.
    pub backend_id: BackendId,
    /// The pool of it.
    pub pool: String,
    /// The backend's zone, which becomes the volume's.
    pub availability_zone: String,
}
