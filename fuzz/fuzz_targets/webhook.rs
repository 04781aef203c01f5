#![no_main]

use rocket_logto_fuzz::properties::webhook;

libfuzzer_sys::fuzz_target!(|data: &[u8]| webhook(data));
