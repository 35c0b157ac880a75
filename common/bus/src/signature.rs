//! Signatures of requests to schedulers.
//!
//! A request says on whose behalf it is made, and with which roles. Whoever may publish on the broker could say anything; so where
//! a key is configured, a scheduler takes the requests alone that were signed with it. Processes that have no requests to make, the
//! workers, do not have the key. A signature covers the whole envelope, its deadline included, and an operation that is asked
//! for again is recognised by its id: to repeat a signed request changes nothing.

use configuration::Secret;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use ring::hmac;

/// The header of the signature: HMAC-SHA-256 of the payload.
const HEADER: &str = "x-cinderblock-signature";

/// The key that those share who make requests, and the schedulers.
#[derive(Clone)]
pub(super) struct RequestKey(hmac::Key);

impl RequestKey {
    pub(super) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// The same properties with the signature of a payload.
    pub(super) fn sign(&self, properties: BasicProperties, payload: &[u8]) -> BasicProperties {
        let signature = hmac::sign(&self.0, payload);
        let mut headers = FieldTable::default();
        headers.insert(HEADER.into(), AMQPValue::ByteArray(signature.as_ref().into()));
        properties.with_headers(headers)
    }

    /// Whether a payload has the signature that goes with it.
    pub(super) fn has_signed(&self, properties: &BasicProperties, payload: &[u8]) -> bool {
        let headers = properties.headers().as_ref();
        let found = headers.and_then(|headers| headers.inner().get(HEADER));
        let Some(AMQPValue::ByteArray(signature)) = found else { return false };
        hmac::verify(&self.0, payload, signature.as_slice()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_its_payload_and_its_key_alone() {
        let (ours, other) = (RequestKey::new(&"k".into()), RequestKey::new(&"l".into()));
        let signed = ours.sign(BasicProperties::default(), b"payload");
        assert!(ours.has_signed(&signed, b"payload"));
        assert!(!ours.has_signed(&signed, b"another"));
        assert!(!other.has_signed(&signed, b"payload"));
        assert!(!ours.has_signed(&BasicProperties::default(), b"payload"));
        let another_type = AMQPValue::LongString("x".into());
        for malformed in [AMQPValue::ByteArray(Vec::new().into()), another_type] {
            let mut headers = FieldTable::default();
            headers.insert(HEADER.into(), malformed.clone());
            let properties = BasicProperties::default().with_headers(headers);
            assert!(!ours.has_signed(&properties, b"payload"), "{malformed:?}");
        }
    }
}
