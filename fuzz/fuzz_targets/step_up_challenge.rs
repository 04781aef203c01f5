#![no_main]

use rocket_logto_fuzz::properties::step_up_challenge;

libfuzzer_sys::fuzz_target!(|data: &[u8]| step_up_challenge(data));
