//! CVE-2023-2088: an attachment that a server uses ends through Nova, not behind its back. Whoever ends it here without the server's
//! knowledge would leave a device open, which may lead to another volume later.

use crate::app::App;
use crate::identity::Identification;
use crate::request::RequestContext;
use model::{Attachment, Error, ErrorKind, Result};

/// Refuses to end an attachment of a server, unless a service asks. Nova itself is not asked: where it may use the volume, it does.
pub(crate) fn refuse(app: &App, context: &RequestContext, attachment: &Attachment) -> Result<()> {
    let callers_are_known = match &app.identification {
        Identification::Noauth => false,
        Identification::Keystone(_) => true,
    };
    let is_connected = attachment.connection_info.is_some() && !attachment.through_actions;
    match attachment.instance_id {
        Some(server)
            if callers_are_known && is_connected && context.caller.service_roles.is_empty() =>
        {
            Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "ConflictNovaUsingAttachment: Detach volume from instance {server} using the Compute API"
                ),
            ))
        }
        Some(_) | None => Ok(()),
    }
}
