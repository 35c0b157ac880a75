//! The page of what was measured, in sections, each of which is written anew by the target that measures it.

use crate::row::{Grid, Row};
use std::fmt::Write as _;
use std::path::Path;

/// The rows as a table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut table = "| work | measured | budget | of it | |\n|---|---:|---:|---:|---|\n".to_owned();
    for row in rows {
        let Row { work, measured, unit, budget, note, .. } = row;
        let _ = match (budget, row.share()) {
            (Some(budget), Some(share)) => writeln!(
                table,
                "| {work} | {measured:.1} {unit} | {budget:.1} {unit} | {share:.2} | {note} |"
            ),
            _ => writeln!(table, "| {work} | {measured:.1} {unit} | | | {note} |"),
        };
    }
    table
}

/// A grid as a table in Markdown.
pub fn grid(grid: &Grid) -> String {
    let mut table = format!("| | {} |\n|---|", grid.columns.join(" | "));
    table.push_str(&"---:|".repeat(grid.columns.len()));
    table.push('\n');
    for (work, values) in &grid.rows {
        let values: Vec<_> = values.iter().map(|value| number(*value)).collect();
        let _ = writeln!(table, "| {work} | {} |", values.join(" | "));
    }
    table
}

/// Three digits are what such a measurement is worth.
fn number(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    }
}

/// Writes a section of the page in place of the one with the same heading, or at the end.
///
/// # Errors
/// When the page cannot be written.
pub fn write_section(page: &Path, heading: &str, text: &str) -> std::io::Result<()> {
    let known = std::fs::read_to_string(page)?;
    std::fs::write(page, with_section(&known, heading, text))
}

fn with_section(page: &str, heading: &str, text: &str) -> String {
    let line = format!("## {heading}\n");
    let section = format!("{line}\n{}\n", text.trim_end());
    let Some(start) = page.find(&line) else {
        return format!("{}\n\n{section}", page.trim_end());
    };
    let after = start + line.len();
    let end = page[after..].find("\n## ").map_or(page.len(), |end| after + end + 1);
    let rest = &page[end..];
    let gap = if rest.is_empty() { "" } else { "\n" };
    format!("{}{section}{gap}{rest}", &page[..start])
}

/// How far something is from what it is compared with, on a logarithmic scale from a hundredth to ten times.
pub fn plot(bars: &[(&str, f64)], one: &str) -> String {
    const LEFT: f64 = 420.0;
    const DECADE: f64 = 120.0;
    const LINE: usize = 24;
    let x = |share: f64| LEFT + (share.clamp(0.01, 10.0).log10() + 2.0) * DECADE;
    let height = LINE * (bars.len() + 2);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n"
    );
    for (share, label) in [(0.01, "0.01"), (0.1, "0.1"), (1.0, one), (10.0, "10")] {
        let (at, bottom) = (x(share), height - LINE);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.0}\" x2=\"{at:.0}\" y1=\"8\" y2=\"{bottom}\" stroke=\"#bbb\"/>\
             <text x=\"{at:.0}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            bottom + 16
        );
    }
    for (number, (what, share)) in bars.iter().enumerate() {
        let top = LINE * number + 12;
        let width = x(*share) - LEFT;
        let what = what.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{what}</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.0}\" height=\"14\" fill=\"#4477aa\"/>",
            LEFT - 8.0,
            top + 11
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_written_in_its_place() {
        let page = "# Title\n\nWords.\n\n## One\n\nold\n\n## Two\n\nkept\n";
        let written = with_section(page, "One", "new\n");
        assert_eq!(written, "# Title\n\nWords.\n\n## One\n\nnew\n\n## Two\n\nkept\n");
        let last = with_section(&written, "Two", "newer");
        assert_eq!(last, "# Title\n\nWords.\n\n## One\n\nnew\n\n## Two\n\nnewer\n");
        assert!(with_section(&last, "Three", "third").ends_with("newer\n\n## Three\n\nthird\n"));
    }
}
