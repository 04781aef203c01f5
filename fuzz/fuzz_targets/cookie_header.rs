#![no_main]

use rocket_logto_fuzz::properties::cookie_header;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cookie_header(data));
