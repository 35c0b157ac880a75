//! Every operation with the three real processes: done, refused, failed, repeated, delivered twice.

mod attachments;
mod create_volume;
mod delete_volume;
mod disable_backend;
mod enable_backend;
mod extend_volume;
mod force_delete_volume;
mod freeze_backend;
mod snapshots;
mod thaw_backend;
mod twice;
mod update_volume;
