//! Who the user is, for the user.

use rocket::serde::Serialize;
use rocket::{Route, get, routes};
use rocket_dyn_templates::{Template, context};
use rocket_logto::User;

use crate::frame::{Entry, Frame};
use crate::shown::visible;

pub fn routes() -> Vec<Route> {
    routes![account]
}

/// What there is to say, and the message that names it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Row {
    label: &'static str,
    value: Option<String>,
}

#[get("/account")]
fn account(user: User, frame: Frame<'_>) -> Template {
    let claims = user.claims();
    let rows = [
        ("account-name", &claims.name),
        ("account-username", &claims.username),
        ("account-email", &claims.email),
        ("account-phone", &claims.phone_number),
    ];
    let rows = rows.map(|(label, claim)| Row {
        label,
        value: claim.as_deref().map(visible),
    });
    frame.around(Entry::of("account"), "account", context! { rows })
}
