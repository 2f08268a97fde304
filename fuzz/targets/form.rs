#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tgprobe_fuzz::form::check(input);
});
