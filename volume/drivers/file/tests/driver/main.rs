//! The file driver: it conforms, and what servers see through its data paths.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod data_path;
mod lost_claim;
mod managed_names;
mod test_arrays;
