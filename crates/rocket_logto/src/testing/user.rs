//! `TestUser`: who signs in to an app that is offline.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logto_dev_provider::{SeedOrganization, SeedUser};
use openidconnect::http::{Request, header};
use rocket::http::Status;
use rocket::local::{asynchronous, blocking};
use rocket::{Orbit, Rocket};
use serde_json::Value;
use url::Url;

use super::offline::{provider, resource};
use crate::logto::Logto;

/// A user of an app that is [`offline`](super::offline).
///
/// What it has beside its `sub` it gets by the methods below; the app sees of it what its
/// `scopes` and `resources` ask for, as at a Logto. A second user with the same `sub` takes the
/// place of the first: the next refresh brings its claims.
///
/// Signing in runs the app's own routes and hooks and verifies real tokens: nothing of the
/// session is made up.
///
/// # Network
///
/// None.
///
/// # Examples
///
/// ```rust
/// use rocket::http::Status;
/// use rocket::local::blocking::Client;
/// use rocket::{get, routes};
/// use rocket_logto::testing::{TestUser, offline};
/// use rocket_logto::{Allowed, Logto, Requirement};
///
/// struct Editor;
/// impl Requirement for Editor {
///     const ROLES: &'static [&'static str] = &["editor"];
/// }
///
/// #[get("/drafts")]
/// fn drafts(user: Allowed<Editor>) -> String {
///     user.sub().to_owned()
/// }
///
/// let figment = rocket::Config::figment().merge(("logto.scopes", ["roles"]));
/// let app = rocket::custom(figment).attach(Logto::fairing()).mount("/", routes![drafts]);
/// let client = Client::tracked(offline(app)).unwrap();
///
/// TestUser::new("ada").role("editor").sign_in(&client);
/// assert_eq!(client.get("/drafts").dispatch().status(), Status::Ok);
///
/// // Somebody else, in the same browser.
/// TestUser::new("bob").sign_in(&client);
/// assert_eq!(client.get("/drafts").dispatch().status(), Status::Forbidden);
/// ```
#[derive(Clone, Debug)]
pub struct TestUser {
    seed: SeedUser,
    /// Ids, and the user's roles there.
    organizations: Vec<(String, Vec<String>)>,
    /// How long ago.
    authenticated: Option<Duration>,
}

impl TestUser {
    /// A user with this `sub` and nothing else.
    pub fn new(sub: impl Into<String>) -> TestUser {
        TestUser {
            seed: SeedUser::new(sub),
            organizations: Vec::new(),
            authenticated: None,
        }
    }

    /// The claim `name`.
    pub fn name(mut self, name: impl Into<String>) -> TestUser {
        self.seed.name = Some(name.into());
        self
    }

    /// The claims `username` and `preferred_username`.
    pub fn username(mut self, username: impl Into<String>) -> TestUser {
        self.seed.username = Some(username.into());
        self
    }

    /// The claims `email`, and `email_verified`, which is `true` (scope `email`).
    pub fn email(mut self, email: impl Into<String>) -> TestUser {
        self.seed.email = Some(email.into());
        self
    }

    /// One more of the claim `roles` (scope `roles`).
    pub fn role(mut self, role: impl Into<String>) -> TestUser {
        self.seed.roles.push(role.into());
        self
    }

    /// Any claim of the ID token and of the userinfo endpoint, whatever the app asks for;
    /// it replaces what Logto would say under this name.
    ///
    /// ```rust
    /// # use rocket_logto::testing::TestUser;
    /// TestUser::new("ada").claim("tier", "gold").claim("groups", vec!["staff"]);
    /// ```
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> TestUser {
        self.seed.claims.insert(name.into(), value.into());
        self
    }

    /// Makes the user a member of an organization with these roles in it (scopes
    /// `urn:logto:scope:organizations` and `urn:logto:scope:organization_roles`).
    pub fn organization(mut self, id: impl Into<String>, roles: &[&str]) -> TestUser {
        let roles = roles.iter().map(|role| (*role).to_owned());
        self.organizations.push((id.into(), roles.collect()));
        self
    }

    /// Scopes of the user in an organization of theirs, for [`OrgToken`](crate::OrgToken).
    pub fn organization_scopes(mut self, id: impl Into<String>, scopes: &[&str]) -> TestUser {
        let of = self.seed.organization_scopes.entry(id.into()).or_default();
        of.extend(scopes.iter().map(|scope| (*scope).to_owned()));
        self
    }

