#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| emvm_fuzz::imports::run(data));
