//! The catalogue of operations has no gaps: every status leads on.

use model::{SnapshotStatus, VolumeStatus};
use operation::OperationKind;
use operation::contract::{Class, Ending, Resource, Runs, StartsFrom, Status, Touch, WhileRunning};

/// Everything that every operation does to something.
fn touches() -> impl Iterator<Item = (OperationKind, &'static Touch)> {
    OperationKind::ALL
        .iter()
        .flat_map(|kind| kind.contract().touches().map(move |touch| (*kind, touch)))
}

fn statuses() -> Vec<Status> {
    let volumes = VolumeStatus::ALL.iter().map(|status| Status::Volume(*status));
    volumes.chain(SnapshotStatus::ALL.iter().map(|status| Status::Snapshot(*status))).collect()
}

#[test]
fn every_transitional_status_belongs_to_an_operation_and_every_one_shown_is_transitional() {
    for status in statuses().into_iter().filter(|status| status.is_transitional()) {
        let owned =
            touches().any(|(_, touch)| touch.while_running == WhileRunning::Becomes(status));
        assert!(owned, "nobody brings {status:?} about, and nobody ends it");
    }
    for (kind, touch) in touches() {
        let WhileRunning::Becomes(status) = touch.while_running else { continue };
        assert!(
            status.is_transitional() || matches!(status, Status::Attachment(_)),
            "{kind} shows {status:?}"
        );
        assert!(kind.runs() != Runs::InAdmission, "{kind} ends at once and shows {status:?}");
    }
}

#[test]
fn no_operation_ends_in_a_transitional_status() {
    for (kind, touch) in touches() {
        for ending in [touch.when_done, touch.when_failed] {
            let (Ending::Becomes(status) | Ending::Removed(Some(status))) = ending else {
                continue;
            };
            assert!(!status.is_transitional(), "{kind} ends with {status:?}");
        }
        let changed = matches!(touch.while_running, WhileRunning::Becomes(_));
        assert!(
            !changed
                || touch.when_done != Ending::Unchanged
                || matches!(touch.resource.as_str(), "attachment"),
            "{kind}"
        );
        assert!(!changed || touch.when_failed != Ending::Unchanged, "{kind}");
    }
}

#[test]
fn every_failed_status_has_a_way_out() {
    for (kind, touch) in touches() {
        let Ending::Becomes(failed) = touch.when_failed else { continue };
        let leads_on = touches().any(|(_, next)| {
            next.resource == touch.resource
                && match next.starts_from {
                    StartsFrom::Statuses(statuses) => statuses.contains(&failed),
                    StartsFrom::Anything => next.when_done != Ending::Unchanged,
                    StartsFrom::New => false,
                }
        });
        assert!(leads_on, "{kind} fails into {failed:?}, and there is no way out");
    }
}

#[test]
fn the_class_follows_from_the_subject_and_from_where_the_effect_happens() {
    for kind in OperationKind::ALL {
        let contract = kind.contract();
        let allowed: &[Class] = match (contract.subject.resource, kind.runs()) {
            (Resource::Backend, _) => &[Class::Operate],
            (Resource::Attachment, _) => &[Class::Connect],
            // whose a volume is, is changed where it is
            (Resource::Transfer, _) => &[Class::Record, Class::Modify],
            // what a backup has is on no backend, unless it comes from one
            (Resource::Backup, _) => &[Class::Record, Class::Modify],
            (_, Runs::OnBackend(_) | Runs::InBackupService(_)) => &[Class::Place, Class::Modify],
            (_, Runs::InAdmission) => &[Class::Record],
        };
        assert!(allowed.contains(&contract.class), "{kind} is of class {}", contract.class);
    }
}

#[test]
fn summaries_are_clauses() {
    for kind in OperationKind::ALL {
        let summary = kind.contract().summary;
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{kind}");
    }
}
