//! `conformance`: what clients cannot tell from Cinder. Tempest and its plugin for Cinder, unchanged, with tokens of a real
//! Keystone, against cinderblock; beside the record of what Cinder itself passes.

mod cloud;
mod comparison;
mod tempest;

use anyhow::Context;
use clap::Parser;
use cloud::Cloud;
use comparison::Comparison;
use harness::files;
use harness::interruption::interrupted;
use std::path::Path;
use std::process::ExitCode;

/// Runs Tempest against cinderblock on private servers, and compares with what Cinder passes
#[derive(Parser)]
#[command(name = "conformance")]
struct CommandLine {
    /// Which tests: a regular expression
    #[arg(default_value = tempest::ALL)]
    tests: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let CommandLine { tests } = CommandLine::parse();
    let directory = files::run_directory().join("conformance");
    if directory.exists() {
        harness::end_daemons_below(&directory);
        std::fs::remove_dir_all(&directory)?;
    }
    // what has started ends with the future that started it
    let results = tokio::select! {
        results = run(&directory, &tests) => results?,
        interrupted = interrupted() => { interrupted?; anyhow::bail!("interrupted") }
    };
    let comparison = Comparison::of(&results, tests == tempest::ALL)
        .context("the record of what Cinder passes")?;
    #[expect(clippy::print_stdout, reason = "this is what was asked for")]
    {
        println!("{comparison}");
    }
    Ok(if comparison.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(directory: &Path, tests: &str) -> anyhow::Result<tempest::Results> {
    let cloud = Cloud::start(directory).await?;
    let results = tempest::run(&cloud, &directory.join("tempest"), tests).await;
    cloud.stop()?;
    results
}
