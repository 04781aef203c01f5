//! Sign-in in 30 lines: a page for everyone, a page for signed-in users, and the way in and out.
//!
//! `cargo run -p gallery --bin sign_in`, open the address it prints, and sign in as one of the
//! made-up users of the development provider. With `LOGTO_ENDPOINT`, `LOGTO_APP_ID` and
//! `LOGTO_APP_SECRET` in the environment, the same app signs in at your Logto.

use rocket::response::content::RawHtml;
use rocket::{get, launch, routes};
use rocket_logto::{Logto, User};

#[get("/")]
fn home(user: Option<User>) -> RawHtml<&'static str> {
    RawHtml(match user {
        Some(_) => {
            r#"<!doctype html><title>Home</title><a href="/me">Who am I?</a>
            <form method="post" action="/sign-out"><button>Sign out</button></form>"#
        }
        None => r#"<!doctype html><title>Home</title><a href="/sign-in">Sign in</a>"#,
    })
}

/// Anyone else is sent to sign in, and comes back here.
#[get("/me")]
fn me(user: User) -> String {
    format!("You are {}. Your id is {}.", user.name(), user.sub())
}

#[launch]
fn rocket() -> _ {
    rocket::build()
        .attach(Logto::fairing())
        .mount("/", routes![home, me])
}

#[cfg(test)]
mod tests {
    use rocket::http::{Accept, Header, Status};
    use rocket::local::blocking::Client;
    use rocket_logto::testing::{TestUser, offline};

    use super::rocket;

    #[test]
    fn a_user_signs_in_and_out() {
        let client = Client::tracked(offline(rocket())).unwrap();
        let get = |path: &'static str| client.get(path).dispatch().into_string().unwrap();
        assert!(get("/").contains("Sign in"));
        // A program gets 401, a browser is sent to sign in.
        let program = client.get("/me").header(Accept::JSON).dispatch();
        assert_eq!(program.status(), Status::Unauthorized);
        let browser = client.get("/me").header(Accept::HTML).dispatch();
        assert_eq!(browser.status(), Status::SeeOther);
        let to_sign_in = browser.headers().get_one("Location");
        assert_eq!(to_sign_in, Some("/sign-in?return_to=%2Fme"));

        TestUser::new("ada").name("Ada").sign_in(&client);
        assert_eq!(get("/me"), "You are Ada. Your id is ada.");
        assert!(get("/").contains("Sign out"));

        // The header that a browser sends with a form of this app's pages.
        let form = client.post("/sign-out");
        let form = form.header(Header::new("Sec-Fetch-Site", "same-origin"));
        assert_eq!(form.dispatch().status(), Status::SeeOther);
        assert!(get("/").contains("Sign in"));
    }
}
