//! The pages of the library ("Sign out?", "Sign-in was cancelled"), in the frame of the app.

use rocket::Request;
use rocket::response::{Responder, Result};
use rocket_dyn_templates::context;
use rocket_logto::Page;

use crate::frame::{Entry, Frame};
use crate::headers;
use crate::language::Language;

pub fn show<'r>(page: Page, request: &'r Request<'_>) -> Option<Result<'r>> {
    let frame = Frame::told(request, Language::tagged(&page.language)?);
    let template = frame.around(Entry::none(), "told", context! { told: page });
    let mut response = match template.respond_to(request) {
        Ok(response) => response,
        Err(status) => return Some(Err(status)),
    };
    // The menu of a user has the form that signs out.
    let policy = headers::policy(request.rocket().state());
    response.set_header(policy);
    Some(Ok(response))
}
