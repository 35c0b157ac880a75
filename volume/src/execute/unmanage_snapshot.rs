//! `unmanage_snapshot`, done: nothing is ever open of a snapshot, and its storage stays.

use super::Done;
use crate::driver::DriverError;

pub(super) fn execute() -> Result<Done, DriverError> {
    Ok(Done::default())
}
