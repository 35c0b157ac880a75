//! Which part may use which.

use crate::sources;

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
fn processes_know_the_common_vocabulary_and_not_one_another() {
    let processes = ["cinderblock_api", "cinderblock_scheduler", "cinderblock_volume"];
    for (directory, own) in [("api/src", 0), ("scheduler/src", 1), ("volume/src", 2)] {
        let others: Vec<&str> =
            processes.iter().enumerate().filter(|(n, _)| *n != own).map(|(_, p)| *p).collect();
        assert_eq!(offenders(directory, &others), [""; 0]);
        let root = harness::files::repository();
        let manifest = std::fs::read_to_string(root.join(directory).join("../Cargo.toml")).unwrap();
        for process in &others {
            assert!(
                !manifest.contains(&process.replace('_', "-")),
                "{directory} depends on {process}"
            );
        }
    }
    assert_eq!(offenders("common/src", &["axum", "clap::", "process::"]), [""; 0]);
}

#[test]
fn inside_common_the_arrows_point_one_way() {
    let upper = ["crate::operation", "crate::db", "crate::bus", "crate::config"];
    assert_eq!(offenders("common/src/model", &upper), [""; 0]);
    assert_eq!(offenders("common/src/operation", &upper[1..]), [""; 0]);
    assert_eq!(offenders("common/src/db", &["crate::bus"]), [""; 0]);
    assert_eq!(offenders("common/src/bus", &["crate::db"]), [""; 0]);
}

#[test]
fn statuses_and_conditions_change_in_admitted_operations_alone() {
    let tables = ["volumes", "snapshots", "attachments", "operations"];
    let writes: Vec<String> = tables
        .iter()
        .flat_map(|table| {
            ["insert into ", "update ", "delete from "].map(|verb| format!("{verb}{table}"))
        })
        .collect();
    let writes: Vec<&str> = writes.iter().map(String::as_str).collect();
    for directory in ["common/src", "api/src", "scheduler/src", "volume/src"] {
        assert_eq!(offenders(directory, &writes), [""; 0]);
    }
    let conditions =
        ["set disabled_at", "set frozen_at", "set replication_status", "set active_backend_id"];
    assert_eq!(offenders("common/src", &conditions), [""; 0]);
}

#[test]
fn messages_leave_through_the_bus_and_drivers_work_for_executions() {
    for directory in ["api/src", "scheduler/src", "volume/src", "common/src/db", "common/src/model"]
    {
        assert_eq!(offenders(directory, &["basic_publish"]), [""; 0]);
    }
    let calls = [
        ".create_volume(",
        ".delete_volume(",
        ".extend_volume(",
        ".revert_volume(",
        ".create_snapshot(",
        ".delete_snapshot(",
        ".export(",
        ".unexport(",
    ];
    let outside: Vec<String> = offenders("volume/src", &calls)
        .into_iter()
        .filter(|place| {
            !place.starts_with("volume/src/execute") && !place.starts_with("volume/src/driver")
        })
        .collect();
    assert_eq!(outside, [""; 0]);
}

#[test]
fn the_environment_is_read_by_the_configuration_alone() {
    for directory in
        ["api/src", "scheduler/src", "volume/src", "process/src", "common/src/db", "common/src/bus"]
    {
        assert_eq!(offenders(directory, &["env::var"]), [""; 0]);
    }
}
