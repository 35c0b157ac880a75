//! Secrets that are in files of their own: `url_file` in place of `url`.

use crate::error::{ConfigError, invalid};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Every secret, by section and key.
const SECRETS: [(&str, &str); 7] = [
    ("database", "url"),
    ("bus", "url"),
    ("bus", "request_key"),
    ("keystone", "password"),
    ("keystone", "application_credential_secret"),
    ("backup", "backup_s3_store_access_key"),
    ("backup", "backup_s3_store_secret_key"),
];

/// The variable with the directory of systemd's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Adds the keys that name files to the known ones.
pub(crate) fn make_known(known: &mut Value) {
    for (section, key) in SECRETS {
        known[section][format!("{key}_file")] = json!(null);
    }
}

/// The secrets that are in files, each as `section.key` and text. Of a text the white space around it is no part.
pub(crate) fn read(given: &Value) -> Result<Vec<(String, String)>, ConfigError> {
    let mut secrets = Vec::new();
    for (section, key) in SECRETS {
        let (key, named) = (format!("{section}.{key}"), format!("{section}.{key}_file"));
        let of = |name: &str| given.pointer(&format!("/{}", name.replace('.', "/")));
        let file = match of(&named) {
            None | Some(Value::Null) => continue,
            Some(Value::String(file)) => file,
            Some(other) => return Err(invalid(named, format!("{other} is no path"))),
        };
        if of(&key).is_some_and(|value| !value.is_null()) {
            return Err(invalid(named, format!("{key} is set, too: say one of both")));
        }
        let file = place(Path::new(file));
        let text = std::fs::read_to_string(&file)
            .map_err(|error| invalid(&*named, format!("{}: {error}", file.display())))?;
        let secret = text.trim();
        if secret.is_empty() {
            return Err(invalid(named, format!("{}: is empty", file.display())));
        }
        secrets.push((key, secret.to_owned()));
    }
    Ok(secrets)
}

/// A name alone is that of one of systemd's credentials, where there are any.
fn place(file: &Path) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "this is the configuration")]
    match std::env::var(CREDENTIALS) {
        Ok(directory) if file.components().count() == 1 => Path::new(&directory).join(file),
        Ok(_) | Err(_) => file.to_owned(),
    }
}
