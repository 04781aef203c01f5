//! How one page leads to another, wherever the app lives.

use rocket::Request;
use rocket::http::uri::Origin;
use rocket::response::{Redirect, Responder, Result};
use rocket_logto::Logto;

/// The path of `base_url`, which a proxy takes off before requests come here.
pub fn base(logto: Option<&Logto>) -> &str {
    logto.map_or("", |logto| logto.config().base_path())
}

/// A redirect to another page of the app.
pub struct Goto(pub Origin<'static>);

impl<'r> Responder<'r, 'static> for Goto {
    fn respond_to(self, request: &'r Request<'_>) -> Result<'static> {
        let path = format!("{}{}", base(request.rocket().state()), self.0);
        Redirect::to(path).respond_to(request)
    }
}
