//! What must hold of everything that reads bytes from outside, whatever the bytes are.
//!
//! One module for each reader; its `check` panics where something does not hold. The fuzzer (`fuzz/targets/`) calls it
//! with bytes of its own making, `tests/corpus.rs` with every file of `fuzz/corpus/`.

pub mod definition;
pub mod form;
pub mod group;
pub mod head;
pub mod matcher;
pub mod sigv4;
pub mod toml;

/// Checks that one input is read as it should be, and says whether it was accepted.
pub type Check = fn(&[u8]) -> bool;

/// Every reader, by the name of its fuzz target and of its folder in the corpus.
pub const ALL: [(&str, Check); 7] = [
    ("definition", definition::check),
    ("form", form::check),
    ("group", group::check),
    ("head", head::check),
    ("matcher", matcher::check),
    ("sigv4", sigv4::check),
    ("toml", toml::check),
];

/// A text in two at the first `mark`; the second part is empty where there is none.
fn cut<'t>(input: &'t [u8], mark: &[u8]) -> (&'t [u8], &'t [u8]) {
    match input.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&input[..at], &input[at + mark.len()..]),
        None => (input, b""),
    }
}
