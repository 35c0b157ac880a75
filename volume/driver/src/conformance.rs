//! The conformance suites: what every driver must do, one suite for each capability.
//!
//! A driver's tests run all suites of its capabilities on storage of their own:
//!
//! ```ignore
//! driver::conformance!(crate::TestStorage::new(); volumes, exports, manage, images, backup, migration, replication);
//! ```
//!
//! Every case becomes a test of its own name, in a module of the suite's name. The expression is evaluated for each case, and
//! twice for a case of `migration`: the source, and the destination.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a case that cannot go on has failed")]

pub mod backup;
pub mod exports;
pub mod images;
pub mod manage;
pub mod migration;
pub mod replication;
pub mod rows;
pub mod storage;
pub mod volumes;

/// Declares the tests of the named suites for a driver, on the storage that the expression makes.
#[macro_export]
macro_rules! conformance {
    ($storage:expr; $($suite:ident),+ $(,)?) => {
        $( $crate::conformance!(@$suite $storage); )+
    };
    (@volumes $storage:expr) => {
        $crate::conformance!(@cases volumes $storage;
            calls_may_be_repeated,
            the_report_counts_volumes_and_their_sizes,
            an_unknown_target_is_refused_and_the_primary_can_still_be_started,
        );
    };
    (@exports $storage:expr) => {
        $crate::conformance!(@cases exports $storage;
            calls_may_be_repeated,
            a_removed_volume_is_not_exported_any_more,
            an_exported_volume_can_grow_while_nobody_is_connected,
            a_restored_data_path_is_the_one_that_was_open,
            a_host_that_is_forgotten_leaves_the_others_theirs,
        );
    };
    (@manage $storage:expr) => {
        $crate::conformance!(@cases manage $storage;
            an_unmanaged_volume_is_listed_and_can_be_managed,
            an_unmanaged_snapshot_is_listed_and_can_be_managed,
            a_name_that_was_taken_takes_nothing_from_its_volume,
        );
    };
    (@images $storage:expr) => {
        $crate::conformance!(@cases images $storage;
            a_volume_gets_the_content_of_an_image_and_gives_it_back,
            a_volume_that_is_there_gets_another_image,
        );
    };
    (@backup $storage:expr) => {
        $crate::conformance!(@cases backup $storage;
            a_volume_gets_a_content_and_gives_it_back,
            an_older_claim_is_refused,
            a_side_is_joined_in_its_own_epoch,
        );
    };
    (@migration $storage:expr) => {
        $crate::conformance!(@pairs migration $storage;
            a_volume_moves_and_calls_may_be_repeated,
            a_discarded_import_leaves_the_volume_where_it_was,
            nothing_needs_to_be_there_to_be_discarded_or_closed,
        );
    };
    (@replication $storage:expr) => {
        $crate::conformance!(@cases replication $storage;
            replicas_become_complete,
            replicas_in_sync_are_verified,
            a_replica_is_copied_and_goes_on_to_be_one,
            a_failover_moves_complete_replicas_and_may_be_repeated,
            every_worker_follows_a_failover,
            a_failback_brings_every_volume_home_and_replication_goes_on,
            storage_has_one_identity_for_each_side,
        );
    };
    (@cases $suite:ident $storage:expr; $($case:ident),+ $(,)?) => {
        mod $suite { $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::$suite::$case(&$storage).await;
            }
        )+ }
    };
    (@pairs $suite:ident $storage:expr; $($case:ident),+ $(,)?) => {
        mod $suite { $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::$suite::$case(&$storage, &$storage).await;
            }
        )+ }
    };
}
