//! The gate.
//!
//! [`verdict`](fn@verdict) is the whole rule: one match, no wildcard. The database applies it to the backend's
//! condition under the backend's lock, so that a closed gate is closed for every scheduler at once.

mod refusal;
mod request;
mod verdict;

use bus::Context;
use bus::message::Submitted;
use configuration::{Config, QuotaConfig};
use database::admission::{
    self, AdditionalBackend, Admission, AdmissionOutcome, Admissions, Admit, AdmitError, Refusal,
};
use database::placement_change::PlacementChange;
use database::{Database, DbError};
use model::{Backend, Condition, Error, OperationId, Placement, quota};
use operation::contract::{Class, Runs};
use operation::placement::Origin;
pub(crate) use request::Request;
use std::collections::BTreeMap;
use verdict::allowed_conditions;
pub use verdict::{Verdict, verdict};

/// An admitted operation. Only this module constructs it, and `dispatch` accepts nothing else.
#[derive(Debug)]
pub(crate) struct AdmittedOperation {
    admission: Admission,
    runs: Runs,
}

impl AdmittedOperation {
    pub fn id(&self) -> OperationId {
        self.admission.operation_id
    }

    /// Whether this delivery of the request was the first.
    pub fn is_new(&self) -> bool {
        self.admission.outcome == AdmissionOutcome::Admitted
    }

    /// The backend that it concerns, if it concerns one.
    pub fn backend(&self) -> Option<&str> {
        self.admission.backend_name.as_deref()
    }

    pub fn executor(&self) -> Executor<'_> {
        match (self.runs, &self.admission.backend_name) {
            (Runs::OnBackend(_), Some(backend)) => Executor::Backend(backend),
            (Runs::InBackupService(_), _) => Executor::BackupService,
            (Runs::OnBackend(_), None) | (Runs::InAdmission, _) => Executor::Nobody,
        }
    }
}

/// Who executes an admitted operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executor<'a> {
    /// The workers of the backend of this name.
    Backend(&'a str),
    /// The backup services.
    BackupService,
    /// Nobody: it ended with its admission.
    Nobody,
}

impl From<AdmittedOperation> for Submitted {
    fn from(admitted: AdmittedOperation) -> Self {
        let Admission { subject, operations_in_flight, .. } = admitted.admission;
        Self { subject, operations_in_flight }
    }
}

/// Why an operation was not admitted.
#[derive(Debug)]
pub(crate) enum NotAdmitted {
    /// Refused because of the backend's condition; another backend may admit it.
    BlockedByCondition(Error),
    /// Refused for a reason that holds on every backend.
    Refused(Error),
    /// The database did not answer: whether it was admitted is unknown.
    Unknown(DbError),
}

impl From<DbError> for NotAdmitted {
    fn from(error: DbError) -> Self {
        Self::Unknown(error)
    }
}

/// Runs the admission transaction.
pub(crate) struct AdmissionController {
    database: Database,
    admissions: Admissions,
    strict: bool,
}

impl AdmissionController {
    pub fn new(config: &Config, database: Database) -> Self {
        let admissions = Admissions::new(database.clone(), default_limits(&config.quota));
        Self { database, admissions, strict: config.scheduler.frozen_refuses_connections }
    }

    /// Admits an operation on a resource that is already on a backend.
    pub async fn admit(&self, request: &Request<'_>) -> Result<AdmittedOperation, NotAdmitted> {
        self.try_admit(request, PlacementChange::Unchanged).await
    }

    /// Admits an operation that places a volume here: a new one, or one that migrates from `origin`.
    pub async fn admit_at(
        &self,
        request: &Request<'_>,
        origin: Option<&Origin>,
        place: &Placement,
    ) -> Result<AdmittedOperation, NotAdmitted> {
        let place = match origin.map(|origin| origin.backend_id) {
            None => PlacementChange::New(place),
            Some(from) if from == place.backend_id => PlacementChange::StaysOn(from),
            Some(from) => PlacementChange::Migrates { from, to: place },
        };
        self.try_admit(request, place).await
    }

