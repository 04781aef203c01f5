//! A guard that its app's configuration or routes can never satisfy aborts the
//! launch, one that only a request can tell of writes to the log. Either names
//! what to write.

use std::process::Command;
use std::time::Duration;

use rocket::error::ErrorKind;
use rocket::figment::value::{Dict, Value};
use rocket::{Build, Rocket, Route, get, routes};
use rocket_logto::{
    AccessToken, Authentication, Bearer, ConstOrg, Logto, MachineToken, OrgToken, PathOrg,
    Permission, StepUp, StepUpPolicy, User,
};

use crate::support::api_app::as_machine;
use crate::support::app::{ALICE, TestApp, configuration};
use crate::support::browser::Browser;
use crate::support::serve::{Process, free_port};
use crate::support::targets::{Acme, ORDERS, Orders, Shopping};
use crate::support::token_app::table;

#[get("/")]
fn shopping(_token: AccessToken<Shopping>) {}

#[get("/")]
fn opaque(_token: AccessToken) {}

#[get("/")]
fn maybe(_token: Option<AccessToken<Shopping>>) {}

#[get("/")]
fn orders_of_acme(_token: OrgToken<ConstOrg<Acme>, Orders>) {}

struct Nothing;

impl StepUpPolicy for Nothing {}

/// Two names in one.
struct Spaced;

impl StepUpPolicy for Spaced {
    const ACR_VALUES: &'static [&'static str] = &["urn:mfa urn:phr"];
}

/// Longer than what goes into one parameter.
struct Long;

impl StepUpPolicy for Long {
    const ACR_VALUES: &'static [&'static str] = &[LONG_NAME; 6];
}

const LONG_NAME: &str = "https://refeds.example/profile/a-name-that-is-as-long-as-they-come/\
                         and-then-some-more-of-it";

struct Short;

impl StepUpPolicy for Short {
    const MAX_AGE: Option<Duration> = Some(Duration::from_secs(9));
}

/// Two names in one, for callers.
struct SpacedCall;

impl Permission for SpacedCall {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &[];
    const AUTHENTICATION: Authentication = Authentication::of::<Spaced>();
}

struct StrongCall;

impl Permission for StrongCall {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &[];
    const AUTHENTICATION: Authentication = Authentication::of::<Strong>();
}

struct Strong;

impl StepUpPolicy for Strong {
    const ACR_VALUES: &'static [&'static str] = &["urn:mfa"];
}

#[get("/")]
fn spaced_call(_caller: Option<Bearer<SpacedCall>>) {}

#[get("/")]
fn strong_call(_caller: Bearer<StrongCall>) {}

#[get("/")]
fn strong_machine(_token: MachineToken<StrongCall>) {}

#[get("/")]
fn asks_for_nothing(_user: StepUp<Nothing>) {}

#[get("/")]
fn spaced(_user: StepUp<Spaced>) {}

#[get("/")]
fn long(_user: StepUp<Long>) {}

#[get("/")]
fn short(_user: StepUp<Short>) {}

#[get("/no-id")]
fn no_id(_token: OrgToken<PathOrg>) {}

#[get("/<_tenant>")]
fn other_id(_tenant: &str, _token: OrgToken<PathOrg>) {}

#[get("/<_org_id>")]
fn underscored(_org_id: &str, _token: OrgToken<PathOrg>) {}

#[get("/<org_id>")]
fn right(org_id: &str, _token: OrgToken<PathOrg>, _shopping: AccessToken<Shopping>) -> String {
    org_id.to_owned()
}

/// A launch, and what the log must say when it does not come about.
struct Launch {
    what: &'static str,
    routes: Vec<Route>,
    table: Dict,
    fairing: bool,
    said: Option<&'static str>,
}

