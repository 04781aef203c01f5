//! What the fuzz targets share. The crate's unit tests check the same
//! properties on the same seeds and on random input.

use rocket_logto::SigningAlg;
use rocket_logto::internals::{
    Expected, Keys, Sealer, callback_parameters, cookie_pairs, cookie_value, endpoints,
    kept_return_to, logout_token_of_form,
};

pub mod properties;
