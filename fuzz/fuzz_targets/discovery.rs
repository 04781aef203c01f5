#![no_main]

use rocket_logto_fuzz::properties::discovery;

libfuzzer_sys::fuzz_target!(|data: &[u8]| discovery(data));
