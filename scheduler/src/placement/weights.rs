//! Weighers: which of the remaining candidates is best.

use super::candidate::Candidate;
use configuration::SchedulerConfig;
use std::cmp::Ordering;

/// The multiplier of each weigher. A negative multiplier reverses its order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    /// Multiplier of the available capacity.
    capacity: f64,
    /// Multiplier of the number of volumes.
    volume_number: f64,
}

impl Weights {
    pub fn new(config: &SchedulerConfig) -> Self {
        Self {
            capacity: config.capacity_weight_multiplier,
            volume_number: config.volume_number_multiplier,
        }
    }

    /// Sorts places, best first; by name where they are equally good, so that the choice is the same on
    /// every scheduler.
    pub(super) fn sort(self, candidates: &mut [Candidate<'_>]) {
        let capacity = Scale::of(candidates.iter().map(Candidate::available_gb));
        let volumes = Scale::of(candidates.iter().map(Candidate::volumes));
        let weight = |candidate: &Candidate<'_>| {
            self.capacity * capacity.part(candidate.available_gb())
                + self.volume_number * volumes.part(candidate.volumes())
        };
        candidates.sort_by(|left, right| {
            weight(right).total_cmp(&weight(left)).then_with(|| by_name(left, right))
        });
    }
}

fn by_name(left: &Candidate<'_>, right: &Candidate<'_>) -> Ordering {
    let name =
        |candidate: &Candidate<'_>| (candidate.backend.name.clone(), candidate.pool.name.clone());
    name(left).cmp(&name(right))
}

impl Candidate<'_> {
    fn volumes(&self) -> f64 {
        self.pool.total_volumes as f64
    }
}

/// The values of a measure, so that measures of different kinds can be added.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        Self { least, most: values.fold(f64::NEG_INFINITY, f64::max) }
    }

    /// From 0 for the least value to 1 for the largest.
    fn part(&self, value: f64) -> f64 {
        let width = self.most - self.least;
        if width > 0.0 { (value - self.least) / width } else { 0.0 }
    }
}
