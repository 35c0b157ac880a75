//! Every operation with the three real processes: done, refused, failed, repeated. What holds of all of
//! them alike is in the tests of admission and resilience.

mod complete_attachment;
mod create_attachment;
mod create_snapshot;
mod create_volume;
mod create_volume_type;
mod delete_attachment;
mod delete_message;
mod delete_snapshot;
mod delete_volume;
mod delete_volume_type;
mod disable_backend;
mod enable_backend;
mod extend_volume;
mod force_delete_snapshot;
mod force_delete_volume;
mod freeze_backend;
mod release_attachment;
mod reset_quota;
mod reset_snapshot_status;
mod reset_volume_status;
mod revert_volume;
mod set_volume_bootable;
mod set_volume_readonly;
mod thaw_backend;
mod twice;
mod update_attachment;
mod update_extra_specs;
mod update_image_metadata;
mod update_quota;
mod update_quota_class;
mod update_snapshot;
mod update_type_access;
mod update_volume;
mod update_volume_type;