    /// Scopes of the user at an API resource, for [`AccessToken`](crate::AccessToken). The
    /// app gets those that are in its `scopes` as well.
    pub fn resource(mut self, indicator: impl Into<String>, scopes: &[&str]) -> TestUser {
        let of = self
            .seed
            .resource_scopes
            .entry(indicator.into())
            .or_default();
        of.extend(scopes.iter().map(|scope| (*scope).to_owned()));
        self
    }

    /// How strongly the user has authenticated (`acr`), whatever the app asks for. Without it
    /// they do what a Logto asks them for: the app's `acr_values` are met.
    ///
    /// ```rust
    /// use rocket_logto::logto_acr;
    /// use rocket_logto::testing::TestUser;
    ///
    /// TestUser::new("ada").acr(logto_acr::MFA).amr(&["pwd", "otp", "mfa"]);
    /// ```
    pub fn acr(self, acr: impl Into<String>) -> TestUser {
        self.claim("acr", acr.into())
    }

    /// The methods the user has authenticated with (`amr`, RFC 8176), whatever the app asks for.
    pub fn amr(self, methods: &[&str]) -> TestUser {
        self.claim("amr", methods.to_vec())
    }

    /// A user who has no second factor: where the app asks for one, the provider sends them
    /// back with `unmet_authentication_requirements`, and [`arrive`](TestUser::arrive) gives the
    /// page for that.
    pub fn without_second_factor(mut self) -> TestUser {
        self.seed.second_factor = false;
        self
    }

    /// How long ago the user has authenticated at the provider, for
    /// [`StepUp`](crate::StepUp). Without it they do so at the sign-in.
    pub fn authenticated(mut self, ago: Duration) -> TestUser {
        self.authenticated = Some(ago);
        self
    }

    /// Signs the user in: the client has their session from then on, in place of any other.
    ///
    /// # Panics
    ///
    /// When the sign-in fails, with the page that the browser would have got; when the client
    /// is not a [tracked](blocking::Client::tracked) one, or its app is not
    /// [`offline`](super::offline).
    #[track_caller]
    pub fn sign_in(&self, client: &blocking::Client) {
        let answer = self.arrive(client);
        let (status, body) = (answer.status(), answer.into_string());
        arrived(status, body);
    }

    /// The same with an asynchronous client.
    ///
    /// # Panics
    ///
    /// As [`sign_in`](TestUser::sign_in).
    pub async fn sign_in_async(&self, client: &asynchronous::Client) {
        let answer = self.arrive_async(client).await;
        let (status, body) = (answer.status(), answer.into_string().await);
        arrived(status, body);
    }

