//! A cookie of this web app's own, beside those of the library: what it remembers of a
//! reader who may not be signed in. Scripts do not see it, and other sites do not send it.

use rocket::http::{Cookie, SameSite};
use rocket_logto::Logto;

/// It goes to every page of the app, and to no other app on the host. Without
/// configuration, which the launch would not survive, it goes to the whole host.
pub fn named(name: &'static str, logto: Option<&Logto>) -> Cookie<'static> {
    let path = match logto.map(|logto| logto.config().base_path()) {
        None | Some("") => "/",
        Some(path) => path,
    };
    Cookie::build(name)
        .path(path.to_owned())
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(logto.is_some_and(|logto| logto.base_url().scheme() == "https"))
        .build()
}
