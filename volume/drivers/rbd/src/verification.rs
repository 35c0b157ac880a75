//! Verification of a replica: a snapshot of the volume, which goes to the target with a mirror snapshot, is read on both sides.

use crate::cluster::Cluster;
use crate::names::Purpose;
use crate::{mirror, mirrored_snapshot, names};
use driver::{DriverError, Verified};
use model::{VerificationRequest, VolumeId};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much is compared at once, in bytes.
const CHUNK: usize = 4 << 20;

/// Compares a replica with its volume; what differs is made anew, if that is asked for. `None` when what is to be compared does not
/// arrive.
pub(crate) async fn verify(
    from: &Cluster,
    to: &Cluster,
    id: VolumeId,
    asked: VerificationRequest,
) -> Result<Option<Verified>, DriverError> {
    let image = names::image(id);
    let compare = async |snapshot: &str| compare(from, to, &image, snapshot).await;
    let compared =
        mirrored_snapshot::with_one((from, to), &image, Purpose::Verification, compare).await?;
    let Some(differing_bytes) = compared else { return Ok(None) };
    if differing_bytes > 0 {
        tracing::error!(volume.id = %id, differing_bytes, verify.repair = asked.repair, "verified: different");
        if asked.repair {
            mirror::resync(to, &image).await?;
        }
    }
    Ok(Some(Verified { id: asked.id, differing_bytes }))
}

/// How much differs between a snapshot here and there, in bytes.
async fn compare(
    from: &Cluster,
    to: &Cluster,
    image: &str,
    snapshot: &str,
) -> Result<u64, DriverError> {
    let (mut here, mut there) =
        (from.export(image, Some(snapshot))?, to.export(image, Some(snapshot))?);
    let (mut ours, mut theirs) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut differing = 0;
    loop {
        let read = tokio::try_join!(
            fill(&mut here.content, &mut ours),
            fill(&mut there.content, &mut theirs)
        );
        let (ours_read, theirs_read) =
            read.map_err(|error| DriverError::failed(error.to_string()))?;
        let pairs = ours[..ours_read].iter().zip(&theirs[..theirs_read]);
        differing += pairs.filter(|(ours, theirs)| ours != theirs).count() as u64;
        differing += ours_read.abs_diff(theirs_read) as u64;
        if ours_read < CHUNK && theirs_read < CHUNK {
            break;
        }
    }
    here.end().await?;
    there.end().await?;
    Ok(differing)
}

/// Fills a buffer as far as there is something left; returns how far.
async fn fill(from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]).await? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
