//! No two files of a crate need each other.
//!
//! An arrow leads from a file to the file of the module that it names in `use` or in a path: `crate::…`, `super::…`, `self::…`,
//! or a child by its name. `mod child;` and `pub use child::…` are no arrows: a parent shows what its children are. A child
//! that names an item of an ancestor has an *upward* arrow.

use crate::{Source, sources};
use std::collections::{BTreeMap, BTreeSet};

/// The crates of the workspace: where the root file of each is.
const ROOTS: &[&str] = &[
    "common/model/src/lib.rs",
    "common/operation/src/lib.rs",
    "common/config/src/lib.rs",
    "common/database/src/lib.rs",
    "common/bus/src/lib.rs",
    "common/submit/src/lib.rs",
    "common/process/src/lib.rs",
    "scheduler/src/lib.rs",
    "api/src/lib.rs",
    "volume/src/lib.rs",
    "volume/driver/src/lib.rs",
    "volume/steps/src/lib.rs",
    "volume/backup_store/src/lib.rs",
    "backup/src/lib.rs",
    "volume/drivers/fake/src/lib.rs",
    "volume/drivers/file/src/lib.rs",
    "volume/drivers/file/tests/driver/main.rs",
    "volume/drivers/rbd/src/lib.rs",
    "volume/drivers/rbd/tests/driver/main.rs",
    "volume/drivers/file/relay/src/main.rs",
    "manage/src/main.rs",
    "tests/harness/lib.rs",
    "tests/house/main.rs",
    "tests/operations/main.rs",
    "tests/admission/main.rs",
    "tests/bus/main.rs",
    "tests/replication/main.rs",
    "tests/resilience/main.rs",
    "tests/ceph/main.rs",
    "tests/compatibility/main.rs",
    "tests/sandbox/main.rs",
];

/// The crates among them that have circles: none.
const WITH_CIRCLES: &[&str] = &[];

/// A module, by the names from the crate's root on; the root itself is empty.
type Module = Vec<String>;

/// The arrows of a crate: from each module to those whose items it names.
type Arrows = BTreeMap<Module, BTreeSet<Module>>;

/// The modules of a crate with the text of their files.
struct Crate {
    modules: BTreeMap<Module, String>,
}

impl Crate {
    fn read(root: &str) -> Self {
        let (directory, root_file) = root.rsplit_once('/').unwrap();
        let module = |source: Source| {
            let inside = source.path.strip_prefix(directory)?.strip_prefix('/')?;
            let path: Module = match inside {
                main if main == root_file => Module::new(),
                // the other root of a package with a library
                "main.rs" => return None,
                other => other.strip_suffix(".rs")?.split('/').map(str::to_owned).collect(),
            };
            Some((path, code(&source.text)))
        };
        Self { modules: sources(directory).into_iter().filter_map(module).collect() }
    }

    /// The module that a path leads to, and the number of its segments that are used for it: the longest beginning
    /// that is a module.
    fn resolve(&self, from: &[String], path: &[String]) -> Option<Module> {
        let (mut module, rest) = match path.first()?.as_str() {
            "crate" => (Module::new(), &path[1..]),
            "self" => (from.to_vec(), &path[1..]),
            "super" => {
                let ups = path.iter().take_while(|segment| *segment == "super").count();
                (from[..from.len().checked_sub(ups)?].to_vec(), &path[ups..])
            }
            child => {
                let child: Module = from.iter().cloned().chain([child.to_owned()]).collect();
                self.modules.contains_key(&child).then_some((child, &path[1..]))?
            }
        };
        for segment in rest {
            module.push(segment.clone());
            if !self.modules.contains_key(&module) {
                module.pop();
                break;
            }
        }
        Some(module)
    }

    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (module, text) in &self.modules {
            let to = paths(text)
                .iter()
                .filter_map(|path| self.resolve(module, path))
                .filter(|to| to != module)
                .collect();
            arrows.insert(module.clone(), to);
        }
        arrows
    }
}

/// The code of a file, without comments, texts, its tests, and what a parent shows of its children.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut code = String::new();
    for statement in lines.collect::<Vec<_>>().join("\n").split_inclusive(';') {
        if !statement.trim_start().starts_with("pub use ") {
            code.push_str(statement);
        }
    }
    code
}