    /// The admission of an earlier delivery of this request, which no refusal may take back.
    pub async fn admitted_before(
        &self,
        request: &Request<'_>,
    ) -> Result<Option<AdmittedOperation>, NotAdmitted> {
        let recorded = admission::recorded(&self.database, request.id).await?;
        recorded.map(|admission| accept(admission, request.operation.kind().runs())).transpose()
    }

    /// Keeps any other delivery of this request from being admitted; its admission, if it has been.
    pub async fn revoke(
        &self,
        request: &Request<'_>,
    ) -> Result<Option<AdmittedOperation>, NotAdmitted> {
        let Context { request_id, caller, .. } = request.context;
        let operation = request.operation;
        let admitted =
            admission::revoke(&self.database, request.id, request_id, caller, operation).await?;
        admitted.map(|admission| accept(admission, operation.kind().runs())).transpose()
    }

    /// The refusal of this operation by this backend's condition, if there is one: for an error message about
    /// this backend when the request named another one.
    pub fn refusal(&self, request: &Request<'_>, backend: &Backend) -> Option<Error> {
        let allowed = allowed_conditions(request.operation.contract().class, self.strict);
        let against = |condition: &&Condition| !allowed.contains(condition);
        let conditions: Vec<_> = backend.conditions.iter().filter(against).copied().collect();
        let refusal = Refusal::Condition { conditions, backend: Box::new(backend.clone()) };
        match &refusal {
            Refusal::Condition { conditions, .. } if conditions.is_empty() => None,
            _ => Some(refusal::explain(refusal, request, self.strict)),
        }
    }

    async fn try_admit(
        &self,
        request: &Request<'_>,
        place: PlacementChange<'_>,
    ) -> Result<AdmittedOperation, NotAdmitted> {
        fail::fail_point!("scheduler.admit");
        const MAX_MOVE_RETRIES: usize = 3;
        let class = request.operation.contract().class;
        let allowed = allowed_conditions(class, self.strict);
        // a migration places a volume on its destination
        let destination = match place {
            PlacementChange::Migrates { to, .. } => Some(AdditionalBackend {
                backend_id: to.backend_id,
                allowed_conditions: allowed_conditions(Class::Place, self.strict),
            }),
            PlacementChange::Unchanged | PlacementChange::New(_) | PlacementChange::StaysOn(_) => {
                None
            }
        };
        let admit = Admit {
            id: request.id,
            request_id: &request.context.request_id,
            traceparent: &request.context.traceparent,
            caller: &request.context.caller,
            operation: request.operation,
            place,
            allowed: &allowed,
            destination,
        };
        for _ in 0..MAX_MOVE_RETRIES {
            match self.admissions.admit(&admit).await {
                Ok(admission) => return accept(admission, request.operation.kind().runs()),
                Err(AdmitError::Database(error)) => return Err(NotAdmitted::Unknown(error)),
                Err(AdmitError::Refused(refusal)) => match *refusal {
                    // the resource moved to another backend between two statements: admit it there
                    Refusal::Moved => {}
                    Refusal::Condition { .. } => {
                        let error = refusal::explain(*refusal, request, self.strict);
                        return Err(NotAdmitted::BlockedByCondition(error));
                    }
                    Refusal::NotFound { .. }
                    | Refusal::WrongStatus { .. }
                    | Refusal::Precondition { .. }
                    | Refusal::OverQuota { .. }
                    | Refusal::NameTaken
                    | Refusal::Locked
                    | Refusal::Busy { .. } => {
                        let error = refusal::explain(*refusal, request, self.strict);
                        return Err(NotAdmitted::Refused(error));
                    }
                },
            }
        }
        Err(NotAdmitted::Refused(Error::unavailable("The resource is being moved.")))
    }
}

fn accept(admission: Admission, runs: Runs) -> Result<AdmittedOperation, NotAdmitted> {
    match admission.outcome {
        AdmissionOutcome::Admitted | AdmissionOutcome::Repeated => {
            Ok(AdmittedOperation { admission, runs })
        }
        AdmissionOutcome::Revoked => {
            Err(NotAdmitted::Refused(Error::unavailable("The request was revoked.")))
        }
    }
}

fn default_limits(config: &QuotaConfig) -> BTreeMap<&'static str, i64> {
    quota::LIMITED.iter().map(|resource| (*resource, config.default_limit(resource))).collect()
}
