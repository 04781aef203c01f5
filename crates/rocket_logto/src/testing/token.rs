//! `TestToken`: an access token that an API takes which is offline.

use std::time::Duration;

use rocket::http::Header;
use rocket::{Orbit, Rocket};
use serde_json::{Map, Value};

use super::offline::{ahead, provider};
use crate::clock::{seconds, system_clock};

/// An access token for an API that is [`offline`](super::offline): a JWT that
/// [`Bearer`](crate::Bearer) takes, signed by the key of the test's provider.
///
/// It is for an API resource, for an organization, or for a resource within an organization,
/// as Logto's are. Without either it is for nothing, and no guard takes it.
///
/// # Network
///
/// None.
///
/// # Standards
///
/// RFC 9068 (JWT access tokens).
///
/// # Examples
///
/// ```rust
/// use rocket::http::Status;
/// use rocket::local::blocking::Client;
/// use rocket::{get, routes};
/// use rocket_logto::testing::{TestToken, offline};
/// use rocket_logto::{Bearer, Logto, Permission, Resource};
///
/// struct Shop;
/// impl Resource for Shop {
///     const INDICATOR: &'static str = "https://shop.example.com";
/// }
///
/// struct ReadCart;
/// impl Permission for ReadCart {
///     type Audience = Shop;
///     const SCOPES: &'static [&'static str] = &["read"];
/// }
///
/// #[get("/cart")]
/// fn cart(caller: Bearer<ReadCart>) -> String {
///     caller.sub().to_owned()
/// }
///
/// let app = rocket::build().attach(Logto::api()).mount("/", routes![cart]);
/// let client = Client::tracked(offline(app)).unwrap();
/// for (scope, status) in [("read", Status::Ok), ("write", Status::Forbidden)] {
///     let token = TestToken::new("ada").resource(Shop::INDICATOR).scope(scope);
///     let answer = client.get("/cart").header(token.header(client.rocket())).dispatch();
///     assert_eq!(answer.status(), status);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct TestToken {
    sub: String,
    resource: Option<String>,
    organization: Option<String>,
    scopes: Vec<String>,
    /// How long ago.
    authenticated: Option<Duration>,
    claims: Map<String, Value>,
}

impl TestToken {
    /// A token of the user, or the machine, with this `sub`.
    pub fn new(sub: impl Into<String>) -> TestToken {
        TestToken {
            sub: sub.into(),
            resource: None,
            organization: None,
            scopes: Vec::new(),
            authenticated: None,
            claims: Map::new(),
        }
    }

    /// The API resource that it is for.
    pub fn resource(mut self, indicator: impl Into<String>) -> TestToken {
        self.resource = Some(indicator.into());
        self
    }

    /// The organization that it is for, or within which its resource is meant.
    pub fn organization(mut self, id: impl Into<String>) -> TestToken {
        self.organization = Some(id.into());
        self
    }

    /// One more scope.
    pub fn scope(mut self, scope: impl Into<String>) -> TestToken {
        self.scopes.push(scope.into());
        self
    }

    /// How strongly its user has authenticated (`acr`), for a permission with an
    /// [`AUTHENTICATION`](crate::Permission::AUTHENTICATION).
    ///
    /// ```rust
    /// use rocket_logto::logto_acr;
    /// use rocket_logto::testing::TestToken;
    ///
    /// TestToken::new("ada").acr(logto_acr::MFA).amr(&["pwd", "otp", "mfa"]);
    /// ```
    pub fn acr(self, acr: impl Into<String>) -> TestToken {
        self.claim("acr", acr.into())
    }

    /// The methods that its user has authenticated with (`amr`).
    pub fn amr(self, methods: &[&str]) -> TestToken {
        self.claim("amr", methods.to_vec())
    }

    /// How long ago its user has authenticated (`auth_time`), by the clock of the tests.
    pub fn authenticated(mut self, ago: Duration) -> TestToken {
        self.authenticated = Some(ago);
        self
    }

    /// Any claim; it replaces that of the same name, `exp` for one.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> TestToken {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// The token itself.
    ///
    /// # Panics
    ///
    /// Where the app is not [`offline`](super::offline).
    pub fn token(&self, rocket: &Rocket<Orbit>) -> String {
        let mut claims = self.claims.clone();
        if let Some(ago) = self.authenticated {
            let now = system_clock() + ahead(rocket);
            claims
                .entry("auth_time")
                .or_insert((now - seconds(ago)).into());
        }
        let audience = match (&self.resource, &self.organization) {
            (Some(indicator), Some(id)) => {
                claims.entry("organization_id").or_insert(id.clone().into());
                indicator.clone()
            }
            (Some(indicator), None) => indicator.clone(),
            (None, Some(id)) => format!("urn:logto:organization:{id}"),
            (None, None) => String::new(),
        };
        let scopes = self.scopes.join(" ");
        provider(rocket).access_token(&self.sub, &audience, &scopes, claims)
    }

    /// It as the header `Authorization` of a request.
    ///
    /// # Panics
    ///
    /// Where the app is not [`offline`](super::offline).
    pub fn header(&self, rocket: &Rocket<Orbit>) -> Header<'static> {
        Header::new("Authorization", format!("Bearer {}", self.token(rocket)))
    }
}
