//! What stands in `key = ".."`: any text.

#![no_main]

#[path = "../../tests/tests/fuzz/template.rs"]
mod template;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    template::check(input);
});
