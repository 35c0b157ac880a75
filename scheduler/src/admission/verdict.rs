//! The gate's rule: which operations a condition of their backend blocks.

use model::Condition;
use operation::contract::Class;

/// The gate's decision about an operation class under one condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The condition does not block the operation.
    Admit,
    /// The operation is blocked until an operator changes the condition: 400.
    Refuse,
    /// The operation is blocked until the backend's worker is up again: 503.
    Wait,
}

/// The gate's rule. `strict` is `scheduler.frozen_refuses_connections`.
#[must_use]
pub const fn verdict(class: Class, condition: Condition, strict: bool) -> Verdict {
    match (class, condition) {
        (Class::Place, Condition::Disabled | Condition::Frozen | Condition::FailingOver) => {
            Verdict::Refuse
        }
        // a new volume can be placed on another backend, so the answer is 400 and not 503
        (Class::Place, Condition::Down) => Verdict::Refuse,
        (Class::Modify, Condition::Disabled | Condition::Frozen | Condition::FailingOver) => {
            Verdict::Refuse
        }
        (Class::Modify, Condition::Down) => Verdict::Wait,
        // a freeze blocks the control plane only: servers still attach and detach
        (Class::Connect, Condition::Disabled | Condition::Frozen) => {
            if strict {
                Verdict::Refuse
            } else {
                Verdict::Admit
            }
        }
        (Class::Connect, Condition::FailingOver) => Verdict::Refuse,
        (Class::Connect, Condition::Down) => Verdict::Wait,
        (
            Class::Record | Class::Operate,
            Condition::Disabled | Condition::Frozen | Condition::FailingOver | Condition::Down,
        ) => Verdict::Admit,
    }
}

/// The conditions under which the gate admits an operation of the class.
pub(crate) fn allowed_conditions(class: Class, strict: bool) -> Vec<Condition> {
    let admits = |condition: &Condition| verdict(class, *condition, strict) == Verdict::Admit;
    Condition::ALL.iter().copied().filter(admits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_the_table_of_the_architecture() {
        use Condition::{Disabled, Down, FailingOver, Frozen};
        use Verdict::{Admit, Refuse, Wait};
        let table = [
            (
                Class::Place,
                [(Disabled, Refuse), (Frozen, Refuse), (FailingOver, Refuse), (Down, Refuse)],
            ),
            (
                Class::Modify,
                [(Disabled, Refuse), (Frozen, Refuse), (FailingOver, Refuse), (Down, Wait)],
            ),
            (
                Class::Connect,
                [(Disabled, Admit), (Frozen, Admit), (FailingOver, Refuse), (Down, Wait)],
            ),
            (
                Class::Record,
                [(Disabled, Admit), (Frozen, Admit), (FailingOver, Admit), (Down, Admit)],
            ),
            (
                Class::Operate,
                [(Disabled, Admit), (Frozen, Admit), (FailingOver, Admit), (Down, Admit)],
            ),
        ];
        assert_eq!(table.len(), Class::ALL.len());
        for (class, expectations) in table {
            assert_eq!(expectations.len(), Condition::ALL.len());
            for (condition, expected) in expectations {
                assert_eq!(verdict(class, condition, false), expected, "{class} while {condition}");
            }
        }
    }

    #[test]
    fn a_strict_freeze_keeps_connections_out_and_changes_nothing_else() {
        for class in Class::ALL {
            for condition in Condition::ALL {
                let relaxed = verdict(*class, *condition, false);
                let strict = verdict(*class, *condition, true);
                let tightened = *class == Class::Connect
                    && matches!(condition, Condition::Frozen | Condition::Disabled);
                assert_eq!(strict != relaxed, tightened, "{class} while {condition}");
            }
        }
    }
}
