//! An MCP server: notes that an AI assistant reads, writes and deletes for the user who has
//! signed in with it.
//!
//! The provider has to know the server as an API resource, by its address. The development
//! provider does with this seed, and lets clients register themselves:
//!
//! ```console
//! $ cargo run -p logto_dev_provider -- --seed examples/mcp_server/seed.toml --dynamic-registration
//! $ ROCKET_PORT=3002 cargo run -p mcp_server
//! ```
//!
//! Then give `http://localhost:3002/mcp` to an MCP client; it opens a browser for the sign-in.
//!
//! | file | what it is about |
//! |---|---|
//! | `address.rs` | where this server is, and requests that mean another one (DNS rebinding) |
//! | `permissions.rs` | what callers may do |
//! | `transport.rs` | "Streamable HTTP": what goes over the wire |
//! | `sessions.rs` | sessions of the protocol, as older revisions have them, each of one user |
//! | `modern.rs` | requests that stand alone, as the newest revision has them |
//! | `protocol.rs` | the messages, in JSON-RPC |
//! | `tools.rs` | the tools, and the permission that each one needs |
//! | `notes.rs` | the notes themselves, in place of a database |
//!
//! It speaks the revision 2026-07-28 of the
//! [specification](https://modelcontextprotocol.io/specification/2026-07-28), which has no
//! sessions, and 2025-11-25 and 2025-06-18, which have.

#![forbid(unsafe_code)]

mod address;
mod modern;
mod notes;
mod permissions;
mod protocol;
mod sessions;
#[cfg(test)]
mod tests;
mod tools;
mod transport;

use rocket::{Build, Rocket};
use rocket_logto::Logto;

use crate::address::Address;
use crate::notes::Notes;
use crate::permissions::{DeleteNotes, ReadNotes, WriteNotes};
use crate::sessions::Sessions;

/// Nobody signs in here: assistants bring access tokens, and are told where to get them.
pub fn rocket() -> Rocket<Build> {
    rocket::build()
        .attach(Address::fairing())
        .attach(Logto::api().protects::<(ReadNotes, WriteNotes, DeleteNotes)>())
        .manage(Sessions::default())
        .manage(Notes::default())
        .mount("/", transport::routes())
        .register("/mcp", transport::catchers())
}
