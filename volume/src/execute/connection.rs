//! A data path, opened for a server's host, and closed for it.

use crate::execution::{Done, Execution};
use database::attachments;
use model::{AttachMode, Attachment, AttachmentId, Connector, Volume, host_of, qos};
use operation::contract::{Columns, Role};
use serde_json::json;
use steps::step::StepError;

/// Opens the data path of an attachment to the host of a connector. Both are written down when it is open: what fails
/// changes nothing of a data path that was open before.
pub(crate) async fn open(
    execution: &Execution<'_>,
    attachment_id: AttachmentId,
    connector: &Connector,
    mode: AttachMode,
) -> Result<Done, StepError> {
    let volume: Volume = execution.other(Role::Volume)?;
    let told = execution.exports()?.export(&volume, mode, connector, execution.fence).await?;
    let hosts = Hosts::of(execution, &volume, mode, attachment_id).await?;
    if let Some(before) = hosts.left_for(Some(connector)) {
        execution.exports()?.forget_host(&volume, mode, before, execution.fence).await?;
    }
    let limits = volume.front_end_qos.as_ref();
    let multipath = connector.get("enforce_multipath").cloned().unwrap_or(json!(false));
    // everything on one level, as attachments show it
    let mut connection_info = told.data;
    connection_info.extend([
        ("access_mode".to_owned(), json!(mode)),
        ("encrypted".to_owned(), json!(false)),
        ("cacheable".to_owned(), json!(false)),
        ("qos_specs".to_owned(), json!(limits.map(|specs| qos::for_size(specs, volume.size_gb)))),
        ("driver_volume_type".to_owned(), json!(told.driver_volume_type)),
        ("attachment_id".to_owned(), json!(attachment_id)),
        ("enforce_multipath".to_owned(), multipath),
    ]);
    let columns = json!({ "connector": connector, "connection_info": connection_info });
    Ok(Done { model_update: Columns::set(columns), ..Done::default() })
}

/// Closes the data path of an attachment; where others need it, for this one's host alone, unless they are on that host, too.
pub(crate) async fn close(
    execution: &Execution<'_>,
    attachment_id: AttachmentId,
    mode: AttachMode,
) -> Result<Done, StepError> {
    let (exports, volume) = (execution.exports()?, execution.other::<Volume>(Role::Volume)?);
    let hosts = Hosts::of(execution, &volume, mode, attachment_id).await?;
    if hosts.others.is_empty() {
        exports.unexport(&volume, mode, execution.fence).await?;
    } else if let Some(before) = hosts.left_for(None) {
        exports.forget_host(&volume, mode, before, execution.fence).await?;
    }
    Ok(Done::default())
}

/// The hosts that a volume's data path of a mode is open for, as they were told.
struct Hosts {
    /// That of the attachment in question.
    own: Option<Connector>,
    /// Those of others.
    others: Vec<Connector>,
}

impl Hosts {
    async fn of(
        execution: &Execution<'_>,
        volume: &Volume,
        mode: AttachMode,
        attachment_id: AttachmentId,
    ) -> Result<Self, StepError> {
        let all = attachments::of_volume(execution.database, volume.id).await?;
        let in_mode = all.into_iter().filter(|one| one.attach_mode == mode);
        let (own, others): (Vec<Attachment>, _) = in_mode.partition(|one| one.id == attachment_id);
        let connectors = |all: Vec<Attachment>| all.into_iter().filter_map(|one| one.connector);
        Ok(Self { own: connectors(own).next(), others: connectors(others).collect() })
    }

    /// The host that nothing is open for any more, when the attachment is on another one from now on, or on none.
    fn left_for(&self, next: Option<&Connector>) -> Option<&Connector> {
        let own = self.own.as_ref()?;
        let is_there = |other: &Connector| host_of(other) == host_of(own);
        (!self.others.iter().chain(next).any(is_there)).then_some(own)
    }
}
