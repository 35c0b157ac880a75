//! Documents that are generated are current.

#[test]
fn the_catalogue_of_operations_is_current() {
    let path = harness::files::repository().join("docs/operations.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == harness::operations_document::render(),
        "docs/operations.md is not current: `make docs` writes it"
    );
}