/// All paths of at least two segments; of a `use` with braces, each of its branches.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut tokens = tokens(code).into_iter().peekable();
    while let Some(token) = tokens.next() {
        if !is_name(&token) {
            continue;
        }
        let mut path = vec![token];
        while tokens.next_if(|next| next == "::").is_some() {
            match tokens.next() {
                Some(name) if is_name(&name) => path.push(name),
                Some(open) if open == "{" => {
                    let mut branches = Vec::new();
                    branch(&mut tokens, &path, &mut branches);
                    found.append(&mut branches);
                    break;
                }
                Some(_) | None => break,
            }
        }
        if path.len() > 1 {
            found.push(path);
        }
    }
    found
}

/// The branches of a `use` behind its opening brace.
fn branch(
    tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>,
    prefix: &[String],
    found: &mut Vec<Vec<String>>,
) {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.next() {
        match token.as_str() {
            "{" => branch(tokens, &path, found),
            "," | "}" => {
                found.push(std::mem::replace(&mut path, prefix.to_vec()));
                if token == "}" {
                    return;
                }
            }
            "::" | "*" => {}
            _ => path.push(token),
        }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Names, `::` and single other characters; texts are left out.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => 1 + text_length(&rest[1..]),
            ':' if rest.starts_with("::") => 2,
            letter if letter.is_alphanumeric() || letter == '_' => {
                let end = |letter: char| !letter.is_alphanumeric() && letter != '_';
                rest.find(end).unwrap_or(rest.len())
            }
            other => other.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if !first.is_whitespace() && first != '"' {
            tokens.push(token.to_owned());
        }
        rest = after;
    }
    tokens
}

/// The length of a text behind its opening quote, the closing one included.
fn text_length(text: &str) -> usize {
    let mut escaped = false;
    for (position, letter) in text.char_indices() {
        match letter {
            '"' if !escaped => return position + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The modules that reach themselves along arrows, in groups that reach one another.
fn circles(arrows: &Arrows) -> Vec<BTreeSet<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        arrows.keys().map(|module| (module, reach(arrows, module))).collect();
    let mut circles: Vec<BTreeSet<Module>> = Vec::new();
    for (module, reaches) in &reached {
        let known = circles.iter().any(|circle| circle.contains(*module));
        if reaches.contains(*module) && !known {
            let back = |other: &&Module| reached[*other].contains(*module);
            circles.push(reaches.iter().filter(back).cloned().collect());
        }
    }
    circles
}

fn reach(arrows: &Arrows, from: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        for to in arrows.get(module).into_iter().flatten() {
            if reached.insert(to.clone()) {
                next.push(to);
            }
        }
    }
    reached
}

fn upward(arrows: &Arrows) -> usize {
    let is_upward = |from: &Module, to: &Module| from.len() > to.len() && from.starts_with(to);
    arrows.iter().map(|(from, to)| to.iter().filter(|to| is_upward(from, to)).count()).sum()
}

#[test]
fn no_two_files_of_a_crate_need_each_other() {
    for root in ROOTS {
        let arrows = Crate::read(root).arrows();
        println!("{root}: {} files, {} upward arrows", arrows.len(), upward(&arrows));
        let shown = |circle: BTreeSet<Module>| -> Vec<String> {
            circle.iter().map(|module| module.join("::")).collect()
        };
        let circles: Vec<String> =
            circles(&arrows).into_iter().map(|circle| shown(circle).join(", ")).collect();
        for circle in &circles {
            println!("{root}: these need each other: {circle}");
        }
        let expected = WITH_CIRCLES.contains(root);
        assert_eq!(
            !circles.is_empty(),
            expected,
            "{root} and its line in WITH_CIRCLES: {circles:?}"
        );
    }
}

#[test]
fn a_circle_is_found() {
    let modules = [
        ("", "mod a; mod b; pub use a::A;"),
        ("a", "use crate::b::{B, c::C}; // use super::x"),
        ("b", "fn f() { let _ = \"crate::a\"; }"),
        ("b::c", "use super::B; fn f() { crate::a::f() }"),
    ];
    let module = |path: &str| -> Module {
        path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let modules = modules.iter().map(|(path, text)| (module(path), code(text))).collect();
    let arrows = Crate { modules }.arrows();
    assert_eq!(upward(&arrows), 1);
    assert_eq!(circles(&arrows), [BTreeSet::from([module("a"), module("b::c")])]);
}
