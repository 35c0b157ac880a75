//! Documents that are generated are current.

use harness::operations_document::{render, statements};

fn is_current(document: &str, generated: &str) {
    let path = harness::files::repository().join(document);
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == generated, "{document} is not current: `make docs` writes it");
}

#[test]
fn the_catalogue_of_operations_is_current() {
    is_current("docs/operations.md", &render());
}

#[test]
fn the_sample_of_a_policy_file_is_current() {
    is_current("docs/policy.sample.yaml", &policy::sample());
}

#[test]
fn the_statements_of_operations_are_current() {
    is_current("docs/operations.sql", &statements());
}
