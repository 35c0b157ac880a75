//! The execution of one claimed operation: what its file in `execute/` works with, and what it answers.

use crate::image_service::ImageService;
use database::Database;
use database::operation_log::ClaimedOperation;
use driver::{Driver, Exports, Fence, Images, LatestProgress, Manage, Replication, Volumes};
use model::{Capability, FailoverOutcome};
use operation::contract::{Columns, Role};
use serde::de::DeserializeOwned;
use serde_json::Value;
use steps::step::StepError;

/// What the file of an operation needs to execute it.
pub(crate) struct Execution<'a> {
    pub database: &'a Database,
    /// Used through [`Self::volumes`] and its like, which name the capability that is needed.
    pub driver: &'a dyn Driver,
    /// Where images come from and go to.
    pub image_service: &'a ImageService,
    pub progress: &'a LatestProgress,
    pub fence: Fence,
    pub claimed: &'a ClaimedOperation,
}

/// The result of an executed operation.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The model update: columns of the subject that the driver returned.
    pub model_update: Columns,
    /// The operation's answer, for the API call that waits for it.
    pub result: Option<Value>,
    /// The result of a failover.
    pub failover: Option<FailoverOutcome>,
}

/// How the execution on this backend ended.
pub(crate) enum Progress {
    /// To its end.
    Done(Done),
    /// As far as it can: another backend goes on.
    HandOver(model::Migration),
}

impl Execution<'_> {
    /// The resource that the operation is about, as it was when the operation was claimed.
    pub fn subject<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        read(&self.claimed.subject)
    }

    /// The resources that play a part in the operation, as they were when it was claimed.
    pub fn others<T: DeserializeOwned>(&self, role: Role) -> Result<Vec<T>, StepError> {
        let playing = self.claimed.others.iter().filter(|other| other.role == role);
        playing.map(|other| read(&other.row)).collect()
    }

    /// The only resource that plays a part in the operation.
    pub fn other<T: DeserializeOwned>(&self, role: Role) -> Result<T, StepError> {
        let mut others = self.others(role)?;
        others.pop().ok_or_else(|| StepError::failed(format!("there is no {role}")))
    }

    /// The driver's work on volumes and snapshots.
    pub fn volumes(&self) -> &dyn Volumes {
        self.driver
    }

    /// The driver's work on data paths; fails if it does not implement them.
    pub fn exports(&self) -> Result<&dyn Exports, StepError> {
        self.driver.exports().ok_or_else(|| StepError::without(Capability::Exports))
    }

    /// The driver's work on storage that exists; fails if it does not implement it.
    pub fn manage(&self) -> Result<&dyn Manage, StepError> {
        self.driver.manage().ok_or_else(|| StepError::without(Capability::Manage))
    }

    /// The driver's work on images; fails if it does not implement them.
    pub fn images(&self) -> Result<&dyn Images, StepError> {
        self.driver.images().ok_or_else(|| StepError::without(Capability::Images))
    }

    /// The driver's work on migrations; fails if it does not implement them.
    pub fn migration(&self) -> Result<&dyn driver::Migration, StepError> {
        self.driver.migration().ok_or_else(|| StepError::without(Capability::Migration))
    }

    /// The driver's work on replicas; fails if it does not implement them.
    pub fn replication(&self) -> Result<&dyn Replication, StepError> {
        self.driver.replication().ok_or_else(|| StepError::without(Capability::Replication))
    }
}

fn read<T: DeserializeOwned>(row: &Value) -> Result<T, StepError> {
    serde_json::from_value(row.clone())
        .map_err(|error| StepError::failed(format!("a row cannot be read: {error}")))
}
