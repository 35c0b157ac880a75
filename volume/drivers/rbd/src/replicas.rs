//! The replicas of a backend's volumes: copies that `rbd-mirror` keeps on the first target, by mirror snapshots that are taken here.
//!
//! A replica is never in sync with an image that somebody may write to: it is what the image was at a moment, and that is told.

use crate::cluster::Cluster;
use crate::command_error::CommandError;
use crate::mirror::{self, MirrorSnapshot, Promoted};
use crate::shapes::ImageSnapshot;
use crate::{clones, images, names, records, verification};
use driver::{DriverError, Replica, Verified};
use futures_util::future::join_all;
use model::{BackendId, ReplicatedVolume, VerificationRequest, VolumeId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A mirror snapshot that is on its way for so long is followed by another one, and it is looked why none arrives.
const LONG: Duration = Duration::from_secs(120);

/// What this worker knows of each replica.
#[derive(Default)]
pub(crate) struct KnownReplicas {
    known: Mutex<HashMap<VolumeId, Known>>,
    /// The verification of each that was asked for last.
    verifications: Mutex<HashMap<VolumeId, Verification>>,
}

/// A verification, which goes on between the looks.
struct Verification {
    id: Uuid,
    found: JoinHandle<Result<Option<Verified>, DriverError>>,
}

impl Drop for Verification {
    fn drop(&mut self) {
        self.found.abort();
    }
}

/// What is known of a replica.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The id of the copy's image, when something had last been on its way there.
    copy: Option<String>,
    /// The mirror snapshot that is on its way; a later one that arrives has everything of it.
    on_its_way: Option<MirrorSnapshot>,
    /// When the last one was taken.
    taken: Option<Instant>,
    /// When the newest was taken that has arrived.
    arrived: Option<Instant>,
    /// When the one before it was taken. That is what a promotion serves at least: `rbd-mirror` makes a mirror snapshot of a copy before it
    /// copies into the image what belongs to it (seen with Ceph 16.2), so that it holds what the one before has brought; and to it, the
    /// image is rolled back where the next one is half copied.
    as_of: Option<Instant>,
}

impl Known {
    /// What was on its way has arrived.
    fn arrives(&mut self, snapshot: MirrorSnapshot) {
        self.on_its_way = None;
        self.as_of = self.arrived.replace(snapshot.taken);
    }

    /// The image that is the copy now. In one that was made anew, nothing is of what had arrived before.
    fn is_copied_to(&mut self, copy: Option<String>) {
        if self.copy != copy {
            (self.copy, self.arrived, self.as_of) = (copy, None, None);
        }
    }
}

impl KnownReplicas {
    /// Forgets all: the sides have changed.
    pub fn forget(&self) {
        self.lock().clear();
        self.verifications().clear();
    }

    /// Keeps what is known of these alone.
    fn keep(&self, volumes: &[ReplicatedVolume]) {
        let there: HashSet<_> = volumes.iter().map(|one| one.id).collect();
        self.lock().retain(|id, _| there.contains(id));
        let due: HashSet<_> = volumes.iter().filter_map(|one| Some(one.verification?.id)).collect();
        self.verifications().retain(|_, verification| due.contains(&verification.id));
    }

    fn get(&self, id: VolumeId) -> Option<Known> {
        self.lock().get(&id).cloned()
    }

    /// How long ago a replica's volume was what a promotion serves at least.
    fn age(&self, id: VolumeId) -> Option<Duration> {
        Some(self.lock().get(&id)?.as_of?.elapsed())
    }

    fn set(&self, id: VolumeId, known: Option<Known>) {
        match known {
            Some(known) => self.lock().insert(id, known),
            None => self.lock().remove(&id),
        };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<VolumeId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verifications(&self) -> MutexGuard<'_, HashMap<VolumeId, Verification>> {
        self.verifications.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the verification of a replica that has come to its end.
    fn take_ended(&self, id: VolumeId) -> Option<Verification> {
        let mut all = self.verifications();
        all.get(&id).is_some_and(|one| one.found.is_finished()).then(|| all.remove(&id))?
    }
}

/// The replicas of a backend.
pub(crate) struct Replicating<'a> {
    pub known: &'a KnownReplicas,
    pub backend: BackendId,
    /// The epoch in which the primary serves.
    pub epoch: i64,
    pub from: &'a Arc<Cluster>,
    pub to: &'a Arc<Cluster>,
    /// How old a replica may become before it is brought up to date.
    pub interval: Duration,
}

