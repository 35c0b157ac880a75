//! The arrows between crates, and what cargo cannot hold of them.

use crate::sources;
use std::collections::BTreeMap;

/// The crates of the workspace from the bottom up, each with those that it may use. Cargo holds the arrows inside the
/// table; the table keeps a manifest from getting a wrong one.
const ARROWS: &[(&str, &[&str])] = &[
    ("common/model", &[]),
    ("common/operation", &["model"]),
    ("common/config", &["model"]),
    ("common/openstack", &["model", "configuration"]),
    ("common/policy", &["model", "configuration"]),
    ("common/database", &["model", "operation", "configuration"]),
    ("common/bus", &["model", "operation", "configuration"]),
    ("common/submit", &["model", "operation", "database", "bus"]),
    ("common/process", &["model", "configuration", "database", "bus"]),
    ("scheduler", &["model", "operation", "configuration", "database", "bus", "process"]),
    (
        "api",
        &[
            "model",
            "operation",
            "configuration",
            "openstack",
            "policy",
            "database",
            "bus",
            "submit",
            "process",
        ],
    ),
    ("volume/disk_image", &["model"]),
    ("volume/backup_store", &[]),
    ("volume/driver", &["model", "disk_image"]),
    ("volume/drivers/fake", &["model", "configuration", "disk_image", "driver"]),
    ("volume/drivers/rbd", &["model", "configuration", "disk_image", "driver"]),
    ("volume/drivers/file/relay", &[]),
    (
        "volume/drivers/file",
        &["model", "configuration", "disk_image", "driver", "cinderblock-relay"],
    ),
    (
        "volume/steps",
        &[
            "model",
            "operation",
            "configuration",
            "database",
            "bus",
            "driver",
            "driver_fake",
            "driver_file",
            "driver_rbd",
        ],
    ),
    (
        "volume",
        &[
            "model",
            "operation",
            "configuration",
            "openstack",
            "database",
            "bus",
            "process",
            "disk_image",
            "driver",
            "steps",
        ],
    ),
    (
        "backup",
        &[
            "model",
            "operation",
            "configuration",
            "database",
            "bus",
            "process",
            "backup_store",
            "driver",
            "steps",
        ],
    ),
    ("manage", &["model", "operation", "configuration", "policy", "database", "bus", "submit"]),
];

/// The crates of the workspace that a manifest names in `[dependencies]`.
fn dependencies(directory: &str) -> Vec<String> {
    let root = harness::files::repository();
    let manifest = std::fs::read_to_string(root.join(directory).join("Cargo.toml")).unwrap();
    let (_, below) = manifest.split_once("[dependencies]\n").unwrap();
    let lines = below.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once('.')?.0.to_owned())).collect()
}

/// The names by which crates of the workspace are known in manifests, with their directories.
fn members() -> BTreeMap<String, String> {
    let root = harness::files::repository();
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let path = |line: &str| Some(line.split_once("path = \"")?.1.split_once('"')?.0.to_owned());
    let named = manifest.lines().filter_map(|line| Some((line.split_once(" = ")?.0, path(line)?)));
    named.map(|(name, path)| (name.to_owned(), path)).collect()
}

#[test]
fn crates_use_those_below_them_alone() {
    let members = members();
    for (directory, allowed) in ARROWS {
        for used in dependencies(directory) {
            let is_ours = members.contains_key(&used);
            assert!(!is_ours || allowed.contains(&used.as_str()), "{directory} depends on {used}");
        }
    }
    for path in members.values() {
        assert!(
            ARROWS.iter().any(|(directory, _)| directory == path),
            "{path} is not in the table"
        );
    }
}

/// Files below a directory that mention something they must not know.
fn offenders(directory: &str, forbidden: &[&str]) -> Vec<String> {
    let mut offenders = Vec::new();
    for source in sources(directory) {
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if forbidden.iter().any(|text| code.contains(text)) {
                offenders.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    offenders
}

#[test]
fn statuses_and_conditions_change_in_admitted_operations_alone() {
    let tables = ["volumes", "snapshots", "attachments", "backups", "operations"];
    let writes: Vec<String> = tables
        .iter()
        .flat_map(|table| {
            ["insert into ", "update ", "delete from "].map(|verb| format!("{verb}{table}"))
        })
        .collect();
    let writes: Vec<&str> = writes.iter().map(String::as_str).collect();
    for directory in ["common", "api/src", "scheduler/src", "volume", "backup/src"] {
        let outside: Vec<_> = offenders(directory, &writes)
            .into_iter()
            // what is made from the contracts
            .filter(|place| !place.starts_with("common/database/src/statements/"))
            .collect();
        assert_eq!(outside, [""; 0]);
    }
    let conditions =
        ["set disabled_at", "set frozen_at", "set replication_status", "set active_backend_id"];
    assert_eq!(offenders("common", &conditions), [""; 0]);
}

#[test]
fn messages_leave_through_the_bus() {
    for directory in [
        "api/src",
        "scheduler/src",
        "volume",
        "backup/src",
        "common/database/src",
        "common/model/src",
    ] {
        assert_eq!(offenders(directory, &["basic_publish"]), [""; 0]);
    }
}

/// The methods of the capability traits that change storage for an operation: those that take its fencing token, by
/// themselves or among the arguments of a failover.
fn mutating_methods() -> Vec<String> {
    let mut found = Vec::new();
    for capability in
        ["volumes", "exports", "manage", "images", "backup", "migration", "replication"]
    {
        let path = format!("volume/driver/src/{capability}.rs");
        let trait_file = sources("volume/driver/src").into_iter().find(|file| file.path == path);
        let text = trait_file.unwrap().text;
        for method in text.split("async fn ").skip(1) {
            let (name, arguments) = method.split_once('(').unwrap();
            let (arguments, _) = arguments.split_once("->").unwrap();
            if arguments.contains("fence: Fence") || arguments.contains("&Failover<") {
                found.push(name.to_owned());
            }
        }
    }
    found
}

#[test]
fn drivers_change_storage_for_executions_alone() {
    let methods = mutating_methods();
    for known in ["create_volume", "unexport", "unmanage_snapshot", "discard_import", "failover"] {
        assert!(methods.iter().any(|method| method == known), "{known} is not among {methods:?}");
    }
    let calls: Vec<String> = methods.iter().map(|method| format!(".{method}(")).collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    for directory in ["volume/src", "backup/src", "volume/steps/src"] {
        let outside: Vec<String> = offenders(directory, &calls)
            .into_iter()
            .filter(|place| !place.starts_with(&format!("{directory}/execute/")))
            .collect();
        assert_eq!(outside, [""; 0]);
    }
}

#[test]
fn one_file_names_the_drivers() {
    for directory in ["volume/src", "backup/src", "volume/steps/src"] {
        let outside: Vec<String> =
            offenders(directory, &["driver_fake", "driver_file", "driver_rbd"])
                .into_iter()
                .filter(|place| !place.starts_with("volume/steps/src/drivers.rs:"))
                .collect();
        assert_eq!(outside, [""; 0]);
    }
}

#[test]
fn the_environment_is_read_by_the_configuration_alone() {
    for directory in [
        "api/src",
        "scheduler/src",
        "volume/src",
        "backup/src",
        "volume/steps/src",
        "volume/driver/src",
        "volume/drivers/fake/src",
        "volume/drivers/file/src",
        "volume/drivers/file/relay/src",
        "volume/drivers/rbd/src",
        "common/process/src",
        "common/database/src",
        "common/bus/src",
    ] {
        assert_eq!(offenders(directory, &["env::var"]), [""; 0]);
    }
}
