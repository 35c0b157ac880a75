//! Who asks.

use serde::{Deserialize, Serialize};

/// The authenticated originator of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The user's id.
    pub user_id: String,
    /// The project that the request is scoped to; empty where it is to none.
    pub project_id: String,
    /// The domain that the request is scoped to, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<String>,
    /// `all` where the request is scoped to the whole cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_scope: Option<String>,
    /// `false` where Keystone knows a project of administrators, and this is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_admin_project: Option<bool>,
    /// The names of the roles held there, those that others imply included.
    pub roles: Vec<String>,
    /// The roles of the service that asks on the caller's behalf, by its service token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_roles: Vec<String>,
    /// Whether the caller is an admin of the cloud, who may act on every project's resources: what the policy makes of the roles.
    #[serde(default)]
    pub is_admin: bool,
}

impl Caller {
    /// The project whose resources the caller is limited to, or `None` for an admin.
    #[must_use]
    pub fn project_scope(&self) -> Option<&str> {
        (!self.is_admin).then_some(self.project_id.as_str())
    }
}
