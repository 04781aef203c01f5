#![no_main]

use rocket_logto_fuzz::properties::jwt_claims;

libfuzzer_sys::fuzz_target!(|data: &[u8]| jwt_claims(data));
