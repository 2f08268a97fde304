//! House rules that no compiler checks. Each rule first proves on a bad piece of text that it can fail.
//!
//! The words a rule looks for are put together with `concat!`, so that this file passes its own rules.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use source::{crate_paths, split};

/// What each layer may import besides itself; imports point down only (ARCHITECTURE.md, "Layers").
const LAYERS: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("docker", &["model"]),
    ("engine", &["model"]),
    ("probe", &["model"]),
    ("runtime", &["model", "engine", "probe", "docker"]),
    ("config", &["model"]),
    ("discovery", &["model", "docker"]),
    ("store", &["model"]),
    ("output", &["model", "runtime::view", "runtime::writer", "runtime::agent"]),
    ("cli", &["model", "docker", "engine", "probe", "runtime", "config", "discovery", "store", "output"]),
];

/// Longest file, in lines.
const LONGEST: usize = 400;

/// One text file, its path counted from the root of the repository.
struct File {
    path: String,
    text: String,
}

/// A rule: the sentences that say what is wrong with a file, none if nothing is.
type Rule = fn(&File) -> Vec<String>;

/// Every text file below `folder` whose name ends in one of `ends`; what is built or installed is left out.
fn files(folder: &str, ends: &[&str]) -> Vec<File> {
    fn walk(root: &Path, folder: &Path, ends: &[&str], found: &mut Vec<File>) {
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if ["target", ".git", ".venv", "__pycache__", ".pytest_cache", "corpus"].contains(&name.as_str())
            {
                continue;
            }
            if path.is_dir() {
                walk(root, &path, ends, found);
            } else if ends.iter().any(|end| name.ends_with(end))
                && let Ok(text) = fs::read_to_string(&path)
            {
                let path = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push(File { path, text });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    if root.join(folder).is_dir() {
        walk(root, &root.join(folder), ends, &mut found);
    }
    found
}

/// Rust sources of the program, its tests, its benches and its fuzz targets.
fn rust() -> Vec<File> {
    ["src", "tests", "benches", "fuzz"].into_iter().flat_map(|folder| files(folder, &[".rs"])).collect()
}

/// Everything committed as text, but for the lock files, which are written by a machine.
fn everything() -> Vec<File> {
    files("", &[""]).into_iter().filter(|file| !file.path.ends_with("Cargo.lock")).collect()
}

/// Fails unless `rule` objects to the bad text, and fails if it objects to any of `files`.
#[track_caller]
fn holds(rule: Rule, files: &[File], bad_path: &str, bad_text: &str) {
    let bad = File { path: bad_path.to_owned(), text: bad_text.to_owned() };
    assert!(!rule(&bad).is_empty(), "the rule cannot fail: it accepts {bad_text:?}");
    assert!(!files.is_empty(), "the rule has nothing to look at");
    let wrong: Vec<_> = files
        .iter()
        .flat_map(|file| rule(file).into_iter().map(|what| format!("{}: {what}", file.path)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn upward_imports(file: &File) -> Vec<String> {
    let Some(inside) = file.path.strip_prefix("src/") else { return Vec::new() };
    if inside == "lib.rs" || inside == "main.rs" {
        return Vec::new();
    }
    let own = inside.split(['/', '.']).next().unwrap_or_default();
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
        return vec![format!("`{own}` is not in the layer table")];
    };
    let within = |path: &str, layer: &str| path == layer || path.starts_with(&format!("{layer}::"));
    crate_paths(&split(&file.text).code)
        .into_iter()
        .filter(|path| !within(path, own) && !allowed.iter().any(|layer| within(path, layer)))
        .map(|path| format!("`{own}` may not import `crate::{path}`"))
        .collect()
}

#[test]
fn imports_point_down() {
    for bad in [
        "use crate::runtime::clock::Clock;",
        "use crate::{model::tick::Tick, engine::Shard};",
        "fn f() -> crate::cli::X {}",
        "use crate::runtime::{view::View, clock};",
    ] {
        let file = File { path: "src/output/json.rs".to_owned(), text: bad.to_owned() };
        assert_eq!(upward_imports(&file).len(), 1, "{bad}");
    }
    let good = "// crate::cli\nuse crate::{model::{tick, health}, runtime::view::View};\nconst A: &str = \"crate::cli\";";
    let good = File { path: "src/output/json.rs".to_owned(), text: good.to_owned() };
    assert_eq!(upward_imports(&good), Vec::<String>::new());
    holds(upward_imports, &files("src", &[".rs"]), "src/model/a.rs", "use crate::engine::Shard;");
}

fn too_long(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines > LONGEST { vec![format!("{lines} lines, at most {LONGEST} are allowed")] } else { Vec::new() }
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut all = rust();
    all.extend(files("tests", &[".py", "all"]));
    holds(too_long, &all, "src/a.rs", &"\n".repeat(LONGEST + 1));
}

fn headless(file: &File) -> Vec<String> {
    if file.text.starts_with("//! ") { Vec::new() } else { vec!["does not begin with `//! `".to_owned()] }
}

#[test]
fn every_module_says_what_it_is() {
    holds(headless, &files("src", &[".rs"]), "src/a.rs", "use std::fmt;\n//! Late.\n");
}

/// Sentences for each of `words` that stands in `text` with no letter, digit or underscore beside it.
fn words(text: &str, words: &[&str]) -> Vec<String> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in words {
            let alone = line.match_indices(word).any(|(at, _)| {
                !line[..at].chars().next_back().is_some_and(part)
                    && !line[at + word.len()..].chars().next().is_some_and(part)
            });
            if alone {
                found.push(format!("line {} has `{word}`", number + 1));
            }
        }
    }
    found
}

fn reminders(file: &File) -> Vec<String> {
    words(&file.text, &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")])
}

#[test]
fn what_is_not_done_is_an_issue() {
    holds(reminders, &everything(), "src/a.rs", concat!("// FIX", "ME: later"));
}

fn ignored(file: &File) -> Vec<String> {
    let code = split(&file.text).code;
    if code.contains("#[ignore") { vec!["has an ignored test".to_owned()] } else { Vec::new() }
}

#[test]
fn no_test_is_ignored() {
    holds(ignored, &rust(), "tests/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}");
}

fn unfinished(file: &File) -> Vec<String> {
    words(&split(&file.text).code, &["todo!", "unimplemented!"])
}

#[test]
fn nothing_is_left_unfinished() {
    holds(unfinished, &rust(), "src/a.rs", "fn a() { todo!() }");
}

fn outside(file: &File) -> Vec<String> {
    let machine = [
        concat!("../", "shared"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("pypi", ".org"),
        concat!("index.crates", ".io"),
        concat!("deb.debian", ".org"),
    ];
    machine
        .iter()
        .filter(|place| file.text.contains(**place))
        .map(|place| format!("mentions `{place}`"))
        .collect()
}

#[test]
fn no_file_leans_on_one_machine() {
    holds(outside, &everything(), "src/a.rs", concat!("// see ../", "shared/spec"));
}
