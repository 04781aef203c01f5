//! What the fuzz targets share. The crate's unit tests check the same
//! properties on random input, the over-the-wire tests on the seeds.

use rocket_logto::SigningAlg;
use rocket_logto::internals::{
    DpopCall, Expected, Keys, Sealer, callback_parameters, cookie_pairs, cookie_value, dpop_address, dpop_proof, ended_by_webhook, endpoints, kept_return_to, logout_token_of_form, step_up_challenge, webhook_signature,
};

#[path = "../crates/rocket_logto/src/internals/properties.rs"]
pub mod properties;
