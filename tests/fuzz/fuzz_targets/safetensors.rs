//! Feeds the safetensors parser.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| minnow_fuzz::check_safetensors(data));
