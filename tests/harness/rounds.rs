//! How often what is random is tried.

/// A few rounds in `make test`, and many in `make soak`.
#[must_use]
pub fn rounds(few: usize, many: usize) -> usize {
    if std::env::var_os("CINDERBLOCK_SOAK").is_some() { many } else { few }
}
