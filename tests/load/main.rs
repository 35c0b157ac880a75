//! `load`: how fast cinderblock is, and what that takes, beside the budget of the architecture. Release builds of the
//! services on private servers that write durably; the generator runs on the same machine.

mod budget;
mod calls;
mod generator;
mod limits;
mod machine;
mod page;
mod row;
mod scale;
mod strangers;
mod system;

use clap::{Parser, Subcommand};
use harness::files;
use row::Row;
use std::time::Duration;
use system::System;

/// Measures cinderblock on private servers
#[derive(Parser)]
#[command(name = "load")]
struct CommandLine {
    #[command(subcommand)]
    what: What,
    /// Two seconds a measurement, ten thousand volumes at most, and nothing is written
    #[arg(long, global = true)]
    quick: bool,
}

#[derive(Subcommand)]
enum What {
    /// Every row of the budget, beside what bounds it
    Budget,
    /// The same work at a hundred, ten thousand and a million volumes
    Scale,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let CommandLine { what, quick } = CommandLine::parse();
    let sections = match what {
        What::Budget => budget(Duration::from_secs(if quick { 2 } else { 10 })).await?,
        What::Scale if quick => scale(Duration::from_secs(2), &scale::Sizes::QUICK).await?,
        What::Scale => scale(Duration::from_secs(5), &scale::Sizes::FULL).await?,
    };
    for Section { heading, text, .. } in &sections {
        #[expect(clippy::print_stdout, reason = "this is what was asked for")]
        {
            println!("{heading}\n\n{text}");
        }
    }
    if !quick {
        sections.iter().try_for_each(Section::write)?;
    }
    Ok(())
}

/// A section of `docs/performance.md`, with its plot.
struct Section {
    heading: &'static str,
    text: String,
    plot: Option<(&'static str, String)>,
}

impl Section {
    fn write(&self) -> anyhow::Result<()> {
        let docs = files::repository().join("docs");
        let mut text = format!("Measured on {}.\n\n{}", machine::description()?, self.text);
        if let Some((name, plot)) = &self.plot {
            std::fs::write(docs.join(name), plot)?;
            text = format!("{text}\n![{}]({name})\n", self.heading);
        }
        Ok(page::write_section(&docs.join("performance.md"), self.heading, &text)?)
    }
}

async fn budget(time: Duration) -> anyhow::Result<Vec<Section>> {
    let mut system =
        System::start(time, |cluster| cluster.backend(scale::large("a".to_owned()))).await?;
    let measured = async {
        let mut rows = budget::measure(&system).await?;
        rows.extend(strangers::measure(&mut system).await?);
        let limits = limits::measure(&system).await?;
        let calls = calls::measure(&system).await?;
        anyhow::Ok((rows, limits, calls))
    };
    let measured = measured.await;
    system.stop()?;
    let (mut rows, limits, calls) = measured?;
    let plot = page::plot(&shares(&rows), "budget");
    rows.extend(limits);
    Ok(vec![
        Section {
            heading: "The budget",
            text: page::table(&rows),
            plot: Some(("performance.svg", plot)),
        },
        Section { heading: "Calls over the broker", text: page::grid(&calls), plot: None },
    ])
}

async fn scale(time: Duration, sizes: &scale::Sizes) -> anyhow::Result<Vec<Section>> {
    let mut system = System::start(time, scale::backends).await?;
    let measured = scale::measure(&mut system, sizes).await;
    system.stop()?;
    let measured = measured?;
    let growth: Vec<_> = measured
        .growth
        .rows
        .iter()
        .filter_map(|(work, values)| Some((work.as_str(), values.last()? / values.first()?)))
        .collect();
    Ok(vec![
        Section {
            heading: "How it grows",
            text: page::grid(&measured.growth),
            plot: Some(("growth.svg", page::plot(&growth, "the same"))),
        },
        Section {
            heading: "With a million volumes",
            text: page::table(&measured.rows),
            plot: None,
        },
    ])
}

fn shares(rows: &[Row]) -> Vec<(&str, f64)> {
    rows.iter().filter_map(|row| Some((row.work, row.share()?))).collect()
}
