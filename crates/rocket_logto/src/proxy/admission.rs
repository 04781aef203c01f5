//! Who may use the proxy: scripts of the app's own pages, and nobody else. Before the session
//! is looked at.

use rocket::Request;

use super::failure::{Failure, Kind, Refusal};
use crate::logto::Logto;
use crate::request::{ANTI_FORGERY, Sender, has_anti_forgery_header};
use crate::response::cross_site::not_from_here;

/// Every method, reading included: what is read is not for others either, and the upstream
/// may not keep to the rule that reading changes nothing.
pub(super) fn admit(request: &Request<'_>) -> Result<(), Refusal> {
    if request.headers().contains("Upgrade") {
        // A WebSocket would outlive the session, and brings no header of ours.
        return Err(Failure::of_client(Kind::Upgrade, "asks for another protocol").into());
    }
    if Sender::of(request, Logto::of(request)?.base_url()) != Sender::Ourselves {
        return Err(not_from_here(request).into());
    }
    if !has_anti_forgery_header(request) {
        let (name, value) = ANTI_FORGERY;
        let why =
            format!("comes without the header {name}: {value}, which the page's script sends");
        return Err(Failure::of_client(Kind::NoHeader, why).into());
    }
    Ok(())
}
