//! The fencing token of a claim.

/// The fencing token of a driver call: the number of the claim. A driver whose storage outlives the worker refuses a number
/// smaller than one that it has seen for the same object: that worker has lost the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub i64);
