//! A copy of a volume as it is at one moment, made by the daemon while a server or a mirror writes to it.
//!
//! What is overwritten is kept before it is, in a store beside the copy: a job that does nothing else (a backup with `sync` `none`) sees
//! to that. A second one, a mirror, copies from the view in which the store covers the volume, and leaves holes where it finds them. A
//! write whose old content cannot be kept fails. So a copy is given up before the file system is full.

use crate::array::Array;
use crate::block_nodes::{file_node, image_node};
use crate::blocking::blocking;
use crate::image::{create_image, image_job};
use crate::jobs::{close_node, complete_copy, end_job};
use crate::names::{copy_job, drilled_by, keep_job, keep_node, store_node, target_node, view_node};
use crate::object::Object;
use crate::qmp::Qmp;
use crate::room;
use driver::DriverError;
use model::VolumeId;
use serde_json::json;
use std::collections::BTreeSet;

/// A copy of a volume that is open.
pub(crate) struct OpenCopy<'a> {
    pub array: &'a Array,
    pub id: VolumeId,
    /// What the copy becomes: to its unfinished file, of the volume's size, is copied.
    pub target: Object,
    /// The part of the file system, in percent, below which the copy is given up.
    pub least_free_percent: u64,
    /// 0 for as fast as can be.
    pub bytes_per_second: u64,
}

impl OpenCopy<'_> {
    /// Copies. A copy that is dropped goes on until somebody begins it anew, or abandons it.
    pub async fn carry_out(&self) -> Result<(), DriverError> {
        let Self { array, id, target, .. } = self;
        let (job, beside) = (copy_job(*id, *target), keep_job(*id, *target));
        abandon(array, &mut array.daemon.session().await?, *id, *target).await?;
        let copied = match self.start().await {
            Ok(()) => tokio::select! {
                copied = complete_copy(&array.daemon, &job, Some(&beside)) => copied,
                scarce = room::becomes_scarce(&array.directory, self.least_free_percent) => Err(scarce),
            },
            Err(error) => Err(error),
        };
        abandon(array, &mut array.daemon.session().await?, *id, *target).await?;
        copied
    }

    async fn start(&self) -> Result<(), DriverError> {
        let Self { array, id, target, bytes_per_second, .. } = self;
        let (directory, store) = (&array.directory, array.directory.store(*target));
        let size = directory.size(Object::Volume(*id))?;
        let mut session = array.daemon.session().await?;
        let (store_name, view, copy) =
            (store_node(*target), view_node(*target), target_node(*target));
        create_image(&mut session, &store_name, &store, size).await?;
        session.execute("blockdev-add", image_node(&store_name, &store)).await?;
        let unfinished = file_node(&copy, &directory.unfinished(*target));
        session.execute("blockdev-add", unfinished).await?;
        let volume = array.daemon.open_node(&mut session, *id).await?;
        let keep = json!({
            "job-id": keep_job(*id, *target), "device": volume, "target": store_name, "sync": "none",
            "filter-node-name": keep_node(*target), "auto-dismiss": false,
        });
        session.execute("blockdev-backup", keep).await?;
        let covered = json!({
            "driver": "snapshot-access", "node-name": view, "file": keep_node(*target),
        });
        session.execute("blockdev-add", covered).await?;
        let mirror = json!({
            "job-id": copy_job(*id, *target), "device": view, "target": copy, "sync": "full",
            "speed": bytes_per_second, "auto-dismiss": false,
        });
        session.execute("blockdev-mirror", mirror).await?;
        Ok(())
    }
}

/// Ends a copy, whoever began it, and closes what it has open, in the order in which one thing stands on the other. What it has written
/// stays.
pub(crate) async fn abandon(
    array: &Array,
    session: &mut Qmp,
    id: VolumeId,
    target: Object,
) -> Result<(), DriverError> {
    end_job(session, &copy_job(id, target)).await?;
    close_node(session, &view_node(target)).await?;
    end_job(session, &keep_job(id, target)).await?;
    end_job(session, &image_job(&store_node(target))).await?;
    for node in [store_node(target), target_node(target)] {
        close_node(session, &node).await?;
    }
    let directory = array.directory.clone();
    blocking(move || directory.delete_store(target)).await?;
    // it may have outlived the volume's other uses
    array.daemon.close_node(session, id).await
}

/// Ends what drills copy of these volumes: their replicas are needed for something else.
pub(crate) async fn abandon_drills(array: &Array, volumes: &[VolumeId]) -> Result<(), DriverError> {
    let mut session = array.daemon.session().await?;
    let jobs = session.execute("query-jobs", json!({})).await?;
    let jobs = jobs.as_array().into_iter().flatten();
    let copied: BTreeSet<_> = jobs.filter_map(|job| drilled_by(job["id"].as_str()?)).collect();
    for id in copied.into_iter().filter(|id| volumes.contains(id)) {
        abandon(array, &mut session, id, Object::Drill(id)).await?;
    }
    Ok(())
}
