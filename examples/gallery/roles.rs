//! Who may do what: pages by role and by another claim, a folder that takes a session whatever
//! is in it, and a page of the app's own for users who may not.
//!
//! `cargo run -p gallery --bin roles`, and sign in as Ada, who is an admin, then as Bob, who is
//! nobody special. The tests at the end show the most of the test kit: start here to learn it.

use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use rocket::http::{RawStr, Status};
use rocket::response::content::RawHtml;
use rocket::{Responder, get, launch, post, routes};
use rocket_logto::{
    Allowed, Error, ErrorKind, IdTokenClaims, Logto, Requirement, SameOrigin, User,
};

/// What an app has in `Rocket.toml`; here it keeps the example in one file. Logto puts roles
/// into the ID token only when asked to.
const CONFIGURATION: &str = r#"
    [default.logto]
    scopes = ["roles", "email"]

    # The users of the development provider, in place of its own.
    [[debug.logto.dev_provider.users]]
    id = "ada3kz81xq0p"
    username = "ada"
    name = "Ada Admin"
    email = "ada@example.com"
    roles = ["admin"]

    [[debug.logto.dev_provider.users]]
    id = "bob9c2m47tfw"
    username = "bob"
    name = "Bob Nobody"
    email = "bob@elsewhere.example"
"#;

struct Admin;
impl Requirement for Admin {
    const ROLES: &'static [&'static str] = &["admin"];
}

/// Not a role: anything that the claims say.
struct Colleague;
impl Requirement for Colleague {
    const NEEDS: &'static str = "You need an e-mail address at example.com.";

    fn admits(claims: &IdTokenClaims) -> bool {
        let email = claims.email.value();
        let is_verified = claims.email_verified.value() == Some(&true);
        is_verified && email.is_some_and(|email| email.ends_with("@example.com"))
    }
}

#[get("/")]
fn home(user: Option<User>, admin: Option<Allowed<Admin>>) -> RawHtml<String> {
    let Some(user) = user else {
        return page("<a href=/sign-in>Sign in</a>");
    };
    // Hiding a link is a courtesy. The guard of the page is what keeps others out.
    let link = match admin {
        Some(_) => "<p><a href=/admin>Administration</a></p>",
        None => "",
    };
    page(&format!(
        "<p>Hello, {}.</p>{link}<p><a href=/colleagues>For colleagues</a></p>
        <form method=post action=/sign-out><button>Sign out</button></form>",
        RawStr::new(user.name()).html_escape(),
    ))
}

/// Users without the role get the library's 403, which says what it takes.
#[get("/colleagues")]
fn colleagues(user: Allowed<Colleague>) -> String {
    format!("Lunch is at noon, {}.", user.name())
}

/// They get a 403 of the app's own here: see `Refused`.
#[get("/admin")]
fn admin(user: Result<Allowed<Admin>, Error>) -> Result<RawHtml<String>, Refused> {
    let user = user?;
    Ok(page(&format!(
        "<p>{}, you may <a href=/admin/help>read the help</a> or close the shop.</p>
        <form method=post action=/admin/close-shop><button>Close the shop</button></form>",
        RawStr::new(user.name()).html_escape(),
    )))
}

/// Somebody forgot the guard here, or there are files of a `FileServer`: `protect` asks for a
/// session all the same. It does not ask for a role.
#[get("/admin/help")]
fn help() -> &'static str {
    "Turn it off and on again."
}

#[post("/admin/close-shop")]
fn close_shop(_own: SameOrigin, admin: Allowed<Admin>) -> String {
    format!("Closed by {}.", admin.name())
}

/// What a handler that takes `Result<Allowed<_>, Error>` answers with `?`.
#[derive(Responder)]
enum Refused {
    NotAllowed((Status, RawHtml<String>)),
    /// Nobody is signed in, or the provider is down: the answers that the guard itself gives.
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        match error.kind() {
            ErrorKind::NotAllowed => {
                let text = "<p>This is for administrators. <a href=/>Back</a></p>";
                Refused::NotAllowed((Status::Forbidden, page(text)))
            }
            _ => Refused::Other(error),
        }
    }
}

fn page(content: &str) -> RawHtml<String> {
    let head = "<!doctype html><meta name=viewport content=width=device-width>";
    RawHtml(format!("{head}<title>Roles</title>{content}"))
}

/// `join`: `Rocket.toml` and the environment win.
fn configuration() -> Figment {
    rocket::Config::figment().join(Toml::string(CONFIGURATION).nested())
}

