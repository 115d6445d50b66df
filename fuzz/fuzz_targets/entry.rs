//! What stands under a key of a Redis server: any bytes.

#![no_main]

#[path = "../../tests/tests/fuzz/entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    entry::check(input);
});
