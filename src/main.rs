//! The web app that shows `rocket_logto`: `cargo run`, then open the address it
//! prints. It uses the crate exactly as any other application would.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod api;
mod claims;
mod headers;
mod organizations;
mod pages;
mod resources;
mod session;
mod token_view;

use rocket::launch;
use rocket_dyn_templates::Template;
use rocket_logto::Logto;

#[launch]
fn rocket() -> _ {
    rocket::build()
        .attach(Logto::fairing())
        .attach(Template::fairing())
        .attach(headers::shield())
        .attach(headers::Headers)
        .attach(resources::http_client())
        .mount("/", pages::routes())
        .mount("/", organizations::routes())
        .mount("/", resources::routes())
        .mount("/", session::routes())
        .mount("/", api::routes())
        .register("/", pages::catchers())
}
