//! `load`: how fast cinderblock is, and what that takes, beside the budget of the architecture. Release builds of the
//! services on private servers that write durably; the generator runs on the same machine.

mod bench;
mod generator;
mod machine;
mod page;

use bench::Bench;
use clap::Parser;
use harness::files;
use std::time::Duration;

/// Measures every row of the budget, on private servers
#[derive(Parser)]
#[command(name = "load")]
struct CommandLine {
    /// Two seconds a row instead of ten, and no page
    #[arg(long)]
    quick: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let quick = CommandLine::parse().quick;
    let bench = Bench::start(Duration::from_secs(if quick { 2 } else { 10 })).await?;
    let rows = bench.measure().await;
    bench.stop()?;
    let rows = rows?;
    let table = page::table(&rows);
    #[expect(clippy::print_stdout, reason = "this is what was asked for")]
    {
        println!("{table}");
    }
    if !quick {
        let docs = files::repository().join("docs");
        std::fs::write(docs.join("performance.svg"), page::plot(&rows))?;
        std::fs::write(docs.join("performance.md"), page::page(&table, &machine::description()?))?;
    }
    Ok(())
}
