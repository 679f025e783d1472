//! Feeds the gguf parser.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| minnow_fuzz::check_gguf(data));
