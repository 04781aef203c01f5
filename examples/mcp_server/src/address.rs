//! Where this server is: `mcp.url` in `Rocket.toml`, `ROCKET_MCP={url="https://…"}` in the
//! environment.
//!
//! It is the audience of the tokens, and it decides which requests are meant for this server. A
//! web page whose host name suddenly leads to this machine (DNS rebinding) can send what it
//! likes here, but its browser names the page's host, in `Host` and in `Origin`.

use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::{Config, Rocket};
use url::{Origin, Url};

pub struct Address {
    /// As it is written, for that is how the provider has it.
    indicator: String,
    url: Url,
}

impl Address {
    pub fn fairing() -> AdHoc {
        AdHoc::try_on_ignite("MCP address", |rocket: Rocket<_>| async move {
            match Address::of(rocket.figment()) {
                Ok(address) => Ok(rocket.manage(address)),
                Err(why) => {
                    log::error!("mcp.url {why}");
                    Err(rocket)
                }
            }
        })
    }

    /// In the debug profile it need not be configured.
    fn of(figment: &Figment) -> Result<Address, String> {
        match figment.extract_inner::<String>("mcp.url") {
            Ok(url) => Address::parse(url),
            Err(error) if figment.contains("mcp.url") => Err(format!("cannot be read: {error}")),
            Err(_) if *figment.profile() == Config::DEBUG_PROFILE => {
                let port: u16 = figment.extract_inner("port").unwrap_or(8000);
                Address::parse(format!("http://localhost:{port}/mcp"))
            }
            Err(_) => Err(
                "is not configured: write the address that clients are given, such as \
                 https://notes.example.com/mcp"
                    .to_owned(),
            ),
        }
    }

    pub(crate) fn parse(indicator: String) -> Result<Address, String> {
        let url = Url::parse(&indicator).map_err(|why| format!("is {indicator:?}: {why}"))?;
        let is_http = matches!(url.scheme(), "http" | "https");
        // RFC 9728, section 1.2: no fragment. The query is none of ours.
        if !is_http || url.fragment().is_some() || url.query().is_some() {
            return Err(format!(
                "is {indicator:?}: an http or https address without query and fragment is expected"
            ));
        }
        Ok(Address { indicator, url })
    }

    /// What the provider calls this server, as an API resource.
    pub fn indicator(&self) -> &str {
        &self.indicator
    }

    /// Whether a `Host` is this server's. The port may be left out where it is the usual one.
    fn is_host(&self, host: &str) -> bool {
        let named = Url::parse(&format!("{}://{host}/", self.url.scheme()));
        named.is_ok_and(|named| self.is_origin(&named.origin()))
    }

    fn is_origin(&self, origin: &Origin) -> bool {
        // Never so for "null".
        *origin == self.url.origin()
    }
}

/// A request that is meant for this server, and comes from no page of another one. Programs
/// send no `Origin`.
pub struct MeantForUs;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for MeantForUs {
    type Error = &'static str;

    async fn from_request(request: &'r Request<'_>) -> Outcome<MeantForUs, &'static str> {
        let Some(address) = request.rocket().state::<Address>() else {
            return Outcome::Error((Status::InternalServerError, "no address"));
        };
        let host = request.host().map(ToString::to_string);
        if !host.is_some_and(|host| address.is_host(&host)) {
            log::warn!("refused: Host is not that of mcp.url, {}", address.url);
            return Outcome::Error((Status::Forbidden, "Host"));
        }
        let mut origins = request.headers().get("Origin");
        let ours = |origin: &str| Url::parse(origin).is_ok_and(|o| address.is_origin(&o.origin()));
        if !origins.all(ours) {
            log::warn!("refused: Origin is not that of mcp.url, {}", address.url);
            return Outcome::Error((Status::Forbidden, "Origin"));
        }
        Outcome::Success(MeantForUs)
    }
}
