//! What clients call an NBD export: a name that nobody can guess. Who may use the storage daemon's socket can list them all.

use crate::directory::Directory;
use driver::DriverError;
use ring::hmac;

/// As many digits of the authentication code as are written: 128 bits.
const TOKEN_DIGITS: usize = 32;

/// The name of an export that the daemon knows by `id`.
pub(crate) fn secret_name(directory: &Directory, id: &str) -> Result<String, DriverError> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, directory.export_key()?.as_bytes());
    let code = hmac::sign(&key, id.as_bytes());
    let digits: String = code.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{id}-{}", &digits[..TOKEN_DIGITS]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_for_its_array_and_another_one_elsewhere() {
        let arrays = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let names = arrays.each_ref().map(|array| {
            let directory = Directory::new(array.path());
            directory.prepare().unwrap();
            let name = secret_name(&directory, "volume-1").unwrap();
            directory.prepare().unwrap();
            assert_eq!(secret_name(&directory, "volume-1").unwrap(), name);
            assert_eq!(name.len(), "volume-1-".len() + TOKEN_DIGITS);
            let other = secret_name(&directory, "volume-2").unwrap();
            assert_ne!(other.replace("volume-2", "volume-1"), name);
            name
        });
        assert_ne!(names[0], names[1]);
    }
}
