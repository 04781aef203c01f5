//! Begins the server of `lib.rs`.

#![forbid(unsafe_code)]

use rocket::launch;

#[launch]
fn rocket() -> _ {
    mcp_server::rocket()
}
