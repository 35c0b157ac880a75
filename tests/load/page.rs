//! The page of what was measured, and its plot.

use crate::bench::Row;
use std::fmt::Write as _;

/// The rows as a table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut table = "| work | measured | budget | of it | |\n|---|---:|---:|---:|---|\n".to_owned();
    for row in rows {
        let Row { work, measured, unit, budget, note, .. } = row;
        let share = row.share();
        let _ = writeln!(
            table,
            "| {work} | {measured:.1} {unit} | {budget:.1} {unit} | {share:.2} | {note} |"
        );
    }
    table
}

/// The page.
pub fn page(table: &str, machine: &str) -> String {
    format!(
        "# Performance\n\n\
         Written by `make bench`: release builds, the three services, PostgreSQL (it waits for the disk), RabbitMQ and the\n\
         generator on one machine ({machine}), the driver `fake`, one project with limited quota. Machines like this one\n\
         are shared: trust ratios within one run. *Of it* is the share of the budget that is reached: 1 is the budget,\n\
         more is better.\n\n{table}\n![the share of the budget that each row reaches](performance.svg)\n"
    )
}

/// The share of its budget that each row reaches, on a logarithmic scale from a hundredth to ten times.
pub fn plot(rows: &[Row]) -> String {
    const LEFT: f64 = 420.0;
    const DECADE: f64 = 120.0;
    const LINE: usize = 24;
    let x = |share: f64| LEFT + (share.clamp(0.01, 10.0).log10() + 2.0) * DECADE;
    let height = LINE * (rows.len() + 2);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n"
    );
    for (share, label) in [(0.01, "0.01"), (0.1, "0.1"), (1.0, "budget"), (10.0, "10")] {
        let (at, bottom) = (x(share), height - LINE);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.0}\" x2=\"{at:.0}\" y1=\"8\" y2=\"{bottom}\" stroke=\"#bbb\"/>\
             <text x=\"{at:.0}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            bottom + 16
        );
    }
    for (number, row) in rows.iter().enumerate() {
        let top = LINE * number + 12;
        let width = x(row.share()) - LEFT;
        let work = row.work.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{work}</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.0}\" height=\"14\" fill=\"#4477aa\"/>",
            LEFT - 8.0,
            top + 11
        );
    }
    svg.push_str("</svg>\n");
    svg
}
