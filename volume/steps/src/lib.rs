//! The steps that are the same for everybody who executes admitted operations: the workers of backends, and backup services.
//!
//! An operation waits for one of the [`slots`], is executed while its [`lease`] holds, through one of the [`drivers`], and ends
//! ([`finish_operation`]). [`recover`] says what becomes of one whose executor died, [`step`] why one has not succeeded.

mod backoff;
pub mod drivers;
pub mod finish_operation;
pub mod lease;
pub mod machine_lock;
pub mod recover;
pub mod slots;
pub mod step;
pub mod tick;
