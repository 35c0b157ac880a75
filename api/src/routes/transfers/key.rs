//! The key of a transfer. Whoever has it may take the volume over; it is shown once, and kept as a hash.

use model::{Error, Result};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};

/// As long as Cinder's, in bytes; each is two digits.
const KEY_BYTES: usize = 8;
const SALT_BYTES: usize = 16;

/// A new key, with what is kept of it.
pub(super) struct NewKey {
    /// What the caller is told.
    pub auth_key: String,
    pub salt: String,
    pub crypt_hash: String,
}

impl NewKey {
    /// A key that nobody can guess.
    pub fn generate() -> Result<Self> {
        let (auth_key, salt) = (random::<KEY_BYTES>()?, random::<SALT_BYTES>()?);
        let crypt_hash = kept(&hash(&salt, &auth_key));
        Ok(Self { auth_key, salt, crypt_hash })
    }
}

/// With what a volume is taken over.
pub(super) fn hash(salt: &str, auth_key: &str) -> String {
    let salt = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
    digits(hmac::sign(&salt, auth_key.as_bytes()).as_ref())
}

/// What is kept of that: whoever reads it can take over nothing.
pub(super) fn kept(key_hash: &str) -> String {
    digits(digest::digest(&digest::SHA256, key_hash.as_bytes()).as_ref())
}

fn random<const BYTES: usize>() -> Result<String> {
    let mut bytes = [0; BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::internal("the system has no random numbers"))?;
    Ok(digits(&bytes))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_fits_what_was_kept_of_it_alone() {
        let (first, second) = (NewKey::generate().unwrap(), NewKey::generate().unwrap());
        assert_eq!(first.auth_key.len(), 16);
        let kept_of = |salt: &str, key: &str| kept(&hash(salt, key));
        assert_eq!(kept_of(&first.salt, &first.auth_key), first.crypt_hash);
        assert_ne!(kept_of(&first.salt, &second.auth_key), first.crypt_hash);
        assert_ne!(kept_of(&second.salt, &first.auth_key), first.crypt_hash);
        assert_ne!(hash(&first.salt, &first.auth_key), first.crypt_hash);
    }
}
