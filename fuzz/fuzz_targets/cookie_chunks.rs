#![no_main]

use rocket_logto_fuzz::properties::cookie_chunks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cookie_chunks(data));
