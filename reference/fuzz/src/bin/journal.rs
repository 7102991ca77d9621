//! libFuzzer on the target `journal`; `reference/fuzz/run.sh journal SECONDS` builds and runs it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| knockd_fuzz::journal(bytes));
