//! An app whose sessions are rows in SQLite.
//!
//! ```console
//! $ cargo run -p sqlite_store
//! ```
//!
//! Open the address it prints, sign in as one of the development provider's users,
//! and look into `sessions.sqlite3`. With a `ROCKET_SECRET_KEY` of your own the session
//! outlives a restart; without, Rocket makes up a new key each time it starts in the
//! debug profile. The store itself is in `store.rs`, with what to change for PostgreSQL.

#![forbid(unsafe_code)]

mod store;
#[cfg(test)]
mod tests;

use rocket::response::content::RawHtml;
use rocket::{Build, Rocket, get, launch, routes};
use rocket_logto::{Logto, User};

use crate::store::SqliteStore;

#[get("/")]
fn home(user: Option<User>) -> RawHtml<String> {
    RawHtml(match user {
        Some(user) => format!(
            "<!doctype html><title>Home</title><p>Signed in as <code>{}</code>.</p>\
             <p><a href=/protected>A page for you</a></p>\
             <form method=post action=/sign-out><button>Sign out</button></form>",
            // Nothing that a provider sends is HTML.
            rocket::http::RawStr::new(user.sub()).html_escape(),
        ),
        None => "<!doctype html><title>Home</title><a href=/sign-in>Sign in</a>".to_owned(),
    })
}

#[get("/protected")]
fn protected(user: User) -> String {
    format!("Your session, {}, is a row in SQLite.", user.sub())
}

fn app(store: SqliteStore) -> Rocket<Build> {
    rocket::build()
        .attach(Logto::fairing().session_store(store))
        .mount("/", routes![home, protected])
}

#[launch]
async fn rocket() -> _ {
    let store = SqliteStore::open("sessions.sqlite3").await;
    app(store.expect("a database in the current directory"))
}
