//! `disaster`: the primary burns under servers that overwrite their volumes, again and again, with whatever else can go wrong at the
//! same time. Nothing that was acknowledged is missing where a replica was said to be in sync; nothing is served that a volume never
//! was; and the last copy of none is destroyed.

#![expect(clippy::print_stdout, reason = "this is what was asked for")]

mod nbd;
mod overwriter;
mod recovery;
mod round;
mod trouble;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use futures_util::StreamExt as _;
use harness::files;
use harness::interruption::interrupted;
use round::{Fate, Report, live_through};
use std::fmt::Write as _;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

/// Burns the primary of a replicated backend, and checks what is left
#[derive(Parser)]
#[command(name = "disaster")]
struct CommandLine {
    /// Write what came of it to docs/reliability.md
    #[arg(long, global = true)]
    record: bool,

    #[command(subcommand)]
    about: About,
}

#[derive(Subcommand)]
enum About {
    /// Many disasters under servers that write, with whatever else can go wrong
    Survive(Survive),
    /// How long failovers and ways home take
    Recover {
        /// For so many volumes
        #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100])]
        volumes: Vec<usize>,
    },
}

#[derive(Args)]
struct Survive {
    /// How many disasters
    #[arg(long, default_value_t = 300)]
    rounds: u64,
    /// The seed of the first one; the others have those that follow
    #[arg(long)]
    seed: Option<u64>,
    /// How many at once
    #[arg(long, default_value_t = 2)]
    parallel: usize,
}

/// What many disasters came to.
#[derive(Default)]
struct Tally {
    disasters: usize,
    in_sync: usize,
    writes: usize,
    named: usize,
    lost: usize,
    most_lost: usize,
    violations: Vec<String>,
}

impl Tally {
    fn add(&mut self, seed: u64, lived: anyhow::Result<Report>) {
        self.disasters += 1;
        let Report { troubles, loss, fates } = match lived {
            Ok(report) => report,
            Err(violation) => {
                println!("seed {seed}: {violation:#}");
                self.violations.push(format!("seed {seed}: {violation:#}"));
                return;
            }
        };
        let mut line = format!("seed {seed}: {troubles:?}, {loss:?}:");
        for fate in fates {
            match fate {
                Fate::InSync(writes) => {
                    self.in_sync += 1;
                    self.writes += writes;
                    let _ = write!(line, " {writes} safe;");
                }
                Fate::Named(lost) => {
                    self.named += 1;
                    self.lost += lost;
                    self.most_lost = self.most_lost.max(lost);
                    let _ = write!(line, " named, {lost} lost;");
                }
            }
        }
        println!("{line}");
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let CommandLine { record, about } = CommandLine::parse();
    let (section, text, holds) = tokio::select! {
        done = carry_out(about) => done?,
        interrupted = interrupted() => { interrupted?; anyhow::bail!("interrupted") }
    };
    println!("{text}");
    if record {
        write_down(section, &text)?;
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The section of the document that it is for, its text, and whether everything holds.
async fn carry_out(about: About) -> anyhow::Result<(&'static str, String, bool)> {
    match about {
        About::Recover { volumes } => Ok(("recovery", recovery::table(&volumes).await?, true)),
        About::Survive(Survive { rounds, seed, parallel }) => {
            let first = seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
            let began = Instant::now();
            let tally = survive(first..first.saturating_add(rounds), parallel).await;
            let text = told(&tally, first, began.elapsed().as_secs());
            Ok(("disasters", text, tally.violations.is_empty()))
        }
    }
}

async fn survive(seeds: Range<u64>, parallel: usize) -> Tally {
    let lived = |seed| async move { (seed, live_through(seed).await) };
    let mut each = futures_util::stream::iter(seeds.map(lived)).buffer_unordered(parallel);
    let mut tally = Tally::default();
    while let Some((seed, lived)) = each.next().await {
        tally.add(seed, lived);
    }
    tally
}

fn told(tally: &Tally, first: u64, seconds: u64) -> String {
    let Tally { disasters, in_sync, writes, named, lost, most_lost, violations } = tally;
    let mut text = format!(
        "| | |\n|---|---:|\n| disasters, from seed {first} on, in {seconds} s | {disasters} |\n\
         | volumes that were said to be in sync | {in_sync} |\n\
         | writes acknowledged to them, all of which are there | {writes} |\n\
         | volumes that were named as ones that may lack writes | {named} |\n\
         | acknowledged writes that they lack, as they were at one moment | {lost} |\n\
         | the most that one of them lacks | {most_lost} |\n\
         | disasters in which an acknowledged write is missing of what was said to be in sync, an image is served that the volume never was, nothing is left, or something else went wrong | {} |\n",
        violations.len()
    );
    for violation in violations {
        let _ = writeln!(text, "\n{violation}");
    }
    text
}

/// Replaces a section of the document.
fn write_down(section: &str, text: &str) -> anyhow::Result<()> {
    let path = files::repository().join("docs/reliability.md");
    let document = std::fs::read_to_string(&path)?;
    let (begin, end) = (format!("<!-- {section} -->\n"), format!("<!-- end of {section} -->\n"));
    let (before, rest) = document.split_once(&begin).context("the section begins")?;
    let (_, after) = rest.split_once(&end).context("the section ends")?;
    Ok(std::fs::write(path, format!("{before}{begin}\n{text}\n{end}{after}"))?)
}
