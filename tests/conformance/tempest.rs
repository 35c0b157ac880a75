//! Tempest: its configuration, a run, and what came of each test.

use crate::cloud::{BACKENDS, Cloud, SHARED_TYPE};
use anyhow::Context;
use harness::files;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::process::Command;

/// Every test of the volume API that needs no hypervisor.
pub const ALL: &str = r"^(tempest\.api\.volume|cinder_tempest_plugin\.(api|rbac))\.";

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was skipped, by itself or with its class.
    Skipped,
}

impl Outcome {
    /// Reads what `subunit2csv` or the record says.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "success" | "pass" => Some(Self::Passed),
            "failure" | "fail" => Some(Self::Failed),
            "skip" => Some(Self::Skipped),
            _ => None,
        }
    }
}

/// The outcome of each test, by its name without the ids in brackets.
pub type Results = BTreeMap<String, Outcome>;

/// Runs the tests whose names match `tests` in a workspace below `home`.
///
/// # Errors
/// When Tempest is not installed, or says nothing of its tests.
pub async fn run(cloud: &Cloud, home: &Path, tests: &str) -> anyhow::Result<Results> {
    std::fs::create_dir_all(home)?;
    command("tempest", home)?.args(["init", "workspace"]).output().await?;
    let workspace = &home.join("workspace");
    std::fs::write(workspace.join("etc/tempest.conf"), configuration(cloud, workspace))?;
    // a test that fails is not a run that fails: the comparison judges
    command("tempest", workspace)?
        .args(["run", "--concurrency", "2", "--regex", tests])
        .kill_on_drop(true)
        .status()
        .await?;
    let last = command("stestr", workspace)?.args(["last", "--subunit"]).output().await?;
    let stream = workspace.join("last.subunit");
    std::fs::write(&stream, last.stdout)?;
    let table = command("subunit2csv", workspace)?
        .arg("--no-passthrough")
        .stdin(std::fs::File::open(&stream)?)
        .output()
        .await?;
    let listed = command("tempest", workspace)?
        .args(["run", "--list-tests", "--regex", tests])
        .output()
        .await?;
    read(&String::from_utf8(listed.stdout)?, &String::from_utf8(table.stdout)?)
}

fn command(program: &str, directory: &Path) -> anyhow::Result<Command> {
    let program = files::run_directory().join("tempest/bin").join(program);
    anyhow::ensure!(program.exists(), "Tempest is not installed: `make tempest`");
    let mut command = Command::new(program);
    // Tempest keeps a list of workspaces in the home directory
    command.current_dir(directory).env("HOME", directory).env("PYTHONWARNINGS", "ignore");
    Ok(command)
}

fn configuration(cloud: &Cloud, workspace: &Path) -> String {
    let (url, directory) = (cloud.keystone.url(), workspace.display());
    let (backends, [image, other_image]) = (BACKENDS.join(","), &cloud.images);
    format!(
        "[DEFAULT]
log_dir = {directory}/logs
[oslo_concurrency]
lock_path = {directory}/tempest_lock
[auth]
admin_username = admin
admin_password = admin
admin_project_name = admin
admin_domain_name = Default
create_isolated_networks = false
tempest_roles = member
[identity]
uri_v3 = {url}
region = region
v3_endpoint_type = public
[service_available]
cinder = true
glance = true
nova = false
# some classes only say that they want a network, and have tests without servers, too
neutron = true
swift = false
horizon = false
[enforce_scope]
cinder = true
[compute]
image_ref = {image}
image_ref_alt = {other_image}
[compute-feature-enabled]
volume_multiattach = true
[image]
region = region
[volume]
volume_type_multiattach = {SHARED_TYPE}
backup_driver = posix
manage_volume_ref = source-name,volume-%s
manage_snapshot_ref = source-name,snapshot-%s
catalog_type = block-storage
region = region
backend_names = {backends}
min_microversion = 3.0
max_microversion = 3.71
build_timeout = 60
build_interval = 1
[volume-feature-enabled]
backup = true
multi_backend = true
clone = true
snapshot = true
manage_snapshot = true
manage_volume = true
extend_with_snapshot = true
volume_revert = true
"
    )
}

/// The outcome of each listed test. A class that cannot be set up has one line in place of those of its tests.
fn read(listed: &str, table: &str) -> anyhow::Result<Results> {
    let told = told(table)?;
    let mut results = Results::new();
    for test in listed.lines().filter(|line| line.contains('[')).map(bare) {
        let class = test.rsplit_once('.').map_or("", |(class, _)| class);
        let outcome = told.get(&test).or_else(|| told.get(&format!("setUpClass ({class})")));
        results.insert(test.clone(), *outcome.with_context(|| format!("nothing of {test}"))?);
    }
    anyhow::ensure!(!results.is_empty(), "no test was run");
    Ok(results)
}

/// Reads the table of `subunit2csv`: test, outcome, beginning, end.
fn told(table: &str) -> anyhow::Result<Results> {
    let mut results = Results::new();
    for line in table.lines().skip(1) {
        // the ids within the brackets are separated by commas
        let mut columns = line.rsplitn(4, ',');
        let (_end, _beginning) = (columns.next(), columns.next());
        let (outcome, name) = (columns.next(), columns.next());
        let outcome = outcome.and_then(Outcome::parse).with_context(|| line.to_owned())?;
        results.insert(bare(name.context("a name")?), outcome);
    }
    Ok(results)
}

/// The name of a test without its ids and attributes.
fn bare(name: &str) -> String {
    let name = name.trim_matches('"');
    name.split('[').next().unwrap_or(name).to_owned()
}
