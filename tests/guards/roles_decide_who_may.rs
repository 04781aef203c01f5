//! `Allowed` and `AllowedIn`: roles and other claims of a user decide, and who may not is
//! told what it takes.

use rocket::error::ErrorKind;
use rocket::figment::value::Dict;
use rocket::{Build, Rocket, Route, get, post, routes};
use rocket_logto::{Allowed, AllowedIn, Error, IdTokenClaims, Logto, PathOrg, Requirement, User};

use crate::support::app::{ALICE, BOB, TestApp, configuration, keys};
use crate::support::browser::Browser;
use crate::support::log::lines_with;
use crate::support::serve::free_port;
use crate::support::targets::{ACME, GLOBEX};

const SCOPES: [&str; 4] = [
    "roles",
    "email",
    "urn:logto:scope:organizations",
    "urn:logto:scope:organization_roles",
];

struct Shopper;

impl Requirement for Shopper {
    const ROLES: &'static [&'static str] = &["shopper", "owner"];
}

struct Admin;

impl Requirement for Admin {
    const ROLES: &'static [&'static str] = &["admin"];
}

struct Member;

impl Requirement for Member {}

struct WithMail;

impl Requirement for WithMail {
    const NEEDS: &'static str = "You need an <e-mail> address.";

    fn admits(claims: &IdTokenClaims) -> bool {
        claims.email.value().is_some()
    }
}

/// Both at once.
struct ShopperWithout;

impl Requirement for ShopperWithout {
    const ROLES: &'static [&'static str] = &["shopper"];
    const NEEDS: &'static str = "You need to be another.";

    fn admits(claims: &IdTokenClaims) -> bool {
        claims.email.value().is_none()
    }
}

#[get("/shop")]
fn shop(user: Allowed<Shopper>) -> String {
    user.into_user().sub().to_owned()
}

#[post("/shop")]
fn buy(_user: Allowed<Shopper>) -> &'static str {
    "bought"
}

#[get("/mail")]
fn mail(user: Allowed<WithMail>) -> String {
    user.name().to_owned()
}

#[get("/both")]
fn both(_user: Allowed<ShopperWithout>) {}

/// The roles of an organization are not the user's own, and the other way round.
#[get("/admin")]
fn admin(_user: Allowed<Admin>) {}

#[get("/maybe")]
fn maybe(
    user: User,
    shopper: Option<Allowed<Shopper>>,
    admin: Result<Allowed<Admin>, Error>,
) -> String {
    let why = admin.err().map(|error| error.kind());
    format!("{} {} {why:?}", user.sub(), shopper.is_some())
}

#[get("/organizations/<org_id>")]
fn organization(org_id: &str, user: AllowedIn<PathOrg, Member>) -> String {
    assert_eq!(org_id, user.organization_id());
    user.sub().to_owned()
}

#[get("/organizations/<org_id>/settings")]
fn settings(org_id: &str, user: AllowedIn<PathOrg, Admin>) {
    assert_eq!(org_id, user.organization_id());
}

#[get("/organizations/<org_id>/shop")]
fn shop_of(org_id: &str, user: AllowedIn<PathOrg, Shopper>) {
    assert_eq!(org_id, user.organization_id());
}

fn rocket() -> Rocket<Build> {
    let own = routes![shop, buy, mail, both, admin, maybe];
    let organizations = routes![organization, settings, shop_of];
    rocket::build().mount("/", own).mount("/", organizations)
}

fn logto() -> Dict {
    keys([("scopes", SCOPES.to_vec().into())])
}

