//! Feeds the reader of classifiers' heads.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| minnow_fuzz::check_head(data));
