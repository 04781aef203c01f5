//! For developers: what the app knows about its user, which tokens it gets, and what comes
//! of calls with them.

mod api;
mod claims;
pub mod organizations;
pub mod resources;
mod token_view;

use rocket::http::Status;
use rocket::serde::Serialize;
use rocket::{Route, get, routes};
use rocket_dyn_templates::{Template, context};
use rocket_logto::{User, UserInfo};

use self::claims::{ClaimsView, to_value};
use crate::frame::{Entry, Frame};

pub fn routes() -> Vec<Route> {
    let own = routes![overview, protected, userinfo];
    [own, resources::routes(), api::routes()].concat()
}

/// What there is to see, for everybody.
#[get("/developer")]
fn overview(frame: Frame<'_>) -> Template {
    frame.around(Entry::of("developer"), "developer/overview", context! {})
}

/// Only for users with a verified session: the guard in the arguments sends everyone
/// else to sign in, and brings them back afterwards.
#[get("/protected")]
fn protected(user: User, frame: Frame<'_>) -> Result<Template, Status> {
    claims_page("protected", "developer/protected", user.claims(), &frame)
}

#[get("/protected/userinfo")]
fn userinfo(info: UserInfo, frame: Frame<'_>) -> Result<Template, Status> {
    claims_page("userinfo", "developer/userinfo", info.claims(), &frame)
}

fn claims_page(
    page: &'static str,
    template: &'static str,
    claims: &impl Serialize,
    frame: &Frame<'_>,
) -> Result<Template, Status> {
    let content = context! { claims: ClaimsView::new(&to_value(claims)?) };
    Ok(frame.around(Entry::of(page), template, content))
}
