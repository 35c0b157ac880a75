//! Images in the format qcow2: what was not written takes no room in them.

use crate::blocking::blocking;
use crate::io_error::unusable;
use crate::jobs::close_node;
use crate::qmp::Qmp;
use driver::DriverError;
use serde_json::{Map, json};
use std::path::Path;

/// The job that makes an image.
pub(crate) fn image_job(node: &str) -> String {
    format!("create-{node}")
}

/// Makes an empty image of this size, in bytes, in the place of what is there. `node` is the one that it is going to be; one of that
/// name is there meanwhile.
pub(crate) async fn create_image(
    session: &mut Qmp,
    node: &str,
    file: &Path,
    size: u64,
) -> Result<(), DriverError> {
    let new = file.to_owned();
    blocking(move || std::fs::File::create(&new).map_err(|error| unusable(&new, &error))).await?;
    let job = image_job(node);
    close_node(session, node).await?;
    let protocol = json!({ "driver": "file", "node-name": node, "filename": file });
    session.execute("blockdev-add", protocol).await?;
    let options = json!({ "driver": "qcow2", "file": node, "size": size });
    session.execute("blockdev-create", json!({ "job-id": job, "options": options })).await?;
    let concluded = [("id".to_owned(), json!(job)), ("status".to_owned(), json!("concluded"))];
    session.wait_for("JOB_STATUS_CHANGE", &Map::from_iter(concluded)).await?;
    let jobs = session.execute("query-jobs", json!({})).await?;
    session.execute("job-dismiss", json!({ "id": job })).await?;
    close_node(session, node).await?;
    let mut jobs = jobs.as_array().into_iter().flatten();
    let failed = jobs.find(|one| one["id"] == job.as_str()).and_then(|one| one["error"].as_str());
    failed.map_or(Ok(()), |error| Err(DriverError::failed(error)))
}
