//! Sizes in GiB, and in bytes.

pub(crate) const BYTES_PER_GIB: u64 = 1 << 30;

/// A volume's size in bytes.
pub(crate) fn bytes(size_gb: i32) -> u64 {
    u64::try_from(size_gb).unwrap_or_default() * BYTES_PER_GIB
}

/// A size in GiB, for a report.
pub(crate) fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / BYTES_PER_GIB as f64
}

/// The smallest whole number of GiB in which so many bytes fit.
pub(crate) fn whole_gibibytes(bytes: u64) -> i32 {
    bytes.div_ceil(BYTES_PER_GIB).try_into().unwrap_or(i32::MAX)
}
