#![no_main]

use rocket_logto_fuzz::properties::callback_query;

libfuzzer_sys::fuzz_target!(|data: &[u8]| callback_query(data));
