#![no_main]

use rocket_logto_fuzz::properties::return_to;

libfuzzer_sys::fuzz_target!(|data: &[u8]| return_to(data));
