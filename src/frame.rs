//! What surrounds every page: the menu, which leads to the pages that the
//! configuration has, and the notice about the development provider. And how one leads
//! to another, wherever the app lives.

use rocket::Request;
use rocket::http::uri::Origin;
use rocket::response::{Redirect, Responder, Result};
use rocket::serde::Serialize;
use rocket_dyn_templates::Template;
use rocket_logto::{Logto, ORGANIZATIONS_SCOPE};

use crate::resources;

/// Where a page stands.
pub struct Frame {
    /// Its entry in the menu.
    page: &'static str,
    /// Whether it is below that entry.
    below: bool,
    signed_in: bool,
}

impl Frame {
    /// The page of a menu entry.
    pub fn of(page: &'static str) -> Self {
        Self {
            page,
            below: false,
            signed_in: true,
        }
    }

    /// A page below a menu entry.
    pub fn below(page: &'static str) -> Self {
        Self {
            below: true,
            ..Self::of(page)
        }
    }

    /// For pages that are open to everyone.
    pub fn signed_in(self, signed_in: bool) -> Self {
        Self { signed_in, ..self }
    }

    /// The page, rendered by `template` from `content`. Without configuration, which the
    /// launch would not survive, nothing is known to be there.
    pub fn around(
        self,
        template: &'static str,
        logto: Option<&Logto>,
        content: impl Serialize,
    ) -> Template {
        #[derive(Serialize)]
        #[serde(crate = "rocket::serde")]
        struct Page<'a, C> {
            base: &'a str,
            page: &'static str,
            below: bool,
            signed_in: bool,
            dev_provider: bool,
            has_organizations: bool,
            has_resources: bool,
            #[serde(flatten)]
            content: C,
        }
        Template::render(
            template,
            Page {
                base: base(logto),
                page: self.page,
                below: self.below,
                signed_in: self.signed_in,
                dev_provider: logto.is_some_and(Logto::dev_provider),
                has_organizations: logto.is_some_and(has_organizations),
                has_resources: logto.is_some_and(has_resources),
                content,
            },
        )
    }
}

/// The path of `base_url`, which a proxy takes off before requests come here.
fn base(logto: Option<&Logto>) -> &str {
    logto.map_or("", |logto| logto.config().base_path())
}

/// A redirect to another page of the app.
pub struct Goto(pub Origin<'static>);

impl<'r> Responder<'r, 'static> for Goto {
    fn respond_to(self, request: &'r Request<'_>) -> Result<'static> {
        let path = format!("{}{}", base(request.rocket().state()), self.0);
        Redirect::to(path).respond_to(request)
    }
}

/// Whether a sign-in asks for the user's organizations: without that there are no
/// organization tokens.
pub fn has_organizations(logto: &Logto) -> bool {
    let scopes = &logto.config().scopes;
    scopes.iter().any(|scope| scope == ORGANIZATIONS_SCOPE)
}

/// Whether a sign-in asks for tokens for an API.
pub fn has_resources(logto: &Logto) -> bool {
    !resources::configured(logto).is_empty()
}