    /// What the browser gets when it comes back from the provider: a redirect into the app,
    /// or a page that says why there is no session, as after
    /// [`Admission::refuse`](crate::Admission::refuse).
    ///
    /// # Panics
    ///
    /// When it does not get as far as that; when the client is not a tracked one, or its app
    /// is not [`offline`](super::offline).
    #[track_caller]
    pub fn arrive<'c>(&self, client: &'c blocking::Client) -> blocking::LocalResponse<'c> {
        let start = client.get(self.start(client.rocket())).dispatch();
        let location = start.headers().get_one("Location").map(str::to_owned);
        let (status, body) = (start.status(), start.into_string());
        let has_cookies = client.cookies().iter().next().is_some();
        let to = leaves(location, has_cookies, status, body);
        client
            .get(self.presses_button(client.rocket(), &to))
            .dispatch()
    }

    /// The same with an asynchronous client.
    ///
    /// # Panics
    ///
    /// As [`arrive`](TestUser::arrive).
    pub async fn arrive_async<'c>(
        &self,
        client: &'c asynchronous::Client,
    ) -> asynchronous::LocalResponse<'c> {
        let start = client.get(self.start(client.rocket())).dispatch().await;
        let location = start.headers().get_one("Location").map(str::to_owned);
        let (status, body) = (start.status(), start.into_string().await);
        let has_cookies = client.cookies().iter().next().is_some();
        let to = leaves(location, has_cookies, status, body);
        let back = self.presses_button(client.rocket(), &to);
        client.get(back).dispatch().await
    }

    /// Makes this what the provider knows of the user with this `sub`: a new name, other
    /// roles. The app notices as it does of a [suspension](TestUser::suspend).
    ///
    /// # Panics
    ///
    /// Where the app is not [`offline`](super::offline).
    pub fn changes(&self, rocket: &Rocket<Orbit>) {
        provider(rocket).edit_seed(|seed| {
            seed.users.retain(|user| user.id != self.seed.id);
            seed.users.push(self.seed.clone());
            for indicator in self.seed.resource_scopes.keys() {
                resource(seed, indicator);
            }
            for (id, roles) in &self.organizations {
                if !seed.organizations.iter().any(|known| known.id == *id) {
                    seed.organizations.push(SeedOrganization::new(id, id));
                }
                let known = seed.organizations.iter_mut().find(|known| known.id == *id);
                if let Some(organization) = known {
                    for role in roles {
                        organization.roles.entry(role.clone()).or_default();
                    }
                    let member = self.seed.id.clone();
                    organization.members.insert(member, roles.clone());
                }
            }
        });
    }

    /// Suspends the user at the provider, or lets them in again. The app notices when it asks
    /// the provider next: after `claims_max_age` (see [`later`](super::later)), by
    /// [`User::refresh`](crate::User::refresh), or for a token that it does not have.
    ///
    /// # Panics
    ///
    /// Where the user has never signed in, or the app is not [`offline`](super::offline).
    #[track_caller]
    pub fn suspend(&self, rocket: &Rocket<Orbit>, suspended: bool) {
        let is_known = provider(rocket).suspend(&self.seed.id, suspended);
        assert!(
            is_known,
            "rocket_logto::testing: {} has never signed in",
            self.seed.id
        );
    }

    /// Where the sign-in begins, also for somebody who is signed in: that takes a `prompt`,
    /// and `login` would ask for an authentication that is new.
    fn start(&self, rocket: &Rocket<Orbit>) -> String {
        let Some(logto) = rocket.state::<Logto>() else {
            panic!("rocket_logto::testing: Logto::fairing() is not attached");
        };
        let route = &logto.config().mounted.sign_in;
        match self.authenticated {
            // Longer than anybody waits: for the claim `auth_time`.
            Some(ago) => format!("{route}?prompt=consent&max_age={}", ago.as_secs() + 3600),
            None => format!("{route}?prompt=consent"),
        }
    }

    /// At the provider. The path of the app to which it sends the browser back.
    fn presses_button(&self, rocket: &Rocket<Orbit>, to: &str) -> String {
        self.changes(rocket);
        let provider = provider(rocket);
        let request = match Request::get(to).body(Vec::new()) {
            Ok(request) => request,
            Err(error) => panic!("rocket_logto::testing: the sign-in leads to {to}: {error}"),
        };
        let auth_time = self.authenticated.map(|ago| {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            now.saturating_sub(ago).as_secs()
        });
        let answer = provider.sign_in(request, &self.seed.id, auth_time);
        let location = answer.headers().get(header::LOCATION);
        let back = location.and_then(|location| Url::parse(location.to_str().ok()?).ok());
        match back {
            Some(back) => here(rocket, &back),
            None => panic!(
                "rocket_logto::testing: the provider refuses the sign-in: {}",
                String::from_utf8_lossy(answer.body())
            ),
        }
    }
}

/// Path and query of an address of the app, as its routes are mounted.
fn here(rocket: &Rocket<Orbit>, address: &Url) -> String {
    let callback = rocket.state::<Logto>();
    let callback = callback.map_or("/", |logto| &logto.config().mounted.callback);
    format!("{callback}?{}", address.query().unwrap_or_default())
}

/// Where the app sends the browser to sign in.
fn leaves(
    location: Option<String>,
    has_cookies: bool,
    status: Status,
    body: Option<String>,
) -> String {
    match location {
        Some(_) if !has_cookies => panic!(
            "rocket_logto::testing: the client keeps no cookies: make it by Client::tracked()"
        ),
        Some(location) if status == Status::SeeOther => location,
        _ => panic!(
            "rocket_logto::testing: the sign-in does not start: {status}\n{}",
            body.unwrap_or_default()
        ),
    }
}

#[track_caller]
fn arrived(status: Status, body: Option<String>) {
    assert!(
        status == Status::SeeOther,
        "rocket_logto::testing: nobody is signed in: {status}\n{}",
        body.unwrap_or_default()
    );
}
