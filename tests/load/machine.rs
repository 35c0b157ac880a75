//! What processes use, as the kernel tells it, and what machine this is.

use anyhow::Context;
use std::time::Duration;

/// The kernel counts processor time in these.
const TICK: Duration = Duration::from_millis(10);

/// The processor time that all processes but this one have used.
pub fn processor_time_of_others() -> Duration {
    let own = std::process::id();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| *id != own).filter_map(|id| processor_time(id).ok()).sum()
}

/// The processor time that a process has used.
///
/// # Errors
/// When there is none with this id.
pub fn processor_time(id: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // the name before it may have spaces
    let (_, fields) = stat.rsplit_once(')').context("a name")?;
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u32>())
        .sum::<Result<_, _>>()?;
    Ok(TICK * ticks)
}

/// What a process has resident, in MiB.
///
/// # Errors
/// When there is none with this id.
pub fn resident_mib(id: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("a number")?.parse()?;
    Ok(kib / 1024.0)
}

/// The processor and how many of it there are.
///
/// # Errors
/// When the kernel does not tell.
pub fn description() -> anyhow::Result<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, name)| name);
    let count = std::thread::available_parallelism()?;
    Ok(format!("{count} × {model}"))
}
