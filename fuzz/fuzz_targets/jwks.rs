#![no_main]

use rocket_logto_fuzz::properties::jwks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| jwks(data));
