//! The fields of a body, taken one by one; what is left is unknown. The complaints are worded as
//! Cinder's schema validation words them.
use model::{Error, Metadata, Result};
use operation::change::MOST_ITEMS;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The largest number that the database takes.
const MAX_INTEGER: i64 = i32::MAX as i64;
/// The longest name, description, key and value.
const MAX_TEXT: usize = 255;
/// The longest value of an image's metadata.
const MAX_IMAGE_TEXT: usize = 65_535;
/// The most of a client's value that an error shows, in bytes.
const MAX_SHOWN: usize = 512;

/// The fields of one JSON object.
pub(crate) struct Fields {
    name: String,
    fields: Map<String, Value>,
}

impl Fields {
    /// The fields of a body itself.
    pub fn of_body(fields: Map<String, Value>) -> Self {
        Self { name: "body".to_owned(), fields }
    }

    /// The fields of the only object in a body: `{"volume": {…}}`.
    pub fn inside(body: Map<String, Value>, name: &str) -> Result<Self> {
        let mut body = Self::of_body(body);
        let inside = body.object(name)?.ok_or_else(|| required(name))?;
        body.refuse_rest()?;
        Ok(inside)
    }

    /// The fields of an object in this one, if it is there and not null.
    pub fn object(&mut self, key: &str) -> Result<Option<Self>> {
        match self.fields.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self { name: key.to_owned(), fields })),
            Some(other) => Err(invalid(key, &other, "is not of type 'object'")),
        }
    }

    /// Any value.
    pub fn value(&mut self, key: &str) -> Option<Value> {
        self.fields.remove(key)
    }

    /// A text without white space around it: `None` when absent, `Some(None)` when null.
    pub fn text(&mut self, key: &str) -> Result<Option<Option<String>>> {
        match self.fields.remove(key) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::String(text)) if text.trim().chars().count() > MAX_TEXT => {
                Err(invalid(key, &json!(text), "is too long"))
            }
            Some(Value::String(text)) => Ok(Some(Some(text.trim().to_owned()))),
            Some(other) => Err(invalid(key, &other, "is not of type 'string', 'null'")),
        }
    }

    /// A text that must be there and not be empty.
    pub fn required_text(&mut self, key: &str) -> Result<String> {
        match self.text(key)? {
            Some(Some(text)) if !text.is_empty() => Ok(text),
            Some(Some(text)) => Err(invalid(key, &json!(text), "is too short")),
            Some(None) => Err(invalid(key, &Value::Null, "is not of type 'string'")),
            None => Err(required(key)),
        }
    }

    /// The same for one that may be long.
    pub fn required_long_text(&mut self, key: &str) -> Result<String> {
        match self.fields.remove(key) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            Some(other) => Err(invalid(key, &other, "is not of type 'string'")),
            None => Err(required(key)),
        }
    }

    /// A text with an older name: `name` and `display_name`. The newer one wins.
    pub fn text_or(&mut self, key: &str, older: &str) -> Result<Option<Option<String>>> {
        let (newer, older) = (self.text(key)?, self.text(older)?);
        Ok(newer.or(older))
    }

    /// An id, if it is there and not null.
    pub fn uuid(&mut self, key: &str) -> Result<Option<Uuid>> {
        match self.fields.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(|text| Uuid::try_parse(text).ok())
                .map(Some)
                .ok_or_else(|| invalid(key, &value, "is not a 'uuid'")),
        }
    }

    /// A whole number of at least 1, which may come as a text; `None` when absent or null.
    pub fn positive(&mut self, key: &str) -> Result<Option<i32>> {
        let Some(value) = self.fields.remove(key).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        };
        match number {
            Some(number) if number < 1 => {
                Err(invalid(key, &value, "is less than the minimum of 1"))
            }
            Some(number) if number > MAX_INTEGER => {
                Err(invalid(key, &value, &format!("is greater than the maximum of {MAX_INTEGER}")))
            }
            Some(number) => Ok(i32::try_from(number).ok()),
            None => Err(invalid(key, &value, "is not of type 'integer'")),
        }
    }

    /// A boolean in any of the forms that Cinder takes; `None` when absent or null.
    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>> {
        let Some(value) = self.fields.remove(key).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let parsed = match &value {
            Value::Bool(value) => Some(*value),
            Value::String(text) => parse_boolean(text),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        };
        parsed.map(Some).ok_or_else(|| invalid(key, &value, "is not a boolean"))
    }

    /// Key-value pairs; `None` when absent or null.
    pub fn metadata(&mut self, key: &str) -> Result<Option<Metadata>> {
        self.entries(key, MAX_TEXT)
    }

    fn entries(&mut self, key: &str, longest: usize) -> Result<Option<Metadata>> {
        match self.fields.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(entries)) if entries.len() > MOST_ITEMS => Err(too_many_items(key)),
            Some(Value::Object(entries)) => entries
                .into_iter()
                .map(|(name, value)| entry(key, name, value, longest))
                .collect::<Result<_>>()
                .map(Some),
            Some(other) => Err(invalid(key, &other, "is not of type 'object'")),
        }
    }

    /// What is known of an image, whose values may be long: a `description`, a license.
    pub fn image_metadata(&mut self, key: &str) -> Result<Option<Metadata>> {
        self.entries(key, MAX_IMAGE_TEXT)
    }

    /// Every field that nobody took, as key-value pairs.
    pub fn rest_as_metadata(self, name: &str) -> Result<Metadata> {
        self.fields.into_iter().map(|(key, value)| entry(name, key, value, MAX_TEXT)).collect()
    }

    /// Complains about a field that nobody took.
    pub fn refuse_rest(self) -> Result<()> {
        let Some((unknown, value)) = self.fields.iter().next() else { return Ok(()) };
        Err(Error::bad_request(format!(
            "Invalid input for field/attribute {}. Value: {}. Additional properties are not allowed \
             ('{unknown}' was unexpected)",
            self.name,
            clipped(&json!({ unknown: value }).to_string(), MAX_SHOWN),
            unknown = clipped(unknown, MAX_SHOWN),
        )))
    }
}

