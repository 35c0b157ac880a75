//! Which keys there are: those of the default configuration, written out.

use crate::backend::BackendConfig;
use crate::error::ConfigError;
use serde_json::{Map, Value, json};

/// Sections whose keys are names that the operator makes up, and what is below each name.
fn described_by_name(section: &str) -> Option<Value> {
    (section == "backends").then(|| json!(BackendConfig::default()))
}

/// Refuses the first key that the default configuration does not have.
pub(super) fn refuse_unknown(given: &Value, default: &Value) -> Result<(), ConfigError> {
    check("", given, default)
}

fn check(path: &str, given: &Value, known: &Value) -> Result<(), ConfigError> {
    let (Value::Object(given), Value::Object(known)) = (given, known) else { return Ok(()) };
    let by_name = described_by_name(path);
    for (key, value) in given {
        let here = join(path, key);
        match by_name.as_ref().or_else(|| known.get(key)) {
            Some(known_below) => check(&here, value, known_below)?,
            None => return Err(unknown(path, key, known)),
        }
    }
    Ok(())
}

fn unknown(path: &str, key: &str, known: &Map<String, Value>) -> ConfigError {
    let nearest = known
        .keys()
        .map(|candidate| (strsim::jaro_winkler(key, candidate), candidate))
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| join(path, candidate));
    ConfigError::UnknownKey { key: join(path, key), nearest }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
