//! The table of Cinder's faults is complete, and names tests that exist.

use crate::sources;
use harness::files;

#[test]
fn every_fault_has_a_test_that_exists() {
    let document =
        std::fs::read_to_string(files::repository().join("docs/compatibility.md")).unwrap();
    let (_, table) = document.split_once("| # | what Cinder does").unwrap();
    let tests: Vec<String> = sources("tests").into_iter().map(|source| source.text).collect();
    let mut numbers = Vec::new();
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{row}");
        numbers.push(cells[0].parse::<usize>().unwrap());
        let name = format!("fn {}()", cells[3].trim_matches('`'));
        assert!(tests.iter().any(|text| text.contains(&name)), "{row}");
    }
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}