/// The entries of a body of metadata: `{"metadata": {…}}`.
pub(crate) fn metadata_entries(body: Map<String, Value>, name: &str) -> Result<Metadata> {
    let mut body = Fields::of_body(body);
    let entries = body.metadata(name)?.ok_or_else(|| required(name))?;
    body.refuse_rest()?;
    Ok(entries)
}

/// The entry of a body of one item, which must be the one that the path names: `{"meta": {…}}`.
pub(crate) fn metadata_item(body: Map<String, Value>, key: &str) -> Result<Metadata> {
    let item = metadata_entries(body, "meta")?;
    if item.len() != 1 {
        return Err(Error::bad_request("Request body contains too many items."));
    }
    if !item.contains_key(key) {
        return Err(Error::bad_request("Request body and URI mismatch."));
    }
    Ok(item)
}

/// A boolean in any of the forms that Cinder takes.
pub(crate) fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" | "y" | "t" => Some(true),
        "false" | "0" | "off" | "no" | "n" | "f" => Some(false),
        _ => None,
    }
}

fn entry(field: &str, key: String, value: Value, longest: usize) -> Result<(String, String)> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_:. /".contains(letter);
    if key.is_empty() || key.len() > MAX_TEXT || !key.chars().all(allowed) {
        return Err(invalid(
            field,
            &json!({ &key: value }),
            &format!("has the invalid key '{key}'"),
        ));
    }
    match value {
        Value::String(text) if text.chars().count() <= longest => Ok((key, text)),
        Value::String(_) => Err(invalid(&key, &value, "is too long")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(invalid(&key, &value, "is not of type 'string'"))
        }
    }
}

/// A 400 for more items than there may be.
fn too_many_items(key: &str) -> Error {
    Error::bad_request(format!(
        "Invalid input for field/attribute {key}. There may be {MOST_ITEMS} items at most."
    ))
}

/// A 400 for a field of the wrong kind.
pub(crate) fn invalid(key: &str, value: &Value, complaint: &str) -> Error {
    let value = value.to_string();
    let value = clipped(&value, MAX_SHOWN);
    Error::bad_request(format!(
        "Invalid input for field/attribute {}. Value: {value}. {value} {complaint}",
        clipped(key, MAX_SHOWN)
    ))
}

/// The beginning of a text, as long as that may be in bytes.
pub(crate) fn clipped(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// A 400 for a field that is not there.
pub(crate) fn required(key: &str) -> Error {
    Error::bad_request(format!(
        "Invalid input for field/attribute body. '{key}' is a required property"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: Value) -> Fields {
        match json {
            Value::Object(fields) => Fields::of_body(fields),
            _ => panic!("an object is needed"),
        }
    }

    #[test]
    fn a_size_may_be_a_text_but_must_be_whole_and_in_range() {
        let size = |json: Value| fields(json!({ "size": json })).positive("size").map_err(|_| ());
        assert_eq!(size(json!(1)), Ok(Some(1)));
        assert_eq!(size(json!("20")), Ok(Some(20)));
        assert_eq!(size(json!(null)), Ok(None));
        for absurd in [
            json!(0),
            json!(-1),
            json!(1.5),
            json!("1.5"),
            json!(""),
            json!(true),
            json!([1]),
            json!(2_147_483_648_u64),
            json!("99999999999999999999"),
        ] {
            assert_eq!(size(absurd.clone()), Err(()), "{absurd}");
        }
    }

    #[test]
    fn an_absent_text_is_not_a_null_one() {
        let mut fields = fields(json!({ "name": null, "description": " d " }));
        assert_eq!(fields.text("name").unwrap(), Some(None));
        assert_eq!(fields.text("description").unwrap(), Some(Some("d".to_owned())));
        assert_eq!(fields.text("other").unwrap(), None);
    }

    #[test]
    fn metadata_is_text_to_text() {
        let metadata = |json: Value| fields(json!({ "metadata": json })).metadata("metadata");
        assert!(metadata(json!({ "a b:c/d": "v" })).is_ok());
        assert!(metadata(json!({ "": "v" })).is_err());
        assert!(metadata(json!({ "ä": "v" })).is_err());
        assert!(metadata(json!({ "k": 1 })).is_err());
        assert!(metadata(json!({ "k": "v".repeat(256) })).is_err());
        assert!(metadata(json!({ "k".repeat(256): "v" })).is_err());
        assert!(metadata(json!([])).is_err());
    }

    #[test]
    fn what_nobody_took_is_refused_by_name() {
        let error = fields(json!({ "wrong": 1 })).refuse_rest().unwrap_err();
        assert!(error.message().contains("'wrong' was unexpected"), "{error}");
    }
}
