//! `[keystone]`: the identity service.

use super::Secret;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `[keystone]`: how tokens are validated. The service's own account is a user with a password, or an application credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct KeystoneConfig {
    /// The address of Keystone's API, `https://…/v3`.
    pub auth_url: Option<String>,
    /// The service user's name.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The domain of the service user, by name.
    pub user_domain_name: String,
    /// The project that the service user works in, by name.
    pub project_name: String,
    /// The domain of that project, by name.
    pub project_domain_name: String,
    /// The id of an application credential, instead of a user.
    pub application_credential_id: Option<String>,
    /// Its secret.
    pub application_credential_secret: Option<Secret>,
    /// The region whose services are asked that are found in the catalogue; any, unless it is set.
    pub region: Option<String>,
    /// Which of a service's addresses in the catalogue is used: `public`, `internal` or `admin`.
    pub interface: String,
    /// A file with the certificates, in PEM, of those who may vouch for Keystone; without it those that the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// How long Keystone may take to answer.
    pub timeout_seconds: f64,
    /// How long the answer about a token counts.
    pub cache_seconds: f64,
    /// How many tokens are remembered.
    pub cached_tokens: u64,
    /// The roles of which a service has one that asks on behalf of a user.
    pub service_token_roles: Vec<String>,
    /// Whether a service token without such a role makes the request invalid.
    pub service_token_roles_required: bool,
    /// The address of Keystone that a client is told whose token is missing or invalid; `auth_url` unless it is set.
    pub www_authenticate_uri: Option<String>,
}

impl Default for KeystoneConfig {
    fn default() -> Self {
        Self {
            auth_url: None,
            username: None,
            password: None,
            user_domain_name: "Default".to_owned(),
            project_name: "service".to_owned(),
            project_domain_name: "Default".to_owned(),
            application_credential_id: None,
            application_credential_secret: None,
            region: None,
            interface: "public".to_owned(),
            ca_file: None,
            timeout_seconds: 5.0,
            cache_seconds: 300.0,
            cached_tokens: 100_000,
            service_token_roles: vec!["service".to_owned()],
            service_token_roles_required: true,
            www_authenticate_uri: None,
        }
    }
}

impl KeystoneConfig {
    /// How long Keystone may take to answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_seconds)
    }

    /// How long the answer about a token counts.
    #[must_use]
    pub fn cache_time(&self) -> Duration {
        Duration::from_secs_f64(self.cache_seconds)
    }
}
