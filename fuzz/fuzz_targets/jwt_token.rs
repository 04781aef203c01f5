#![no_main]

use rocket_logto_fuzz::properties::jwt_token;

libfuzzer_sys::fuzz_target!(|data: &[u8]| jwt_token(data));
