//! CVE-2023-2088: an attachment that a server uses ends through Nova, not behind its back. Whoever ends it here without the server's
//! knowledge would leave a device open, which may lead to another volume later.

use crate::app::App;
use crate::identity::Identification;
use crate::identity::keystone::Keystone;
use crate::nova::{self, OnBehalfOf};
use crate::request::RequestContext;
use model::{Attachment, Error, ErrorKind, Result};
use uuid::Uuid;

/// Refuses to end an attachment that a server uses, unless a service asks. Where Nova is not asked, a server uses what it is
/// connected to.
pub(crate) async fn refuse(
    app: &App,
    context: &RequestContext,
    attachment: &Attachment,
) -> Result<()> {
    let Identification::Keystone(keystone) = &app.identification else { return Ok(()) };
    let is_connected = attachment.connection_info.is_some() && !attachment.through_actions;
    let Some(server) = attachment.instance_id.filter(|_| is_connected) else { return Ok(()) };
    if !context.caller.service_roles.is_empty() {
        return Ok(());
    }
    if uses(app, context, keystone, server, attachment).await? {
        let text = format!(
            "ConflictNovaUsingAttachment: Detach volume from instance {server} using the Compute API"
        );
        return Err(Error::new(ErrorKind::Conflict, text));
    }
    Ok(())
}

/// Whether the server uses it, by what Nova says, where Nova is asked.
async fn uses(
    app: &App,
    context: &RequestContext,
    keystone: &Keystone,
    server: Uuid,
    attachment: &Attachment,
) -> Result<bool> {
    let (Some(nova), Some(user)) = (&app.nova, &context.token) else { return Ok(true) };
    let own = keystone.own_access().await.map_err(|error| {
        Error::unavailable("Keystone gives no token to ask Nova with.").caused_by(error)
    })?;
    let asks = OnBehalfOf { user: &user.0, service: &own.token };
    nova::uses(nova, server, attachment, asks, own.address("compute")).await
}
