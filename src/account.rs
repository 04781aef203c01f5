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
struct Row<'a> {
    label: &'static str,
    value: Option<&'a str>,
}

#[get("/account")]
fn account(user: User, frame: Frame<'_>) -> Template {
    let claims = user.claims();
    let shown = |value: Option<&str>| value.map(visible);
    let (name, username) = (
        shown(claims.name.as_deref()),
        shown(claims.username.as_deref()),
    );
    let (email, phone) = (
        shown(claims.email.as_deref()),
        shown(claims.phone_number.as_deref()),
    );
    let rows = [
        ("account-name", name),
        ("account-username", username),
        ("account-email", email),
        ("account-phone", phone),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(label, value)| Row {
            label,
            value: value.as_deref(),
        })
        .collect();
    frame.around(Entry::of("account"), "account", context! { rows })
}
