//! What the fairing asks of requests before any route sees them: a session below
//! protected paths, and an origin of our own for what changes something.
//!
//! A request hook of Rocket cannot answer. So a request that may not pass is sent to a
//! route of ours that does nothing, whatever its method, and the response hook answers in
//! its place, as for a guard that failed.

use rocket::http::Method;
use rocket::http::uri::Origin;
use rocket::route::{Handler, Outcome, Route};
use rocket::{Data, Request};

use super::LogtoFairing;
use crate::config::{LogtoConfig, RoutePaths};
use crate::error::Error;
use crate::guards::not_from_here;
use crate::request::cookies::raw_cookies;
use crate::request::subtree::{Subtree, is_plainly_below};
use crate::request::{is_at, is_harmless, keep_address};
use crate::response::language;
use crate::response::pending::pending;
use crate::session::{ActiveSession, SessionManager};

/// Where such requests go. Nothing is there to be seen by someone who asks for it.
const NOWHERE: &str = "/.rocket_logto/nowhere";

const METHODS: [Method; 9] = [
    Method::Get,
    Method::Put,
    Method::Post,
    Method::Delete,
    Method::Options,
    Method::Head,
    Method::Trace,
    Method::Connect,
    Method::Patch,
];

/// What was declared.
#[derive(Clone, Debug, Default)]
pub(super) struct Protected {
    subtrees: Vec<Subtree>,
    /// What was to be one of them and cannot be.
    wrong: Vec<String>,
    same_origin_only: bool,
}

impl LogtoFairing {
    /// Lets only signed-in users reach `path` and all below it, whatever is there: routes,
    /// files of a [`FileServer`](rocket::fs::FileServer), and what is mounted later. Others
    /// are answered as by the guard [`User`](crate::User): 303 to the sign-in and back, or
    /// 401.
    ///
    /// `path` is one of your routes' paths, as they are mounted: plain ASCII, without the
    /// path of `base_url` where a proxy takes that off. `"/"` is the whole app. The routes of
    /// this crate stay open. Call it once for each path.
    ///
    /// It does not matter how the path is spelt: `//private`, `/%70rivate`, `/PRIVATE`,
    /// `/private;x`, `/private.` and so on. A path that can be read in several ways, with `..`
    /// or an encoded slash in it, say, counts as below every protected path: it takes a session
    /// too, wherever it leads.
    ///
    /// A route that needs the user still takes [`User`](crate::User): the two cost no more than
    /// one. Fairings attached *later* must not change a request's path.
    ///
    /// # Network
    ///
    /// As [`User`](crate::User).
    ///
    /// # Errors
    ///
    /// Another path aborts the launch.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket::fs::FileServer;
    /// use rocket_logto::Logto;
    ///
    /// #[rocket::launch]
    /// fn rocket() -> _ {
    ///     rocket::build()
    ///         .attach(Logto::fairing().protect("/handbook"))
    ///         .mount("/handbook", FileServer::from("handbook"))
    /// }
    /// ```
    pub fn protect(mut self, path: impl Into<String>) -> LogtoFairing {
        let path = path.into();
        match Subtree::parse(&path) {
            Ok(subtree) => self.protected.subtrees.push(subtree),
            Err(error) => self
                .protected
                .wrong
                .push(format!(".protect({path:?}): {error}")),
        }
        self
    }

    /// Refuses every request that would change something with the user's session and was
    /// sent by another origin (403): the guard [`SameOrigin`](crate::SameOrigin) for a whole
    /// app.
    ///
    /// It is about requests that bring the session's cookie and are not `GET`, `HEAD`,
    /// `OPTIONS` or `TRACE`. So an API for [`Bearer`](crate::Bearer) tokens stays open to other
    /// origins, as do webhooks. The routes of this crate have rules of their own.
    ///
    /// # Network
    ///
    /// None.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use rocket_logto::Logto;
    ///
    /// #[rocket::launch]
    /// fn rocket() -> _ {
    ///     rocket::build().attach(Logto::fairing().same_origin_only())
    /// }
    /// ```
    pub fn same_origin_only(mut self) -> LogtoFairing {
        self.protected.same_origin_only = true;
        self
    }
}

impl Protected {
    /// Whether each path can be one; the log says which cannot.
    pub(super) fn can_be(&self) -> bool {
        for wrong in &self.wrong {
            log::error!("logto: {wrong}");
        }
        self.wrong.is_empty()
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.subtrees.is_empty() && !self.same_origin_only
    }

    /// The routes for requests that may not pass; they win over every other.
    pub(super) fn routes(&self) -> Vec<Route> {
        if self.is_nothing() {
            return Vec::new();
        }
        METHODS
            .into_iter()
            .map(|method| {
                let mut route = Route::ranked(isize::MIN, method, NOWHERE, Nowhere);
                route.name = Some("logto not passed".into());
                route
            })
            .collect()
    }

    /// What is asked of a request, if anything.
    pub(super) fn asked(&self, request: &Request<'_>, config: &LogtoConfig) -> Option<Asked> {
        let mut subtrees = self.subtrees.iter();
        let asked = Asked {
            session: subtrees.any(|subtree| subtree.has(request.uri())),
            same_origin: self.same_origin_only,
        };
        let is_asked = asked.session || asked.same_origin;
        (is_asked && !is_own(request.uri(), &config.mounted)).then_some(asked)
    }
}

/// What a request needs to get to its route.
pub(super) struct Asked {
    session: bool,
    same_origin: bool,
}

/// Sends a request elsewhere that may not pass.
pub(super) async fn ask(request: &mut Request<'_>, config: &LogtoConfig, asked: Asked) {
    let Err(error) = may_pass(request, config, asked).await else {
        return;
    };
    keep_address(request);
    language::before_the_address_changes(request);
    pending(request).failed = Some(Box::new(error));
    if let Ok(nowhere) = Origin::parse_owned(NOWHERE.to_owned()) {
        request.set_uri(nowhere);
    }
}

async fn may_pass(request: &Request<'_>, config: &LogtoConfig, asked: Asked) -> Result<(), Error> {
    if asked.same_origin
        && !is_harmless(request, &config.base_url)
        && SessionManager::of(request)?.brings_session(&raw_cookies(request))
    {
        return Err(not_from_here(request));
    }
    if asked.session {
        ActiveSession::of(request).await?.fresh().await?;
    }
    Ok(())
}

/// Whether Rocket's router leads there to a route of this crate.
fn is_own(uri: &Origin<'_>, routes: &RoutePaths) -> bool {
    // Each field by its name: one that is added must not be forgotten.
    let RoutePaths {
        sign_in,
        sign_up,
        callback,
        sign_out,
        initiate_login,
        backchannel_logout,
        webhooks,
        healthz,
        readyz,
        resource_metadata,
    } = routes;
    let own = [
        sign_in,
        sign_up,
        callback,
        sign_out,
        initiate_login,
        backchannel_logout,
        webhooks,
        healthz,
        readyz,
    ];
    own.into_iter().any(|own| is_at(uri, own)) || is_plainly_below(uri, resource_metadata)
}

#[derive(Clone)]
struct Nowhere;

#[rocket::async_trait]
impl Handler for Nowhere {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        let pending = pending(request);
        let status = pending.failed.as_ref().map(|why| why.status(request));
        Outcome::Error(status.unwrap_or(rocket::http::Status::NotFound))
    }
}
