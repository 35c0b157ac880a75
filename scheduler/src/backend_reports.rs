//! The scheduler's copy of the backends' rows, refreshed from the database every second and
//! updated by every capacity report, so that placement needs no query. Admission does not use it.
//!
//! What is allocated on the backends is a sum over all volumes. It is read again now and then, and when nothing fits;
//! between two reads the scheduler adds what it promises.
//!
//! A report from a backend that is up changes nothing else and is taken over as it is. From one that was down,
//! or is not known, it tells that the row has changed, and the rows are read again: once for all that report
//! at the same moment.

use bus::serve::Receive;
use bus::{BackendReported, Context};
use database::{Database, DbError, backends};
use model::{Backend, BackendReport, Condition, Error, Placement, Result};
use serde_json::{Map, Value, json};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// After so many refreshes the sums are read, too.
const REFRESHES_PER_SUM: u32 = 30;

/// The backends as they were a moment ago.
pub(crate) struct BackendReports {
    database: Database,
    known: RwLock<Known>,
    /// One read of the database at a time.
    reading: Mutex<()>,
}

#[derive(Default)]
struct Known {
    backends: Vec<Backend>,
    /// How many reads of the database have begun.
    reads_begun: u64,
    /// The newest of them that has ended well.
    newest_read: u64,
    /// What was promised since the last read began: that read may not have seen it.
    promised: Vec<(Placement, i32)>,
}

impl BackendReports {
    /// Reads the backends for the first time.
    pub async fn load(database: Database) -> Result<Self, DbError> {
        let reports = Self { database, known: RwLock::default(), reading: Mutex::default() };
        reports.fresh().await?;
        Ok(reports)
    }

    /// The backends as they were a moment ago.
    pub fn recent(&self) -> Vec<Backend> {
        self.look(|known| known.backends.clone())
    }

    /// The backends as they are now. Those who ask at the same moment share one read.
    pub async fn fresh(&self) -> Result<Vec<Backend>, DbError> {
        let begun_before = self.look(|known| known.reads_begun);
        let _reading = self.reading.lock().await;
        // another one may have read while this one waited
        if self.look(|known| known.newest_read <= begun_before) {
            self.read().await?;
        }
        Ok(self.recent())
    }

    /// Reads the database into the copy; `true` when something was promised meanwhile.
    async fn read(&self) -> Result<bool, DbError> {
        let number = self.change(Known::begin_read);
        let backends = backends::list_with_allocation(&self.database).await?;
        Ok(self.change(|known| known.end_read(number, backends)))
    }

    /// Reserves capacity for a new volume until the next refresh reads it from the database. Size in GiB.
    pub fn reserve_capacity(&self, place: &Placement, size_gb: i32) {
        self.change(|known| known.reserve_capacity(place, size_gb));
    }

    /// What placement sees of each backend, for the health check.
    pub fn describe(&self) -> Map<String, Value> {
        let describe = |backend: &Backend| {
            let conditions: Vec<&str> =
                backend.conditions.iter().map(|condition| condition.as_str()).collect();
            let seen = json!({ "conditions": conditions, "reports": backend.report.is_some() });
            (backend.name.clone(), seen)
        };
        let seen: Map<String, Value> =
            self.look(|known| known.backends.iter().map(describe).collect());
        [("backends".to_owned(), seen.into())].into_iter().collect()
    }

