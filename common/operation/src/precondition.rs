//! What must be true of a resource, beyond its status, for an operation to begin.
//!
//! A precondition is declared beside the operation that has it, with the error for a caller who is refused
//! for it. The condition itself is SQL, under the same name, in the database crate's `statements/conditions.rs`: the
//! admission transaction checks it.

pub(crate) mod shared;

use super::definition::Definition;
use super::resource::Resource;
use model::Error;
use serde_json::Value;
use std::any::{Any, type_name};

/// A named condition on a resource under which an operation may begin.
#[derive(Clone, Copy)]
pub struct Precondition {
    /// The word by which its condition is found.
    pub name: &'static str,
    /// The condition as the documentation states it.
    pub meaning: &'static str,
    pub(crate) refusal: &'static dyn Refuse,
}

impl Precondition {
    /// The error for an operation with these arguments that was refused because the condition does not hold
    /// of this row.
    #[must_use]
    pub fn refuse(&self, arguments: &dyn Definition, row: &Row<'_>) -> Error {
        self.refusal.refuse(arguments, row)
    }
}

impl std::fmt::Debug for Precondition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

/// Makes the error for a refused operation.
pub(crate) trait Refuse: Sync {
    fn refuse(&self, arguments: &dyn Definition, row: &Row<'_>) -> Error;

    /// The type of the arguments that the text speaks of, if it does.
    #[cfg(test)]
    fn arguments(&self) -> Option<std::any::TypeId>;
}

/// A refusal that reads the row alone, whatever the operation.
pub(crate) struct OfAny(pub fn(&Row<'_>) -> Error);

impl Refuse for OfAny {
    fn refuse(&self, _arguments: &dyn Definition, row: &Row<'_>) -> Error {
        self.0(row)
    }

    #[cfg(test)]
    fn arguments(&self) -> Option<std::any::TypeId> {
        None
    }
}

/// A refusal of one operation, which reads its arguments too.
pub(crate) struct Of<T>(pub fn(&T, &Row<'_>) -> Error);

impl<T: Definition> Refuse for Of<T> {
    fn refuse(&self, arguments: &dyn Definition, row: &Row<'_>) -> Error {
        match (arguments as &dyn Any).downcast_ref() {
            Some(arguments) => self.0(arguments, row),
            None => Error::internal(format!("a precondition of {} alone", type_name::<T>())),
        }
    }

    #[cfg(test)]
    fn arguments(&self) -> Option<std::any::TypeId> {
        Some(std::any::TypeId::of::<T>())
    }
}

/// The row of which a precondition does not hold.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    resource: Resource,
    columns: &'a Value,
}

impl<'a> Row<'a> {
    /// A row of the resource's table, as a JSON object.
    #[must_use]
    pub const fn new(resource: Resource, columns: &'a Value) -> Self {
        Self { resource, columns }
    }

    /// What the row is of.
    #[must_use]
    pub const fn resource(&self) -> Resource {
        self.resource
    }

    /// The text in a column; empty when it is null or no text.
    #[must_use]
    pub fn text(&self, column: &str) -> &'a str {
        self.columns[column].as_str().unwrap_or_default()
    }

    /// The value of a column; null when there is no such column.
    #[must_use]
    pub fn json(&self, column: &str) -> &'a Value {
        &self.columns[column]
    }

    /// A 400 that names the resource before the reason.
    #[must_use]
    pub fn invalid(&self, reason: impl std::fmt::Display) -> Error {
        Error::bad_request(format!("Invalid {}: {reason}", self.resource.noun()))
    }
}
