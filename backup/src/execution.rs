//! The execution of one claimed operation: what its file in `execute/` works with, and what it answers.

use crate::reached::Reached;
use backup_store::BackupStore;
use database::Database;
use database::operation_log::{ClaimedOperation, ServingBackend};
use driver::{Driver, Fence};
use operation::contract::{Columns, Role};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use steps::step::StepError;

/// What the file of an operation needs to execute it.
pub(crate) struct Execution<'a> {
    pub database: &'a Database,
    pub store: &'a BackupStore,
    pub reached: &'a Reached,
    /// The zone of this service.
    pub zone: &'a str,
    pub fence: Fence,
    pub claimed: &'a ClaimedOperation,
    /// Where the backend of the volume serves, if the operation is about one.
    pub serving: Option<&'a ServingBackend>,
}

/// The result of an executed operation.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Columns of the subject.
    pub model_update: Columns,
}

impl Execution<'_> {
    /// The resource that the operation is about, as it was when the operation was claimed.
    pub fn subject<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        read(&self.claimed.subject)
    }

    /// The resource that plays a part in the operation, if one does.
    pub fn other<T: DeserializeOwned>(&self, role: Role) -> Result<Option<T>, StepError> {
        let found = self.claimed.others.iter().find(|other| other.role == role);
        found.map(|other| read(&other.row)).transpose()
    }

    /// The driver of the volume's backend, on the side that serves.
    pub async fn driver(&self) -> Result<Arc<dyn Driver>, StepError> {
        match self.serving {
            Some(serving) => self.reached.driver(serving).await,
            None => Err(StepError::failed("the operation is about no volume")),
        }
    }

    /// Whether an earlier attempt may have left something.
    pub const fn is_repeated(&self) -> bool {
        self.claimed.attempts > 1
    }
}

fn read<T: DeserializeOwned>(row: &Value) -> Result<T, StepError> {
    serde_json::from_value(row.clone())
        .map_err(|error| StepError::failed(format!("a row cannot be read: {error}")))
}
