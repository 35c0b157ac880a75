//! A newcomer finds each room by its name.

use crate::sources;
use operation::OperationKind;

const DIRECTORIES: [&str; 7] =
    ["common", "api/src", "scheduler/src", "volume", "backup/src", "manage/src", "tests"];

#[test]
fn no_file_has_a_name_that_tells_nothing() {
    let banned =
        ["utils", "helpers", "manager", "misc", "handler", "handlers", "operations_helper"];
    for source in DIRECTORIES.iter().flat_map(|directory| sources(directory)) {
        let stem = source.path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        assert!(!banned.contains(&stem), "{}", source.path);
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for source in DIRECTORIES.iter().flat_map(|directory| sources(directory)) {
        assert!(source.text.starts_with("//! "), "{} has no module comment", source.path);
    }
}

#[test]
fn the_stem_of_an_operation_tells_its_whole_story() {
    let exists = |directory: &str, stem: &str| {
        sources(directory).iter().any(|source| source.path.ends_with(&format!("/{stem}.rs")))
    };
    for kind in OperationKind::ALL {
        let stem = kind.stem();
        assert!(exists("common/operation/src", stem), "{stem}: what it is");
        assert!(exists("api/src/routes", stem), "{stem}: how it is asked");
        assert!(exists("tests/operations", stem), "{stem}: what must hold");
    }
}
