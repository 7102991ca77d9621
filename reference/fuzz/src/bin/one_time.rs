//! libFuzzer on the target `one_time`; `reference/fuzz/run.sh one_time SECONDS` builds and runs it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| knockd_fuzz::one_time(bytes));
