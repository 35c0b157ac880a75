//! The move of one image from one side to the other, while both live.

use crate::cluster::Cluster;
use crate::mirror::{self, MirrorSnapshot, Promoted};
use crate::shapes::ImageInfo;
use crate::{clones, copies, images, watchers};
use driver::DriverError;
use model::VolumeId;
use std::time::{Duration, Instant};

/// How long a mirror snapshot may be on its way, while the other side makes no progress.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(120);
/// How often it is looked whether what does not arrive cannot.
const SPLIT_INTERVAL: Duration = Duration::from_secs(10);
/// How often it is looked whether something has arrived.
const PAUSE: Duration = Duration::from_millis(500);

/// The move of an image.
pub(crate) struct ImageMove<'a> {
    pub from: &'a Cluster,
    pub to: &'a Cluster,
    pub id: VolumeId,
    pub image: String,
    /// Whether it is mirrored back afterwards.
    pub stays_mirrored: bool,
}

/// How far a move has come when nothing is missing but what is written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brought {
    /// The image can be cut over.
    ReadyToCutOver,
    /// An earlier attempt has come to the end.
    IsThere,
}

impl ImageMove<'_> {
    /// Brings everything over that there is now; servers go on to write.
    pub async fn bring(&self) -> Result<Brought, DriverError> {
        let image = &self.image;
        let (here, there) =
            tokio::try_join!(images::info(self.from, image), images::info(self.to, image))?;
        let is_primary = |info: Option<&ImageInfo>| mirror::of(info).map(|one| one.primary);
        let (ours, theirs) = (is_primary(here.as_ref()), is_primary(there.as_ref()));
        match (ours, theirs) {
            // an earlier attempt has cut it over
            (Some(false), Some(true)) => return Ok(Brought::ReadyToCutOver),
            // and ended its mirroring
            (None | Some(false), None)
                if there.is_some()
                    && (here.is_none() || ours == Some(false))
                    && !self.stays_mirrored =>
            {
                return Ok(Brought::IsThere);
            }
            (None, Some(true)) => return Err(self.is_another()),
            (_, None) if there.is_some() => return Err(self.is_another()),
            (_, Some(_) | None) => self.mirror_from_here(here.as_ref()).await?,
        }
        if theirs == Some(true) {
            self.make_copy().await?;
        }
        let snapshot = mirror::take(self.from, image).await?;
        self.wait_for(snapshot).await?;
        Ok(Brought::ReadyToCutOver)
    }

    fn is_another(&self) -> DriverError {
        DriverError::failed(format!("on the target there is {} of another origin", self.image))
    }

    /// An image that was primary on both sides becomes a copy on the other one: whoever writes to it there is cut off.
    async fn make_copy(&self) -> Result<(), DriverError> {
        let image = &self.image;
        tracing::warn!(image, "it was primary where it was left: it becomes a copy");
        watchers::cut_off(self.to, image).await?;
        mirror::demote(self.to, image).await?;
        Ok(mirror::resync(self.to, image).await?)
    }

    async fn mirror_from_here(&self, here: Option<&ImageInfo>) -> Result<(), DriverError> {
        let image = &self.image;
        let Some(known) = here else {
            return Err(DriverError::failed(format!("there is no image {image}")));
        };
        if known.parent.is_some() {
            // it would be mirrored together with what it stands on alone
            clones::flatten(self.from, image).await?;
        }
        match mirror::of(here) {
            Some(mirroring) if mirroring.primary => Ok(()),
            // an attempt was given up after it had been demoted
            Some(_) => match mirror::promote(self.from, image).await? {
                Promoted::Whole => Ok(()),
                Promoted::NotYet => {
                    Err(DriverError::failed(format!("{image} is primary on neither side")))
                }
            },
            None => mirror::enable(self.from, image).await,
        }
    }

    /// Waits until a mirror snapshot is there, for as long as there is progress.
    async fn wait_for(&self, snapshot: MirrorSnapshot) -> Result<(), DriverError> {
        let image = &self.image;
        let (mut seen, mut progressed, mut examined) = (None, Instant::now(), Instant::now());
        loop {
            let copy = mirror::snapshots(self.to, image).await?;
            if copy.as_ref().is_some_and(|copy| mirror::has_arrived(snapshot, copy)) {
                return Ok(());
            }
            if copy != seen {
                (seen, progressed) = (copy, Instant::now());
            }
            if progressed.elapsed() > ARRIVAL_TIMEOUT {
                return Err(DriverError::failed(format!("{image} does not arrive on the target")));
            }
            if examined.elapsed() > SPLIT_INTERVAL {
                examined = Instant::now();
                if seen.is_some() && mirror::is_split(self.to, image).await? {
                    self.make_copy().await?;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Nobody writes to the image on this side any more, and when the rest has come, on the other one everybody may.
    pub async fn cut_over(&self) -> Result<(), DriverError> {
        let image = &self.image;
        watchers::cut_off(self.from, image).await?;
        mirror::demote(self.from, image).await?;
        // of what was complete before, that it succeeds is the proof that nothing is missing
        promote_in_time(self.to, image).await
    }

    /// The side that serves goes on to do so.
    pub async fn take_back(&self) {
        let image = &self.image;
        if let Err(error) = mirror::demote(self.to, image).await {
            // nobody was told of it there; if it is primary, it becomes a copy with the next failover
            tracing::warn!(image, %error, "not demoted where it was to go");
        }
        if let Err(error) = promote_in_time(self.from, image).await {
            tracing::error!(image, %error, "not taken back after a failover that failed");
        }
    }

    /// The image is where it belongs: it is not mirrored any more, and nothing of it stays where it was.
    pub async fn end(&self) -> Result<(), DriverError> {
        mirror::disable(self.to, &self.image).await?;
        copies::remove(self.from, &self.image).await
    }
}

async fn promote_in_time(cluster: &Cluster, image: &str) -> Result<(), DriverError> {
    let began = Instant::now();
    while mirror::promote(cluster, image).await? == Promoted::NotYet {
        if began.elapsed() > ARRIVAL_TIMEOUT {
            return Err(DriverError::failed(format!("{image} cannot be promoted in time")));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
