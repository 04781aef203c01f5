#![no_main]

use rocket_logto_fuzz::properties::jwt_header;

libfuzzer_sys::fuzz_target!(|data: &[u8]| jwt_header(data));
