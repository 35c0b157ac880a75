//! Who asks.

use serde::{Deserialize, Serialize};

text_enum! {
    /// The roles that cinderblock's policy knows; Keystone's other roles are ignored.
    pub enum Role {
        /// May do everything, in every project.
        Admin = "admin",
        /// May change the resources of its project.
        Member = "member",
        /// May see the resources of its project.
        Reader = "reader",
    }
}

/// The authenticated originator of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The user's id.
    pub user_id: String,
    /// The project that the request is scoped to.
    pub project_id: String,
    /// The roles held in that project.
    pub roles: Vec<Role>,
}

impl Caller {
    /// Whether the caller may act on every project's resources.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.contains(&Role::Admin)
    }

    /// The project whose resources the caller is limited to, or `None` for an admin.
    #[must_use]
    pub fn project_scope(&self) -> Option<&str> {
        (!self.is_admin()).then_some(self.project_id.as_str())
    }
}
