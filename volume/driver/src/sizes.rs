//! Sizes in GiB, and in bytes.

/// One GiB.
pub const BYTES_PER_GIB: u64 = 1 << 30;

/// A volume's size in bytes.
#[must_use]
pub fn bytes(size_gb: i32) -> u64 {
    u64::try_from(size_gb).unwrap_or_default() * BYTES_PER_GIB
}

/// A size in GiB, for a report.
#[must_use]
pub fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / BYTES_PER_GIB as f64
}

/// The smallest whole number of GiB in which so many bytes fit.
#[must_use]
pub fn whole_gibibytes(bytes: u64) -> i32 {
    bytes.div_ceil(BYTES_PER_GIB).try_into().unwrap_or(i32::MAX)
}