#[launch]
fn rocket() -> _ {
    rocket::custom(configuration())
        .attach(Logto::fairing().protect("/admin"))
        .mount("/", routes![home, colleagues, admin, help, close_shop])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rocket::http::{Accept, Header, Status};
    use rocket::local::blocking::Client;
    use rocket_logto::testing::{TestUser, later, offline};

    /// The app as it runs, but without a provider, a port or the network. Tests run at once:
    /// each has a provider of its own, in this process.
    fn client() -> Client {
        Client::tracked(offline(super::rocket())).unwrap()
    }

    /// As a program asks; a browser would get pages, and 303 in place of 401.
    fn get(client: &Client, path: &'static str) -> (Status, String) {
        let answer = client.get(path).header(Accept::JSON).dispatch();
        (answer.status(), answer.into_string().unwrap_or_default())
    }

    #[test]
    fn admins_may_and_others_may_not() {
        let client = client();
        assert_eq!(get(&client, "/admin").0, Status::Unauthorized);

        // One line signs a user in: by the app's own routes, with real tokens.
        TestUser::new("ada")
            .name("Ada")
            .role("admin")
            .sign_in(&client);
        assert!(get(&client, "/").1.contains("/admin"));
        assert_eq!(get(&client, "/admin").0, Status::Ok);
        let close = || client.post("/admin/close-shop");
        let own = Header::new("Sec-Fetch-Site", "same-origin");
        let closed = close().header(own.clone()).dispatch();
        assert_eq!(closed.into_string().unwrap(), "Closed by Ada.");
        // A form on another site.
        let other = Header::new("Sec-Fetch-Site", "cross-site");
        assert_eq!(close().header(other).dispatch().status(), Status::Forbidden);

        // Somebody else, in the same browser.
        TestUser::new("bob").sign_in(&client);
        assert!(!get(&client, "/").1.contains("/admin"));
        let (status, text) = get(&client, "/admin");
        assert_eq!(status, Status::Forbidden);
        assert!(text.contains("This is for administrators."), "{text}");
        assert_eq!(close().header(own).dispatch().status(), Status::Forbidden);
    }

    #[test]
    fn a_protected_folder_takes_a_session_and_no_role() {
        let client = client();
        for path in [
            "/admin/help",
            "/admin/nothing-here",
            "//admin/help",
            "/%61dmin/help",
        ] {
            assert_eq!(get(&client, path).0, Status::Unauthorized, "{path}");
        }
        TestUser::new("bob").sign_in(&client);
        assert_eq!(get(&client, "/admin/help").0, Status::Ok);
    }

    #[test]
    fn a_claim_decides_as_well() {
        let client = client();
        TestUser::new("ada")
            .email("ada@example.com")
            .sign_in(&client);
        assert_eq!(get(&client, "/colleagues").0, Status::Ok);
        TestUser::new("bob")
            .email("bob@elsewhere.example")
            .sign_in(&client);
        let (status, text) = get(&client, "/colleagues");
        assert_eq!(status, Status::Forbidden);
        assert!(text.contains("an e-mail address at example.com"), "{text}");
        // The address is right, but nobody knows whether it is hers.
        let eve = TestUser::new("eve").email("eve@example.com");
        eve.claim("email_verified", false).sign_in(&client);
        assert_eq!(get(&client, "/colleagues").0, Status::Forbidden);
    }

    #[test]
    fn what_changes_at_the_provider_counts_within_the_hour() {
        // `claims_max_age`, unless it is configured.
        const AN_HOUR: Duration = Duration::from_secs(3601);
        let client = client();
        let ada = TestUser::new("ada").role("admin");
        ada.sign_in(&client);

        // The role is taken away.
        TestUser::new("ada").changes(client.rocket());
        assert_eq!(get(&client, "/admin").0, Status::Ok);
        later(client.rocket(), AN_HOUR);
        assert_eq!(get(&client, "/admin").0, Status::Forbidden);

        // She is suspended.
        ada.suspend(client.rocket(), true);
        assert_eq!(get(&client, "/admin/help").0, Status::Ok);
        later(client.rocket(), AN_HOUR);
        assert_eq!(get(&client, "/admin/help").0, Status::Unauthorized);
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it() {
        let client = client();
        TestUser::new("ada").role("admin").sign_in(&client);
        later(client.rocket(), Duration::from_secs(23 * 3600));
        assert_eq!(get(&client, "/admin").0, Status::Ok);
        // `session.idle` is a day.
        later(client.rocket(), Duration::from_secs(25 * 3600));
        assert_eq!(get(&client, "/admin").0, Status::Unauthorized);
    }
}
