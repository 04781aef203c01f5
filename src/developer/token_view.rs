//! Makes an access token readable: what it allows, until when, and its claims. Never
//! shows the token itself.

use rocket::serde::Serialize;
use rocket_logto::Token;

use super::claims::{ClaimsView, to_value};
use crate::shown::{Time, visible};

#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct TokenView {
    scopes: Vec<String>,
    expires: Time,
    /// `None` for an opaque token.
    claims: Option<ClaimsView>,
}

impl TokenView {
    pub fn new(token: &Token) -> Self {
        let claims = token.claims().and_then(|claims| to_value(claims).ok());
        Self {
            scopes: token.scopes().map(visible).collect(),
            expires: Time::at(token.expires_at()),
            claims: claims.as_ref().map(ClaimsView::new),
        }
    }
}
