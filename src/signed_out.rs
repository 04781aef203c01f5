//! The note "You are signed out" on the front page, once, and without anything in its
//! address: a cookie carries it there, by way of the provider.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{CookieJar, Status};
use rocket::time::Duration;
use rocket::{Request, Response};
use rocket_logto::Logto;

use crate::own_cookie;

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
        let mut cookie = own_cookie::named(NAME, request.rocket().state());
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
        cookies.remove(own_cookie::named(NAME, Some(logto)));
    }
    is_there
}
