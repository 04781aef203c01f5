//! The note "You are signed out" on the front page, once, and without anything in its
//! address: a cookie carries it there, by way of the provider.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Cookie, CookieJar, SameSite, Status};
use rocket::time::Duration;
use rocket::{Request, Response};
use rocket_logto::Logto;

const NAME: &str = "signed_out";

/// Sets the cookie. Attach it after `Logto::fairing()`, whose response it reads.
pub struct SignedOut;

#[rocket::async_trait]
impl Fairing for SignedOut {
    fn info(&self) -> Info {
        Info {
            name: "Signed out",
            kind: Kind::Response,
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let route = request.route().and_then(|route| route.name.as_deref());
        // Without cookies to remove, nobody was signed in.
        let has_ended = response.status() == Status::SeeOther
            && response.headers().get_one("Set-Cookie").is_some();
        if route != Some("logto sign-out") || !has_ended {
            return;
        }
        let mut cookie = cookie(request.rocket().state());
        cookie.set_value("1");
        // To the provider and back.
        cookie.set_max_age(Duration::minutes(10));
        response.adjoin_raw_header("Set-Cookie", cookie.to_string());
    }
}

/// Whether the browser has just signed out. The next time the answer is no.
pub fn take(cookies: &CookieJar<'_>, logto: &Logto) -> bool {
    let is_there = cookies.get(NAME).is_some();
    if is_there {
        cookies.remove(cookie(Some(logto)));
    }
    is_there
}

fn cookie(logto: Option<&Logto>) -> Cookie<'static> {
    let path = logto.map(|logto| logto.config().base_path().to_owned());
    let path = path.filter(|path| !path.is_empty());
    Cookie::build(NAME)
        .path(path.unwrap_or_else(|| "/".to_owned()))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(logto.is_some_and(|logto| logto.base_url().scheme() == "https"))
        .build()
}
