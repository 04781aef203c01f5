#![no_main]

use rocket_logto_fuzz::properties::logout_form;

libfuzzer_sys::fuzz_target!(|data: &[u8]| logout_form(data));
