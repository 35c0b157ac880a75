//! What was measured, beside what it must come to.

/// One row of a table.
pub struct Row {
    /// What is done.
    pub work: &'static str,
    /// What it came to.
    pub measured: f64,
    /// In what.
    pub unit: &'static str,
    /// What it must come to; `None` for what is a limit, and no work of ours.
    pub budget: Option<f64>,
    /// Whether that is the most, and not the least.
    pub is_cost: bool,
    /// What else was seen.
    pub note: String,
}

impl Row {
    /// So many of something in a second; the more the better.
    pub fn rate(work: &'static str, measured: f64, budget: f64, note: String) -> Self {
        Self { work, measured, unit: "/s", budget: Some(budget), is_cost: false, note }
    }

    /// What something takes; the less the better.
    pub fn cost(work: &'static str, measured: f64, unit: &'static str, budget: f64) -> Self {
        Self { work, measured, unit, budget: Some(budget), is_cost: true, note: String::new() }
    }

    /// What bounds the others.
    pub fn limit(work: &'static str, measured: f64) -> Self {
        Self { work, measured, unit: "/s", budget: None, is_cost: false, note: String::new() }
    }

    /// The share of the budget that is reached; 1 is the budget, more is better.
    pub fn share(&self) -> Option<f64> {
        let budget = self.budget?;
        Some(if self.is_cost { budget / self.measured } else { self.measured / budget })
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { work, measured, unit, note, .. } = self;
        write!(formatter, "{work}: {measured:.1} {unit} {note}")
    }
}

/// Tells what was measured as soon as it is known: the tables come at the end of a long run.
pub fn told(rows: impl IntoIterator<Item = Row>) -> impl Iterator<Item = Row> {
    rows.into_iter().inspect(|row| progress(row))
}

/// A line for who waits.
#[expect(clippy::print_stderr, reason = "progress, for who waits")]
pub fn progress(line: impl std::fmt::Display) {
    eprintln!("{line}");
}

/// The same work under several circumstances, one a column.
pub struct Grid {
    /// What the columns are.
    pub columns: Vec<String>,
    /// What was measured, and what it came to.
    pub rows: Vec<(String, Vec<f64>)>,
}
