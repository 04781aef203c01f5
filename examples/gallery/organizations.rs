//! Organizations: a list of those that the user belongs to, a page for each, and settings that
//! only its admins may open. Users get 403 for an organization that is not theirs.
//!
//! `cargo run -p gallery --bin organizations`, and sign in as Alice, an admin of Acme and a
//! member of Globex, then as Bob, a member of Acme without a role.

use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use rocket::http::RawStr;
use rocket::response::content::RawHtml;
use rocket::{get, launch, routes, uri};
use rocket_logto::{AllowedIn, Logto, OrgToken, PathOrg, Requirement, User, UserInfo};

/// What an app has in `Rocket.toml`. The first two scopes bring the user's organizations and
/// their roles there; the others are those that roles in the organizations give.
const CONFIGURATION: &str = r#"
    [default.logto]
    scopes = [
        "urn:logto:scope:organizations",
        "urn:logto:scope:organization_roles",
        "manage:members",
        "view:reports",
    ]
"#;

struct Admin;
impl Requirement for Admin {
    const ROLES: &'static [&'static str] = &["admin"];
}

#[get("/")]
fn home(user: Option<User>) -> RawHtml<String> {
    page(match user {
        Some(_) => {
            "<p><a href=/organizations>Your organizations</a></p>
            <form method=post action=/sign-out><button>Sign out</button></form>"
        }
        None => "<a href=/sign-in>Sign in</a>",
    })
}

/// The ID token has only ids (`user.claims().organizations`). Names cost a call to the provider.
#[get("/organizations")]
fn list(info: UserInfo) -> RawHtml<String> {
    let organizations = info
        .claims()
        .organization_data
        .as_deref()
        .unwrap_or_default();
    let items = organizations.iter().map(|organization| {
        // `uri!` leaves nothing in an address that could end the attribute.
        let address = uri!(organization(&organization.id));
        let name = RawStr::new(&organization.name).html_escape();
        format!("<li><a href=\"{address}\">{name}</a>")
    });
    page(&format!("<ul>{}</ul>", items.collect::<String>()))
}

/// The provider is asked: it gives a token for the organization to its members only, and says
/// in it what this member may do there.
#[get("/organizations/<org_id>")]
fn organization(org_id: &str, token: OrgToken<PathOrg>) -> RawHtml<String> {
    let or_not = |scope| {
        if token.has_scope(scope) {
            "may"
        } else {
            "may not"
        }
    };
    page(&format!(
        "<p>You {} view the reports, and {} manage the members.</p>
        <p><a href=\"{}\">Settings</a></p>",
        or_not("view:reports"),
        or_not("manage:members"),
        uri!(settings(org_id)),
    ))
}

/// The provider is not asked: the role stands in the ID token, which is up to an hour old.
#[get("/organizations/<org_id>/settings")]
fn settings(org_id: &str, admin: AllowedIn<PathOrg, Admin>) -> String {
    format!("{} may change the settings of {org_id}.", admin.name())
}

fn page(content: &str) -> RawHtml<String> {
    let head = "<!doctype html><meta name=viewport content=width=device-width>";
    RawHtml(format!("{head}<title>Organizations</title>{content}"))
}

/// `join`: `Rocket.toml` and the environment win.
fn configuration() -> Figment {
    rocket::Config::figment().join(Toml::string(CONFIGURATION).nested())
}

#[launch]
fn rocket() -> _ {
    rocket::custom(configuration())
        .attach(Logto::fairing())
        .mount("/", routes![home, list, organization, settings])
}

#[cfg(test)]
mod tests {
    use rocket::http::{Accept, Status};
    use rocket::local::blocking::Client;
    use rocket_logto::testing::{TestUser, offline};

    fn get(client: &Client, path: &str) -> (Status, String) {
        let answer = client.get(path).header(Accept::JSON).dispatch();
        (answer.status(), answer.into_string().unwrap_or_default())
    }

    #[test]
    fn users_see_their_organizations_and_no_others() {
        let client = Client::tracked(offline(super::rocket())).unwrap();
        TestUser::new("ada")
            .name("Ada")
            .organization("acme", &["admin"])
            .organization_scopes("acme", &["manage:members"])
            .organization("globex", &[])
            .sign_in(&client);
        let (_, text) = get(&client, "/organizations");
        assert!(text.contains("/organizations/acme"), "{text}");
        assert!(text.contains("/organizations/globex"), "{text}");

        let (_, text) = get(&client, "/organizations/acme");
        assert!(
            text.contains("may not view the reports, and may manage"),
            "{text}"
        );
        let (_, text) = get(&client, "/organizations/globex");
        assert!(text.contains("and may not manage the members"), "{text}");
        let (_, text) = get(&client, "/organizations/acme/settings");
        assert_eq!(text, "Ada may change the settings of acme.");
        assert_eq!(
            get(&client, "/organizations/globex/settings").0,
            Status::Forbidden
        );

        TestUser::new("bob")
            .organization("globex", &["admin"])
            .sign_in(&client);
        let (_, text) = get(&client, "/organizations");
        assert!(!text.contains("acme"), "{text}");
        for path in [
            "/organizations/acme",
            "/organizations/acme/settings",
            "/organizations/none",
        ] {
            assert_eq!(get(&client, path).0, Status::Forbidden, "{path}");
        }
        assert_eq!(get(&client, "/organizations/globex/settings").0, Status::Ok);
    }

    #[test]
    fn nobody_sees_any() {
        let client = Client::tracked(offline(super::rocket())).unwrap();
        for path in [
            "/organizations",
            "/organizations/acme",
            "/organizations/acme/settings",
        ] {
            assert_eq!(get(&client, path).0, Status::Unauthorized, "{path}");
        }
    }
}
