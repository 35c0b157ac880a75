//! The source tree: its layers, its file names, its catalogue of operations, its generated documents.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the repository has failed")]

mod catalogue;
mod circles;
mod documents;
mod faults;
mod layers;
mod rooms;
mod walkthroughs;

use std::path::{Path, PathBuf};

/// A source file of the repository, by its path from the root.
struct Source {
    path: String,
    text: String,
}

/// The Rust files below a directory.
fn sources(directory: &str) -> Vec<Source> {
    let root = harness::files::repository();
    let mut found = Vec::new();
    collect(&root, &root.join(directory), &mut found);
    assert!(!found.is_empty(), "nothing in {directory}");
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push(Source {
                path: path.strip_prefix(root).unwrap().display().to_string(),
                text,
            });
        }
    }
}
