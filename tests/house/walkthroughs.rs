//! The walkthroughs of the contributing guide name exactly the files of their examples.

use harness::files;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// A walkthrough: the example's words, and the files that the table names.
struct Walkthrough {
    words: Vec<String>,
    files: BTreeSet<String>,
}

/// The texts between backquotes.
fn quoted(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn walkthroughs(guide: &str) -> Vec<Walkthrough> {
    let sections = guide.split("\n## Add ").skip(1);
    let walkthrough = |section: &str| {
        let example = section.lines().find(|line| line.starts_with("Example: ")).unwrap();
        let mut words = quoted(example);
        let stem = words.remove(0);
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let files = rows.map(|row| quoted(row)[0].replace("<stem>", &stem)).collect();
        Walkthrough { words, files }
    };
    sections.map(walkthrough).collect()
}

/// The tracked files that mention one of the words, but for the guide and the sources of a driver.
fn mentioning(root: &Path, words: &[String]) -> BTreeSet<String> {
    let mut command = Command::new("git");
    command.current_dir(root).args(["grep", "--files-with-matches", "--word-regexp"]);
    for word in words {
        command.args(["-e", word]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let is_meant = |path: &&str| {
        let is_source_of_driver = path.starts_with("volume/drivers/") && path.ends_with(".rs");
        !["docs/contributing.md", "Cargo.lock", "CHANGELOG.md"].contains(path)
            && !is_source_of_driver
    };
    let listed = String::from_utf8(output.stdout).unwrap();
    listed.lines().filter(is_meant).map(str::to_owned).collect()
}

#[test]
fn each_walkthrough_names_the_files_of_its_example_and_no_others() {
    let root = files::repository();
    let guide = std::fs::read_to_string(root.join("docs/contributing.md")).unwrap();
    let walkthroughs = walkthroughs(&guide);
    assert_eq!(walkthroughs.len(), 3);
    for Walkthrough { words, files } in walkthroughs {
        assert_eq!(mentioning(&root, &words), files, "{words:?}");
    }
}
