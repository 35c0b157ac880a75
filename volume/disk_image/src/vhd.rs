//! Virtual PC's format: a footer of 512 bytes, which one that grows has at its beginning, too (Microsoft's "Virtual Hard Disk Image Format
//! Specification", 2006).

/// Whether this is the footer.
pub(crate) fn is_one(footer: &[u8]) -> bool {
    footer.starts_with(b"conectix")
}

/// Fails when the file stands on another one.
pub(crate) fn check(footer: &[u8]) -> Result<(), String> {
    match footer.get(60..64) {
        // of full size, and grown as needed
        Some([0, 0, 0, 2 | 3]) => Ok(()),
        _ => Err("it is a vhd that stands on another one".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_stands_on_another_one_is_refused() {
        let footer = |kind: u8| {
            let mut footer = b"conectix".to_vec();
            footer.resize(512, 0);
            footer[63] = kind;
            footer
        };
        assert!(is_one(&footer(2)) && !is_one(b"anything"));
        assert!(check(&footer(2)).is_ok());
        assert!(check(&footer(3)).is_ok());
        assert!(check(&footer(4)).is_err());
        assert!(check(b"conectix").is_err());
    }
}
