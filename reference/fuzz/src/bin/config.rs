//! libFuzzer on the target `config`; `reference/fuzz/run.sh config SECONDS` builds and runs it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| knockd_fuzz::config(bytes));
