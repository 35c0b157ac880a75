//! Output: tables for people, JSON for programs.

use serde::Serialize;
use std::io::Write;

/// How answers are printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// For programs.
    pub json: bool,
}

impl Output {
    /// Prints rows: as JSON, or these cells of each under the headings.
    pub fn rows<T: Serialize>(
        self,
        rows: &[T],
        headings: &[&str],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> anyhow::Result<()> {
        if self.json {
            return line(&serde_json::to_string_pretty(rows)?);
        }
        let mut lines = vec![headings.iter().map(|heading| (*heading).to_owned()).collect()];
        lines.extend(rows.iter().map(cells));
        for row in aligned(&lines) {
            line(&row)?;
        }
        Ok(())
    }

    /// Prints one thing: as JSON, or its facts one below the other.
    pub fn facts<T: Serialize>(self, thing: &T, facts: &[(&str, String)]) -> anyhow::Result<()> {
        if self.json {
            return line(&serde_json::to_string_pretty(thing)?);
        }
        let lines: Vec<Vec<String>> =
            facts.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
        for row in aligned(&lines) {
            line(&row)?;
        }
        Ok(())
    }

    /// Prints a message, unless the output is JSON; programs read the exit code.
    pub fn say(self, text: &str) -> anyhow::Result<()> {
        if self.json { Ok(()) } else { line(text) }
    }
}

/// Prints a text as it is, for people and programs alike.
pub fn text(text: &str) -> anyhow::Result<()> {
    Ok(write!(std::io::stdout().lock(), "{text}")?)
}

fn line(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// Prints an error.
pub fn print_error(text: &str) {
    // there is no other output if this fails
    let _ = writeln!(std::io::stderr(), "cinderblock-manage: {text}");
}

/// Lines whose cells begin in the same columns.
fn aligned(lines: &[Vec<String>]) -> Vec<String> {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|cells| cells.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let join = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_begin_in_the_same_columns() {
        let line = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let lines = [line(&["name", "state"]), line(&["host@ssd", "up"])];
        assert_eq!(aligned(&lines), ["name      state", "host@ssd  up"]);
        assert!(aligned(&[]).is_empty());
    }
}