impl Replicating<'_> {
    /// Brings these up to date where that is due, and tells how old they are.
    pub async fn look(&self, volumes: &[ReplicatedVolume]) -> Vec<Replica> {
        self.known.keep(volumes);
        join_all(volumes.iter().map(|volume| self.look_at(volume))).await
    }

    async fn look_at(&self, volume: &ReplicatedVolume) -> Replica {
        let id = volume.id;
        let mut known = self.known.get(id);
        if let Err(error) = self.bring_on(id, &mut known).await {
            tracing::warn!(volume.id = %id, %error, "replica not brought up to date");
        }
        self.known.set(id, known);
        let verified = match volume.verification {
            Some(asked) if self.known.age(id).is_some() => self.verify(id, asked).await,
            Some(_) | None => None,
        };
        // how much the image has changed since then, the cluster does not tell
        Replica { id, out_of_sync_bytes: 1, age: self.known.age(id), verified }
    }

    /// What the verification that is due has found; begins it, unless it was begun.
    async fn verify(&self, id: VolumeId, asked: VerificationRequest) -> Option<Verified> {
        if let Some(mut ended) = self.known.take_ended(id) {
            match (&mut ended.found).await {
                Ok(Ok(Some(verified))) if verified.id == asked.id => {
                    if verified.differing_bytes > 0 && asked.repair {
                        // it is made anew
                        self.known.set(id, None);
                    }
                    return Some(verified);
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::info!(volume.id = %id, %error, "not verified yet"),
                Err(error) => tracing::error!(volume.id = %id, %error, "a verification failed"),
            }
        }
        let (from, to) = (self.from.clone(), self.to.clone());
        self.known.verifications().entry(id).or_insert_with(|| Verification {
            id: asked.id,
            found: tokio::spawn(async move { verification::verify(&from, &to, id, asked).await }),
        });
        None
    }

    /// Takes a mirror snapshot when that is due, and looks whether the one that is on its way has arrived. What is known stays known
    /// when the target does not answer; when the primary refuses, it is found out anew.
    async fn bring_on(&self, id: VolumeId, known: &mut Option<Known>) -> Result<(), DriverError> {
        let image = names::image(id);
        let mut now = match known.take() {
            Some(now) => now,
            None => {
                self.begin(&image).await?;
                Known::default()
            }
        };
        let is_due =
            now.as_of.is_none() || now.arrived.is_none_or(|at| at.elapsed() >= self.interval);
        let is_late = now.taken.is_some_and(|at| at.elapsed() > LONG);
        if is_due && (now.on_its_way.is_none() || is_late) {
            let taken = mirror::take(self.from, &image).await?;
            now.taken = Some(taken.taken);
            // one that does not come may have been removed: the cluster keeps a few of an image alone
            now.on_its_way = now.on_its_way.or(Some(taken));
        }
        let on_its_way = now.on_its_way;
        let now = known.insert(now);
        if let Some(snapshot) = on_its_way {
            let copy = self.copy(&image, now).await?;
            if copy.as_ref().is_some_and(|copy| mirror::has_arrived(snapshot, copy)) {
                now.arrives(snapshot);
            } else if is_late && copy.is_some() && mirror::is_split(self.to, &image).await? {
                return Err(DriverError::failed(
                    "both sides were written to since they were equal, and nothing is mirrored: a failover to the target while the \
                     primary lives makes it a copy again",
                ));
            }
        }
        Ok(())
    }

    /// The snapshots of an image's copy; `None` when it has not begun to be one.
    async fn copy(
        &self,
        image: &str,
        known: &mut Known,
    ) -> Result<Option<Vec<ImageSnapshot>>, CommandError> {
        known.is_copied_to(images::info(self.to, image).await?.map(|info| info.id));
        match &known.copy {
            // by its name, it could be another by now
            Some(id) => mirror::snapshots_of_id(self.to, id).await,
            None => Ok(None),
        }
    }

    /// Sees that an image is mirrored from here.
    async fn begin(&self, image: &str) -> Result<(), DriverError> {
        let info = images::info(self.from, image).await?;
        let Some(known) = &info else {
            return Err(DriverError::failed(format!("there is no image {image}")));
        };
        if known.parent.is_some() {
            // it would be mirrored together with what it stands on alone
            clones::flatten(self.from, image).await?;
        }
        match mirror::of(info.as_ref()) {
            Some(mirroring) if mirroring.primary => Ok(()),
            // a failover was given up after it had been demoted
            Some(_) => self.promote(image).await,
            None => mirror::enable(self.from, image).await,
        }
    }

    async fn promote(&self, image: &str) -> Result<(), DriverError> {
        // a failover that has begun since this look did has demoted it
        records::require_epoch(self.from, self.backend, self.epoch).await?;
        match mirror::promote(self.from, image).await? {
            Promoted::Whole => Ok(()),
            Promoted::NotYet => {
                Err(DriverError::failed(format!("{image} is primary on another side")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_serves_what_the_one_before_the_last_has_brought() {
        let mut known = Known::default();
        known.is_copied_to(Some("a".to_owned()));
        let (first, second) = (MirrorSnapshot::taken_now(5), MirrorSnapshot::taken_now(7));
        known.arrives(first);
        assert_eq!((known.arrived, known.as_of), (Some(first.taken), None));
        known.is_copied_to(Some("a".to_owned()));
        known.arrives(second);
        assert_eq!((known.arrived, known.as_of), (Some(second.taken), Some(first.taken)));
    }

    #[test]
    fn nothing_is_known_of_a_copy_that_is_made_anew() {
        for anew in [Some("b".to_owned()), None] {
            let mut known = Known { taken: Some(Instant::now()), ..Known::default() };
            known.is_copied_to(Some("a".to_owned()));
            known.arrives(MirrorSnapshot::taken_now(5));
            known.arrives(MirrorSnapshot::taken_now(7));
            known.is_copied_to(anew);
            assert_eq!((known.arrived, known.as_of), (None, None));
            assert!(known.taken.is_some(), "the primary has not changed");
        }
    }
}
