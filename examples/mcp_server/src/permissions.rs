//! What callers may do. Each permission holds the smaller ones: a client that is sent back for
//! more is told all scopes that it needs then, and would otherwise lose those it has.

use rocket::{Phase, Request, Rocket};
use rocket_logto::{BearerAudience, ExpectedAudience, Permission};

use crate::address::Address;

/// Tokens have to be for this server, whose address is configured. Where that is fixed, a
/// `Resource` with a constant does as well.
pub struct ThisServer;

impl BearerAudience for ThisServer {
    const NAME: Option<&'static str> = Some("Notes");

    fn expected(request: &Request<'_>) -> Option<ExpectedAudience> {
        let address = request.rocket().state::<Address>()?;
        Some(ExpectedAudience::new(address.indicator()))
    }

    /// For what this server tells about itself (RFC 9728).
    fn resource<Stage: Phase>(rocket: &Rocket<Stage>) -> Option<String> {
        let address = rocket.state::<Address>()?;
        Some(address.indicator().to_owned())
    }
}

/// What every caller needs.
pub struct ReadNotes;

impl Permission for ReadNotes {
    type Audience = ThisServer;
    const SCOPES: &'static [&'static str] = &["notes:read"];
}

pub struct WriteNotes;

impl Permission for WriteNotes {
    type Audience = ThisServer;
    const SCOPES: &'static [&'static str] = &["notes:read", "notes:write"];
}

pub struct DeleteNotes;

impl Permission for DeleteNotes {
    type Audience = ThisServer;
    const SCOPES: &'static [&'static str] = &["notes:read", "notes:write", "notes:delete"];
}
