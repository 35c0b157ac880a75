//! The migration of a volume from one backend to another.

use super::{BackendId, ConnectionInfo, Placement};
use serde::{Deserialize, Serialize};

text_enum! {
    /// The progress of a migration as a volume shows it, in Cinder's words.
    pub enum MigrationStatus {
        /// It has been asked for.
        Starting = "starting",
        /// The data is being copied.
        Migrating = "migrating",
        /// The copy is complete, and the source is being removed.
        Completing = "completing",
        /// It has ended with the volume on the other backend.
        Success = "success",
        /// It has failed; the volume is where it was.
        Error = "error",
    }
}

/// Source, destination and stage of a migration. The workers of both backends execute it in turn, each in the stages
/// that concern what it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// The backend that holds the volume at first.
    pub from: BackendId,
    /// The place that it gets.
    pub to: Placement,
    /// What is to be done next.
    #[serde(flatten)]
    pub stage: Stage,
}

/// What is to be done next in a migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// The source opens a data path for reading.
    Open,
    /// The destination copies what it reads there.
    Copy {
        /// Where.
        connection: ConnectionInfo,
    },
    /// The volume is at the destination; the source removes what it held.
    Remove,
    /// There is no copy; the source closes its data path, and the volume stays.
    Close {
        /// Why there is none.
        reason: String,
    },
}

impl Migration {
    /// The same migration, further on.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    /// The backend that does what is next.
    #[must_use]
    pub const fn backend_id(&self) -> BackendId {
        match self.stage {
            Stage::Copy { .. } => self.to.backend_id,
            Stage::Open | Stage::Remove | Stage::Close { .. } => self.from,
        }
    }
}
