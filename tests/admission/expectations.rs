//! What each operation may do while a condition holds: what its class says, unless it is an exception.

use model::Condition::{self, Disabled, Down, FailingOver, Frozen};
use operation::OperationKind;
use operation::contract::Class;

/// What a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is accepted.
    Accepted,
    /// 400, and nothing changes.
    Refused,
    /// 503, and nothing changes.
    Unavailable,
}

/// Operations that get something else than their class says.
const EXCEPTIONS: &[(OperationKind, &[Condition], Expected)] = &[
    // the backend has no targets; what holds where there are some is in tests/replication
    (OperationKind::FailoverBackend, Condition::ALL, Expected::Refused),
    (OperationKind::PromoteBackend, Condition::ALL, Expected::Refused),
    (OperationKind::EnableReplication, Condition::ALL, Expected::Refused),
    (OperationKind::VerifyReplicas, Condition::ALL, Expected::Refused),
    (OperationKind::BeginDrill, Condition::ALL, Expected::Refused),
    (OperationKind::EndDrill, Condition::ALL, Expected::Refused),
    // their own preconditions
    (OperationKind::FreezeBackend, &[Frozen], Expected::Refused),
    (OperationKind::ThawBackend, &[Disabled, FailingOver, Down], Expected::Refused),
];

/// The expectation for an operation on a backend in which only this condition holds. There is no other
/// backend to choose for what is new.
pub fn expectation(kind: OperationKind, condition: Condition) -> Expected {
    let excepted = EXCEPTIONS
        .iter()
        .find(|(excepted, conditions, _)| *excepted == kind && conditions.contains(&condition));
    match excepted {
        Some((_, _, expected)) => *expected,
        None => of_class(kind.contract().class, condition),
    }
}

/// That an operation has the right class is for the tests of the catalogue.
const fn of_class(class: Class, condition: Condition) -> Expected {
    match (class, condition) {
        (Class::Place | Class::Modify, Disabled | Frozen | FailingOver)
        | (Class::Connect, FailingOver) => Expected::Refused,
        (Class::Place | Class::Modify | Class::Connect, Down) => Expected::Unavailable,
        // servers come and go while the control plane is frozen
        (Class::Connect, Disabled | Frozen)
        | (Class::Record | Class::Operate, Disabled | Frozen | FailingOver | Down) => {
            Expected::Accepted
        }
    }
}