#[rocket::async_test]
async fn only_who_fulfils_it_gets_in_and_the_others_are_told_what_it_takes() {
    let app = TestApp::with(logto(), rocket()).await;
    let (alice, bob) = (Browser::new(), Browser::new());
    app.sign_in(&alice, "/shop", ALICE).await;
    let refused = app.sign_in(&bob, "/shop", BOB).await;

    let globex = |rest: &str| format!("/organizations/{GLOBEX}{rest}");
    let acme = |rest: &str| format!("/organizations/{ACME}{rest}");
    let cases = [
        ("/shop".to_owned(), 200, 403),
        ("/mail".to_owned(), 200, 403),
        ("/both".to_owned(), 403, 403),
        ("/admin".to_owned(), 403, 403),
        (acme(""), 200, 200),
        (globex(""), 200, 403),
        ("/organizations/no-such".to_owned(), 403, 403),
        (acme("/settings"), 200, 403),
        (globex("/settings"), 403, 403),
        (acme("/shop"), 403, 403),
    ];
    for (path, alices, bobs) in cases {
        for (browser, expected) in [(&alice, alices), (&bob, bobs)] {
            let page = browser.fetch_json(app.url(&path)).await;
            assert_eq!(page.status(), expected, "{path}: {}", page.text());
        }
        let nobody = Browser::new();
        assert_eq!(nobody.fetch_json(app.url(&path)).await.status(), 401);
        assert_eq!(nobody.navigate(app.url(&path)).await.status(), 303);
    }
    let maybe = alice.navigate(app.url("/maybe")).await.text();
    assert_eq!(maybe, format!("{ALICE} true Some(NotAllowed)"));
    let maybe = bob.navigate(app.url("/maybe")).await.text();
    assert_eq!(maybe, format!("{BOB} false Some(NotAllowed)"));

    // The page for a person.
    assert_eq!(refused.status(), 403);
    let page = refused.page();
    assert_eq!(page.title, "You may not do this");
    let needs = "You need one of the roles “shopper”, “owner”.";
    assert!(page.text.contains(needs), "{}", page.text);
    let mail = bob.navigate(app.url("/mail")).await;
    assert!(
        mail.page().text.contains(WithMail::NEEDS),
        "{}",
        mail.text()
    );
    // A role that was given since comes with a new sign-in, which leads back.
    let anew = bob.click(&mail, "Sign in again").await;
    let prompt = anew.location_query("prompt").expect("a prompt");
    assert_eq!(prompt, "login consent");

    // What a program gets, and a form.
    let body: rocket::serde::json::Value = bob.fetch_json(app.url("/shop")).await.json();
    assert_eq!(
        (&body["error"], &body["needs"]),
        (&"Forbidden".into(), &needs.into())
    );
    let settings: rocket::serde::json::Value =
        bob.fetch_json(app.url(&acme("/settings"))).await.json();
    assert_eq!(
        settings["needs"],
        "You need the role “admin” in this organization."
    );
    let form = bob.post_form(app.url("/shop"), &[("a", "b")]).await;
    assert_eq!(form.status(), 403);
    let form = alice.post_form(app.url("/shop"), &[("a", "b")]).await;
    assert_eq!(form.text(), "bought");
}

fn launch(routes: Vec<Route>, logto: Dict) -> Rocket<Build> {
    let figment = rocket::Config::figment();
    let figment = configuration(&figment, free_port(), "http://127.0.0.1:9", logto);
    rocket::custom(figment)
        .mount("/", routes)
        .attach(Logto::fairing())
}

#[rocket::async_test]
async fn a_requirement_that_no_user_can_meet_aborts_the_launch() {
    struct Nothing;
    impl Requirement for Nothing {}

    #[get("/nothing")]
    fn nothing(_user: Option<Allowed<Nothing>>) {}

    #[get("/no-id")]
    fn no_id(_user: AllowedIn<PathOrg, Admin>) {}

    let none = || keys([("scopes", vec!["email"].into())]);
    let cases = [
        (routes![shop], none(), Some("add scopes = [\"roles\"]")),
        (routes![mail], none(), None),
        (
            routes![organization],
            none(),
            Some("add scopes = [\"urn:logto:scope:organizations\"]"),
        ),
        (
            routes![settings],
            none(),
            Some("add scopes = [\"urn:logto:scope:organization_roles\"]"),
        ),
        (
            routes![nothing],
            logto(),
            Some("::Nothing` asks for nothing"),
        ),
        (
            routes![no_id],
            logto(),
            Some("no route has the path parameter <org_id>"),
        ),
        (routes![shop, mail, organization, settings], logto(), None),
    ];
    for (routes, logto, said) in cases {
        let path = routes[0].uri.to_string();
        match (launch(routes, logto).ignite().await, said) {
            (Ok(_), None) => {}
            (Err(error), Some(said)) => {
                assert!(
                    matches!(error.kind(), ErrorKind::SentinelAborts(_)),
                    "{path}"
                );
                assert!(!lines_with(said).is_empty(), "{path}: {said}");
            }
            (Ok(_), Some(said)) => panic!("{path} starts without: {said}"),
            (Err(error), None) => panic!("{path}: {error:?}"),
        }
    }

    // Another provider has other ways to give roles.
    let elsewhere = keys([
        ("endpoint", crate::support::app::absent()),
        ("issuer", "http://127.0.0.1:9/".into()),
    ]);
    assert!(launch(routes![shop], elsewhere).ignite().await.is_ok());
}
