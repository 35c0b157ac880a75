//! `docs/operations.md`, written from the operations' contracts.

use operation::OperationKind;
use operation::contract::{
    AfterCrash, Class, Effect, Ending, QuotaRule, Runs, StartsFrom, Touch, WhileRunning,
};
use operation::precondition::Precondition;
use std::fmt::Write as _;

const INTRODUCTION: &str = "\
# Operations

Everything that changes state, as `common/operation/src/` defines it. Written by `make docs`; a test
keeps it current.

An operation is *refused* when the gate or a precondition stands against it: nothing changes. It *fails*
when the backend could not do it: the statuses below are then shown. An operation without a backend's work
ends with its admission. The name after a precondition is that of its condition in
`common/database/src/statements/conditions.rs`. What each operation does to the database is in `operations.sql`.

| class | admitted while the backend is |
|---|---|
| `place` | enabled, thawed, up and not failing over |
| `modify` | the same |
| `connect` | up and not failing over (frozen or disabled: unless `scheduler.frozen_refuses_connections`) |
| `record` | in any condition |
| `operate` | in any condition; what it asks for itself is among its preconditions |
";

/// The statements of every operation: `docs/operations.sql`.
#[must_use]
pub fn statements() -> String {
    let head = "-- What each operation does to the database, made from its contract. Written by `make docs`; a test keeps it current.\n";
    OperationKind::ALL
        .iter()
        .fold(head.to_owned(), |text, kind| text + &database::statements::of(*kind))
}

/// The whole document.
#[must_use]
pub fn render() -> String {
    let mut text = INTRODUCTION.to_owned();
    for class in Class::ALL {
        let kinds: Vec<_> =
            OperationKind::ALL.iter().filter(|kind| kind.contract().class == *class).collect();
        let _ = write!(text, "\n## {class}\n");
        for kind in kinds {
            describe(&mut text, *kind);
        }
    }
    text
}

fn describe(text: &mut String, kind: OperationKind) {
    let contract = kind.contract();
    let _ = write!(text, "\n### {kind}\n\n{}.\n\n", capitalised(contract.summary));
    let after_crash = match kind.runs() {
        Runs::InAdmission => "ends with its admission",
        Runs::OnBackend(AfterCrash::Rerun) => "runs on the backend; after a crash it is run again",
        Runs::OnBackend(AfterCrash::Fail) => "runs on the backend; after a crash it fails",
        Runs::InBackupService(AfterCrash::Rerun) => {
            "runs in a backup service; after a crash it is run again"
        }
        Runs::InBackupService(AfterCrash::Fail) => {
            "runs in a backup service; after a crash it fails"
        }
    };
    let _ = writeln!(text, "- {after_crash}");
    for effect in contract.effects {
        let _ = writeln!(text, "- {}", self::effect(*effect));
        provided(text, effect.preconditions());
    }
    touch(text, contract.subject.resource.as_str(), &contract.subject);
    for (role, other) in contract.others {
        let _ = writeln!(text, "- {role} ({}):", other.resource);
        touch_lines(text, other);
    }
}

const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::BeginsEpoch => "what was admitted for the backend before ends as failed",
        Effect::RestartsReplication => "the replication of the backend's volumes restarts",
        Effect::ChangesOwner => {
            "what it takes over belongs to the caller's project afterwards, in the quota too"
        }
        Effect::Migrates => "where the volume goes to another backend:",
    }
}

fn provided(text: &mut String, preconditions: &[Precondition]) {
    for Precondition { name, meaning, .. } in preconditions {
        let _ = writeln!(text, "  - provided that {meaning} (`{name}`)");
    }
}

fn touch(text: &mut String, name: &str, touch: &Touch) {
    let _ = writeln!(text, "- {name}:");
    touch_lines(text, touch);
}

fn touch_lines(text: &mut String, touch: &Touch) {
    let from = match touch.starts_from {
        StartsFrom::New => "new".to_owned(),
        StartsFrom::Anything => "any status".to_owned(),
        StartsFrom::Statuses(statuses) => {
            let words: Vec<_> =
                statuses.iter().map(|status| format!("`{}`", status.as_str())).collect();
            words.join(", ")
        }
    };
    let _ = writeln!(text, "  - from: {from}");
    provided(text, touch.preconditions);
    let meanwhile = match touch.while_running {
        WhileRunning::Becomes(status) => Some(format!("`{}`", status.as_str())),
        WhileRunning::ByAttachments => Some("what its attachments come to".to_owned()),
        WhileRunning::Unchanged => None,
    };
    if let Some(meanwhile) = meanwhile {
        let _ = writeln!(text, "  - meanwhile: {meanwhile}");
    }
    let _ = writeln!(
        text,
        "  - done: {}; failed: {}",
        ending(touch.when_done),
        ending(touch.when_failed)
    );
    for rule in touch.quota {
        let _ = writeln!(text, "  - quota: {}", quota(*rule));
    }
}

fn ending(ending: Ending) -> String {
    match ending {
        Ending::Becomes(status) => format!("`{}`", status.as_str()),
        Ending::PreviousStatus => "the status before".to_owned(),
        Ending::ByAttachments | Ending::WholeByAttachments => {
            "what its attachments come to".to_owned()
        }
        Ending::Removed(_) => "gone".to_owned(),
        Ending::AsAsked => "what is asked for".to_owned(),
        Ending::AwaitsNoTransfer => {
            "`available` if it awaited the transfer, otherwise as it is".to_owned()
        }
        Ending::Unchanged => "as it is".to_owned(),
    }
}

fn quota(rule: QuotaRule) -> String {
    let signed = |sign: i8| if sign < 0 { "-" } else { "+" };
    match rule {
        QuotaRule::Count { resource, sign } => format!("{}1 `{resource}`", signed(sign)),
        QuotaRule::Column { resource, column, sign } => {
            format!("{}{column} `{resource}`", signed(sign))
        }
        QuotaRule::Retype { resource, column } => {
            format!("{} `{resource}` from type to type", column.unwrap_or("1"))
        }
        QuotaRule::Each { resource, column } => format!("{column} within `{resource}`"),
        QuotaRule::Growth { resource, column } => format!("the growth of {column} `{resource}`"),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
