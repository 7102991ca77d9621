//! libFuzzer on the target `decoder`; `reference/fuzz/run.sh decoder SECONDS` builds and runs it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| knockd_fuzz::decoder(bytes));
