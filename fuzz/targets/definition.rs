#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tgprobe_fuzz::definition::check(input);
});
