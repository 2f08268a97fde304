//! Every file of `fuzz/corpus/` through what the fuzzer calls, so that what it once found stays found without it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

#[path = "../fuzz/checks/mod.rs"]
pub mod checks;

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn every_input_of_the_corpus_is_accepted_or_refused_as_its_name_says() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let folders = entries(&fuzz.join("corpus"));
    let names: Vec<_> = folders.iter().map(|folder| name(folder)).collect();
    assert_eq!(names, checks::ALL.map(|(name, _)| name), "a folder for each check");
    let mut wrong = Vec::new();
    for (folder, (target, check)) in folders.iter().zip(checks::ALL) {
        assert!(fuzz.join(format!("targets/{target}.rs")).is_file(), "{target} is not fuzzed");
        let inputs = entries(folder);
        assert!(inputs.len() >= 10, "{target} has {} inputs", inputs.len());
        for kind in ["good-", "bad-"] {
            assert!(inputs.iter().any(|input| name(input).starts_with(kind)), "{target}: none is {kind}");
        }
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            // What the fuzzer found is of either kind.
            match (panic::catch_unwind(|| check(&bytes)), name(&input).split_once('-').map(|(kind, _)| kind))
            {
                (Ok(true), Some("good")) | (Ok(false), Some("bad")) | (Ok(_), Some("found")) => {}
                (found, _) => wrong.push(format!("{target}/{}: accepted: {found:?}", name(&input))),
            }
        }
    }
    assert!(wrong.is_empty(), "see the panics above, if any:\n{}", wrong.join("\n"));
}
