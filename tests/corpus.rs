//! Every file of `fuzz/corpus/` through what the fuzzer calls, so that what it once found stays found without it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

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

/// The inputs for one target, and after them what is often put into them.
fn pieces(target: &str) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let inputs: Vec<_> = entries(&folder).iter().map(|input| fs::read(input).unwrap()).collect();
    let marks = [
        "", "\n", "\r", "\0", "\u{7f}", "%", "+", "=", "&", ".", ",", ";", "-", "/", "\"", "[", "]", "0",
        "9", "99999", "é",
    ];
    let marks = marks.iter().map(|mark| mark.as_bytes().to_vec()).chain([vec![0xff]]);
    // Words of any input may stand in any other.
    let words = inputs.iter().flat_map(|input| input.split(|byte| !byte.is_ascii_alphanumeric()));
    let marks = marks.chain(words.filter(|word| !word.is_empty()).map(<[u8]>::to_vec)).collect();
    (inputs, marks)
}

/// An input of the corpus in which some places are something else.
fn changed(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let (inputs, marks) = pieces(target);
    let change = (any::<Index>(), 0..4_usize, prop::sample::select(marks));
    (prop::sample::select(inputs), prop::collection::vec(change, 0..6)).prop_map(|(mut input, changes)| {
        for (at, length, mark) in changes {
            let at = at.index(input.len() + 1);
            let end = (at + length).min(input.len());
            input.splice(at..end, mark);
        }
        input
    })
}

/// What the fuzzer does, for a moment and without it.
macro_rules! what_is_nearly_an_input_is_read_as_it_should_be {
    ($($target:ident)+) => {
        proptest! {
            $(
                #[test]
                fn $target(input in changed(stringify!($target))) {
                    checks::$target::check(&input);
                }
            )+
        }

        #[test]
        fn nothing_is_left_out() {
            assert_eq!([$(stringify!($target)),+], checks::ALL.map(|(target, _)| target));
        }
    };
}

mod nearly {
    use super::*;

    what_is_nearly_an_input_is_read_as_it_should_be!(definition form group head matcher sigv4 toml);
}