    /// Refreshes the copy every second until the process stops.
    pub async fn refresh_regularly(&self, stopping: CancellationToken) {
        fail::fail_point!("scheduler.refresh", |_| ());
        for refresh in 1_u32.. {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(REFRESH_INTERVAL) => {}
            }
            let refreshed = if refresh.is_multiple_of(REFRESHES_PER_SUM) {
                self.refresh_sums().await
            } else {
                self.refresh_rows().await
            };
            if let Err(error) = refreshed {
                tracing::warn!(%error, "the backends were not read again");
            }
        }
    }

    /// Reads the rows of the backends, at a cost that does not grow with the volumes.
    async fn refresh_rows(&self) -> Result<(), DbError> {
        let reading = self.reading.lock().await;
        let backends = backends::list(&self.database).await?;
        if self.change(|known| known.take_over_rows(backends)) {
            return Ok(());
        }
        drop(reading);
        self.refresh_sums().await
    }

    async fn refresh_sums(&self) -> Result<(), DbError> {
        let _reading = self.reading.lock().await;
        if self.read().await? {
            // once more, so that what was promised meanwhile does not count twice until the next read
            self.read().await?;
        }
        Ok(())
    }

    fn look<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    /// Returns the number of the read that begins.
    fn begin_read(&mut self) -> u64 {
        self.promised.clear();
        self.reads_begun += 1;
        self.reads_begun
    }

    /// Takes over what was read; `true` when something was promised meanwhile. It is counted on top, as it may not
    /// have been there yet; where it was, it counts twice until the next read.
    fn end_read(&mut self, number: u64, backends: Vec<Backend>) -> bool {
        self.backends = backends;
        self.newest_read = number;
        let promised = self.promised.clone();
        for (place, size_gb) in &promised {
            self.count_in(place, *size_gb);
        }
        !promised.is_empty()
    }

    /// Takes over rows that were read without sums, which stay as they are; `false`, and nothing is taken over, when there
    /// is a backend whose sums are not known.
    fn take_over_rows(&mut self, mut backends: Vec<Backend>) -> bool {
        for backend in &mut backends {
            let known = self.backends.iter().find(|known| known.id == backend.id);
            let Some(known) = known else { return false };
            backend.allocated_gb.clone_from(&known.allocated_gb);
        }
        self.backends = backends;
        true
    }

    fn reserve_capacity(&mut self, place: &Placement, size_gb: i32) {
        self.count_in(place, size_gb);
        self.promised.push((place.clone(), size_gb));
    }

    fn count_in(&mut self, place: &Placement, size_gb: i32) {
        if let Some(backend) = self.backends.iter_mut().find(|known| known.id == place.backend_id) {
            *backend.allocated_gb.entry(place.pool.clone()).or_default() += f64::from(size_gb);
        }
    }

    /// Takes over a report; `false` when it tells of more than the report: of a backend that is not known, or
    /// that was down.
    fn take_over(&mut self, name: &str, report: BackendReport) -> bool {
        let known = self.backends.iter_mut().find(|backend| backend.name == name);
        match known {
            Some(backend) if !backend.conditions.contains(&Condition::Down) => {
                backend.report = Some(report);
                true
            }
            _ => false,
        }
    }
}

impl Receive for BackendReports {
    type Message = BackendReported;
    type Reply = ();

    async fn receive(
        self: &Arc<Self>,
        _context: Context,
        BackendReported { backend, report }: BackendReported,
    ) -> Result<(), Error> {
        // who reports is up: report and condition change together, or a backend that has just come up would be passed over
        // until the next refresh
        if !self.change(|known| known.take_over(&backend, report)) {
            self.fresh().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::tests::backend;
    use model::BackendId;

    fn known(backends: Vec<Backend>) -> Known {
        Known { backends, ..Known::default() }
    }

    #[test]
    fn a_report_never_makes_a_backend_half_known() {
        let mut known =
            known(vec![backend("up", 50.0, &[]), backend("down", 50.0, &[Condition::Down])]);
        let report = backend("x", 7.0, &[]).report.unwrap();
        assert!(known.take_over("up", report.clone()));
        assert_eq!(known.backends[0].report.as_ref(), Some(&report));
        for name in ["down", "unknown"] {
            assert!(!known.take_over(name, report.clone()), "{name}");
        }
        assert_ne!(known.backends[1].report.as_ref(), Some(&report));
        assert_eq!(known.backends.len(), 2);
    }

    #[test]
    fn rows_without_sums_change_no_sum() {
        let mut read = vec![backend("a", 50.0, &[])];
        read[0].allocated_gb.insert("pool".to_owned(), 7.0);
        let mut known = known(read.clone());
        read[0].allocated_gb.clear();
        read[0].conditions = vec![Condition::Frozen];
        assert!(known.take_over_rows(read.clone()));
        assert_eq!(known.backends[0].conditions, [Condition::Frozen]);
        assert_eq!(known.backends[0].allocated_gb.get("pool"), Some(&7.0));
        // what is allocated on one that is new must be read
        read.push(backend("b", 50.0, &[]));
        assert!(!known.take_over_rows(read));
        assert_eq!(known.backends.len(), 1);
    }

    #[test]
    fn what_was_promised_during_a_read_survives_it() {
        let read = vec![backend("a", 50.0, &[])];
        let mut known = known(read.clone());
        let place = |backend_id: BackendId| Placement {
            backend_id,
            pool: "pool".to_owned(),
            availability_zone: "nova".to_owned(),
        };
        let promised = |known: &Known| known.backends[0].allocated_gb.get("pool").copied();
        known.reserve_capacity(&place(read[0].id), 3);
        let number = known.begin_read();
        known.reserve_capacity(&place(read[0].id), 5);
        assert_eq!(promised(&known), Some(8.0));
        // the first one is in what was read, had it been admitted; the second one may not be
        assert!(known.end_read(number, read.clone()));
        assert_eq!(promised(&known), Some(5.0));
        let number = known.begin_read();
        assert!(!known.end_read(number, read));
        assert_eq!(promised(&known), None);
    }
}
