//! What cinderblock passes, beside what Cinder passes.

use crate::tempest::{Outcome, Results};
use anyhow::Context;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// What came of each test with Cinder: outcome and test, separated by a tab. Recorded with Cinder's own release.
const RECORD: &str = include_str!("cinder.tsv");
/// What is missing in cinderblock, a colon, and a module, class or test that cannot pass without it.
const ABSENT: &str = include_str!("absent.txt");

/// A run beside the record.
pub struct Comparison {
    with_cinder: Counts,
    here: Counts,
    /// Tests that Cinder passes and that do not pass here, for a reason that is stated.
    stated: BTreeMap<&'static str, usize>,
    /// The same without a reason.
    lost: Vec<String>,
    /// Tests that pass although there is a reason why they cannot.
    found: Vec<String>,
}

/// How many tests had which outcome.
#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped => self.skipped += 1,
        }
    }
}

impl Comparison {
    /// Compares the tests that were run with the record of the same; where all were to be run, with the whole record.
    ///
    /// # Errors
    /// When the record is malformed.
    pub fn of(results: &Results, all: bool) -> anyhow::Result<Self> {
        let (record, absent) = (record()?, absent()?);
        let mut comparison = Self {
            with_cinder: Counts::default(),
            here: Counts::default(),
            stated: BTreeMap::new(),
            lost: Vec::new(),
            found: Vec::new(),
        };
        for (test, outcome) in results {
            comparison.here.add(*outcome);
            let with_cinder = record.get(test.as_str()).copied();
            if let Some(with_cinder) = with_cinder {
                comparison.with_cinder.add(with_cinder);
            }
            let reason = absent.iter().find(|(_, what)| is_or_is_within(test, what));
            match (outcome, with_cinder, reason) {
                (Outcome::Passed, _, Some(_)) => comparison.found.push(test.clone()),
                (Outcome::Passed, _, None) => {}
                (_, Some(Outcome::Passed), Some((reason, _))) => {
                    *comparison.stated.entry(*reason).or_default() += 1;
                }
                (Outcome::Failed, _, None) | (_, Some(Outcome::Passed), None) => {
                    comparison.lost.push(test.clone());
                }
                (Outcome::Failed, _, Some(_)) | (Outcome::Skipped, _, _) => {}
            }
        }
        for (test, outcome) in record {
            if all && outcome == Outcome::Passed && !results.contains_key(test) {
                comparison.lost.push(test.to_owned());
            }
        }
        Ok(comparison)
    }

    /// Whether everything that Cinder passes passes here, but for what is stated.
    pub fn holds(&self) -> bool {
        self.lost.is_empty() && self.found.is_empty()
    }
}

fn record() -> anyhow::Result<BTreeMap<&'static str, Outcome>> {
    let lines = RECORD.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (outcome, test) = line.split_once('\t').with_context(|| line.to_owned())?;
            Ok((test, Outcome::parse(outcome).with_context(|| line.to_owned())?))
        })
        .collect()
}

fn absent() -> anyhow::Result<Vec<(&'static str, &'static str)>> {
    let lines = ABSENT.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(": ").with_context(|| line.to_owned())).collect()
}

/// Whether a test is the one that is named, or one of the class or module that is.
fn is_or_is_within(test: &str, named: &str) -> bool {
    test.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| tests | Cinder | cinderblock |\n|---|---:|---:|")?;
        for (what, cinder, here) in [
            ("pass", self.with_cinder.passed, self.here.passed),
            ("fail", self.with_cinder.failed, self.here.failed),
            ("are skipped", self.with_cinder.skipped, self.here.skipped),
        ] {
            writeln!(f, "| {what} | {cinder} | {here} |")?;
        }
        writeln!(f)?;
        for (reason, tests) in &self.stated {
            writeln!(f, "{tests} need {reason}")?;
        }
        for test in &self.lost {
            writeln!(f, "FAILS, and Cinder does not: {test}")?;
        }
        for test in &self.found {
            writeln!(f, "PASSES, and tests/conformance/absent.txt says that it cannot: {test}")?;
        }
        Ok(())
    }
}