fn launches() -> Vec<Launch> {
    let launch = |what, routes, said| Launch {
        what,
        routes,
        table: table(),
        fairing: true,
        said,
    };
    let with = |key: &str, value: Vec<&str>| {
        let mut table = table();
        table.insert(key.to_owned(), Value::from(value));
        table
    };
    let resources_missing = Some("add resources = [\"https://shopping.your-app.com/api\"]");
    let gets_lost = "does not fit the sign-in request: ACR_VALUES are names without spaces";
    let id_missing = Some("no route has the path parameter <org_id>");
    vec![
        launch("everything is there", routes![right], None),
        Launch {
            table: with("resources", vec![]),
            ..launch("no resource is needed", routes![opaque], None)
        },
        Launch {
            table: with("resources", vec![ORDERS]),
            ..launch("another resource", routes![shopping], resources_missing)
        },
        Launch {
            table: with("resources", vec!["https://shopping.your-app.com/api/"]),
            ..launch(
                "one character too many",
                routes![shopping],
                resources_missing,
            )
        },
        Launch {
            table: with("resources", vec![]),
            ..launch("an optional guard", routes![maybe], resources_missing)
        },
        Launch {
            table: with("resources", vec![]),
            ..launch(
                "a resource within an organization",
                routes![orders_of_acme],
                Some("add resources = [\"https://orders.your-app.com/api\"]"),
            )
        },
        Launch {
            table: with("scopes", vec!["read"]),
            ..launch(
                "the organizations scope",
                routes![right],
                Some("add scopes = [\"urn:logto:scope:organizations\"]"),
            )
        },
        launch("a route without parameters", routes![no_id], id_missing),
        launch("a parameter of another name", routes![other_id], id_missing),
        launch("nearly the name", routes![underscored], id_missing),
        launch("names with spaces", routes![spaced], Some(gets_lost)),
        launch("names without end", routes![long], Some(gets_lost)),
        launch(
            "a level that asks for nothing",
            routes![asks_for_nothing],
            Some("::Nothing` asks for nothing: give it MAX_AGE, ACR_VALUES or AMR"),
        ),
        launch("a permission with a policy", routes![strong_call], None),
        launch(
            "a permission with a policy of names with spaces",
            routes![spaced_call],
            Some("::SpacedCall` does not fit the sign-in request: ACR_VALUES are names"),
        ),
        Launch {
            table: {
                let mut table = table();
                table.extend(as_machine());
                table
            },
            ..launch(
                "a machine that has authenticated like a user",
                routes![strong_machine],
                Some("no user does for such a token"),
            )
        },
        launch(
            "short, with the tolerance of a minute",
            routes![short],
            None,
        ),
        Launch {
            table: {
                let mut table = table();
                table.insert("clock_tolerance".to_owned(), 0.into());
                table
            },
            ..launch(
                "shorter than the way back",
                routes![short],
                Some("::Short` expires before the browser is back"),
            )
        },
        Launch {
            fairing: false,
            ..launch(
                "no fairing for StepUp",
                routes![short],
                Some("`StepUp` needs the fairing"),
            )
        },
        Launch {
            fairing: false,
            ..launch(
                "no fairing for AccessToken",
                routes![shopping],
                Some("`AccessToken` needs the fairing"),
            )
        },
        Launch {
            fairing: false,
            ..launch(
                "no fairing for OrgToken",
                routes![right],
                Some("`OrgToken` needs the fairing"),
            )
        },
    ]
}

impl Launch {
    fn rocket(self) -> Rocket<Build> {
        let base = rocket::Config::figment();
        let figment = configuration(&base, free_port(), "http://localhost:1", self.table);
        let rocket = rocket::custom(figment).mount("/", self.routes);
        match self.fairing {
            true => rocket.attach(Logto::fairing()),
            false => rocket,
        }
    }

    async fn aborts(self) -> bool {
        match self.rocket().ignite().await {
            Ok(_) => false,
            Err(error) => match error.kind() {
                ErrorKind::SentinelAborts(_) => true,
                other => panic!("{other:?}"),
            },
        }
    }
}

#[rocket::async_test]
async fn what_can_never_work_aborts_the_launch() {
    for launch in launches() {
        let (what, aborts) = (launch.what, launch.said.is_some());
        assert_eq!(launch.aborts().await, aborts, "{what}");
    }
}

#[get("/me")]
fn me(user: User) -> String {
    user.sub().to_owned()
}

/// Not a test of its own: a process has one log, so the test below runs this
/// one in another process.
#[rocket::async_test]
#[ignore = "run by the_log_names_what_to_write"]
async fn writes_a_log() {
    for launch in launches() {
        println!("\nCASE {}", launch.what);
        launch.aborts().await;
    }
    println!("\nCASE a request");
    let rocket = rocket::build().mount("/", routes![me, no_id, right]);
    let app = TestApp::with(table(), rocket).await;
    let browser = Browser::new();
    app.sign_in(&browser, "/me", ALICE).await;
    // The level of the log is that of the last launch.
    let base = rocket::Config::figment();
    let loud = configuration(&base, free_port(), "http://localhost:1", Dict::new());
    let loud = rocket::custom(loud.merge(("log_level", "normal")));
    loud.ignite().await.expect("it ignites");
    let answer = browser.fetch_json(app.url("/no-id")).await;
    assert_eq!(answer.status(), 500);
    println!(
        "\nCASE reference {}",
        answer.json::<serde_json::Value>()["reference"]
    );
}

#[rocket::async_test]
async fn the_log_names_what_to_write() {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    let name = "guards::a_guard_that_cannot_work_says_so::writes_a_log";
    child.args(["--ignored", "--exact", "--nocapture", name]);
    let mut child = Process::spawn(&mut child);
    let status = child.wait_for_exit().await;
    let output = child.output();
    assert!(status.success() && output.contains("1 passed"), "{output}");
    for launch in launches() {
        let case = format!("\nCASE {}\n", launch.what);
        let (_, rest) = output.split_once(&case).expect("the case");
        let (about_it, _) = rest.split_once("\nCASE ").expect("the next case");
        let said = launch.said.unwrap_or_default();
        assert!(about_it.contains(said), "{}:\n{output}", launch.what);
    }
    let line = output
        .lines()
        .find(|line| line.contains("NoOrganization reason=no_organization_id from "))
        .unwrap_or_else(|| panic!("{output}"));
    assert!(line.contains("PathOrg"), "{line}");
    let reference = output
        .split("CASE reference \"")
        .nth(1)
        .expect("a reference");
    let reference = reference.split('"').next().expect("its end");
    assert!(line.contains(reference), "{line}, not {reference}");
}
