#![no_main]

use rocket_logto_fuzz::properties::dpop_proof;

libfuzzer_sys::fuzz_target!(|data: &[u8]| dpop_proof(data));
