//! The development provider sends webhooks as Logto does: `cargo run` and a click on its
//! control page show what they do.

use std::sync::{Arc, Mutex};

use logto_dev_provider::{DevProvider, Webhook};
use rocket::{Build, Rocket, State, post, routes};
use rocket_logto::{HookResult, Logto, WebhookReceived};
use serde_json::{Value, json};

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::Browser;
use crate::support::demo::Demo;
use crate::support::eventually::eventually;
use crate::support::sessions::{rocket, signed_in, who};
use crate::support::webhooks::{KEY, PATH, table};

#[rocket::async_test]
async fn a_click_on_suspend_signs_out_of_the_web_app() {
    let demo = Demo::start().await;
    let (alice, bob, operator) = (Browser::new(), Browser::new(), Browser::new());
    demo.sign_in(&alice, ALICE).await;
    demo.sign_in(&bob, BOB).await;
    let control = operator.navigate(demo.provider_url("/")).await;
    let shown = control.page().text;
    assert!(shown.contains(&demo.url(PATH)), "{shown}");
    let page = operator.click(&control, "Alice Example").await;
    let answer = operator.submit(&page, "Suspend Alice Example", &[]).await;
    let page = operator.follow(&answer).await;
    let text = page.page().text;
    assert!(text.contains("a webhook is on its way"), "{text}");
    eventually("Alice is out", async || {
        let page = alice.navigate(demo.url("/protected")).await;
        page.status() == 303
    })
    .await;
    assert_eq!(bob.navigate(demo.url("/protected")).await.status(), 200);
}

#[derive(Default)]
struct Heard(Mutex<Vec<Value>>);

impl Heard {
    fn all(&self) -> Vec<Value> {
        self.0.lock().expect("no panic").clone()
    }

    fn of(&self, event: &str) -> Option<Value> {
        self.all()
            .into_iter()
            .find(|message| message["event"] == event)
    }
}

async fn listening(provider: &DevProvider, app: &TestApp) {
    let url = app.url(PATH);
    provider.set_webhook(Some(Webhook::new(url, KEY)));
}

async fn start() -> (TestApp, Arc<Heard>) {
    let heard = Arc::<Heard>::default();
    let hook = async |webhook: WebhookReceived<'_, Value>| -> HookResult {
        let heard = webhook.state::<Arc<Heard>>()?;
        heard
            .0
            .lock()
            .expect("no panic")
            .push(webhook.event().clone());
        Ok(())
    };
    let fairing = Logto::fairing().on_webhook(hook);
    let app = TestApp::with_fairing(table(), fairing, rocket().manage(heard.clone())).await;
    listening(&app.provider, &app).await;
    (app, heard)
}

async fn eventually_of(heard: &Heard, event: &str) -> Value {
    eventually(event, async || heard.of(event).is_some()).await;
    heard.of(event).expect("it was there")
}

#[rocket::async_test]
async fn its_messages_have_the_shape_of_logtos() {
    let (app, heard) = start().await;
    let alice = signed_in(&app, ALICE).await;
    let message = eventually_of(&heard, "PostSignIn").await;
    for (member, value) in [
        ("interactionEvent", json!("SignIn")),
        ("userId", json!(ALICE)),
        ("applicationId", json!("test-app")),
        ("userIp", json!("127.0.0.1")),
    ] {
        assert_eq!(message[member], value, "{member}");
    }
    assert_eq!(message["user"]["username"], "alice");
    assert_eq!(message["application"]["id"], "test-app");
    assert!(message["sessionId"].is_string() && message["hookId"].is_string());

    assert!(app.provider.suspend(ALICE, true));
    let message = eventually_of(&heard, "User.SuspensionStatus.Updated").await;
    assert_eq!(message["data"]["id"], ALICE);
    assert_eq!(message["data"]["isSuspended"], true);
    for (member, value) in [
        ("path", json!(format!("/api/users/{ALICE}/is-suspended"))),
        ("method", json!("PATCH")),
        ("status", json!(200)),
        ("params", json!({ "userId": ALICE })),
        ("matchedRoute", json!("/users/:userId/is-suspended")),
        ("ip", json!("127.0.0.1")),
    ] {
        assert_eq!(message[member], value, "{member}");
    }
    assert_eq!(who(&alice, app.url("/protected")).await, None);

    let bob = signed_in(&app, BOB).await;
    assert!(app.provider.delete_user(BOB));
    let message = eventually_of(&heard, "User.Deleted").await;
    assert_eq!(
        (&message["data"]["id"], &message["status"]),
        (&json!(BOB), &json!(204))
    );
    assert_eq!(who(&bob, app.url("/protected")).await, None);
}

#[rocket::async_test]
async fn its_control_page_and_its_management_api_tell_too() {
    let (app, heard) = start().await;
    let operator = Browser::new();
    let at = |path: &str| format!("{}{path}", app.provider.endpoint());
    let page = operator.navigate(at(&format!("/user?id={BOB}"))).await;
    // All that is not ticked ends.
    let form = [
        ("user", BOB),
        ("role", "shopper"),
        ("member", "globexfrcji1"),
    ];
    let request = operator.request(reqwest::Method::POST, at("/roles"));
    let answer = request
        .initiator(page.url().as_str())
        .form(&form)
        .send()
        .await;
    assert_eq!(answer.status(), 303);
    let both = async || {
        let all = heard.all();
        let of = |organization: &str, list: &str| {
            all.iter().any(|message| {
                message["event"] == "Organization.Membership.Updated"
                    && message["organizationId"] == organization
                    && message[list] == json!([BOB])
            })
        };
        of("acme5obvzg01", "removedUserIds") && of("globexfrcji1", "addedUserIds")
    };
    eventually("both memberships", both).await;

    let machine = [
        ("client_id", "dev-machine"),
        ("client_secret", "dev-machine-secret-known-to-everyone"),
        ("grant_type", "client_credentials"),
        ("resource", "https://default.logto.app/api"),
        ("scope", "all"),
    ];
    let request = operator.request(reqwest::Method::POST, at("/oidc/token"));
    let token: Value = request.form(&machine).send().await.json();
    let token = token["access_token"]
        .as_str()
        .unwrap_or_else(|| panic!("{token}"))
        .to_owned();
    let call = async |method: reqwest::Method, path: &str, body: Value| {
        let request = reqwest::Client::new().request(method, at(path));
        let request = request.bearer_auth(&token).body(body.to_string());
        let answer = request.send().await.expect("an answer");
        answer.status().as_u16()
    };
    let user = format!("/api/users/{ALICE}");
    let patch = reqwest::Method::PATCH;
    assert_eq!(
        call(patch.clone(), &user, json!({ "name": "Alice New" })).await,
        200
    );
    let message = eventually_of(&heard, "User.Data.Updated").await;
    assert_eq!(message["data"]["name"], "Alice New");
    let suspended = format!("{user}/is-suspended");
    assert_eq!(call(patch.clone(), &suspended, json!({})).await, 400);
    assert_eq!(
        call(patch, &suspended, json!({ "isSuspended": true })).await,
        200
    );
    eventually_of(&heard, "User.SuspensionStatus.Updated").await;
    assert_eq!(call(reqwest::Method::DELETE, &user, json!({})).await, 204);
    eventually_of(&heard, "User.Deleted").await;
    assert_eq!(call(reqwest::Method::DELETE, &user, json!({})).await, 404);
}

/// How often it was asked, and how often it says that it cannot.
struct Shaky(Mutex<(usize, usize)>);

#[post("/shaky")]
fn shaky(shaky: &State<Arc<Shaky>>) -> rocket::http::Status {
    let mut shaky = shaky.0.lock().expect("no panic");
    shaky.0 += 1;
    match shaky.0 > shaky.1 {
        true => rocket::http::Status::Ok,
        false => rocket::http::Status::BadGateway,
    }
}

fn with_shaky(state: &Arc<Shaky>) -> Rocket<Build> {
    rocket().manage(state.clone()).mount("/", routes![shaky])
}

#[rocket::async_test]
async fn it_tries_again_three_times() {
    for (failures, attempts) in [(0, 1), (2, 3), (100, 4)] {
        let shaky = Arc::new(Shaky(Mutex::new((0, failures))));
        let app = TestApp::with(table(), with_shaky(&shaky)).await;
        let url = app.url("/shaky");
        app.provider.set_webhook(Some(Webhook::new(url, KEY)));
        app.provider.suspend(ALICE, true);
        let asked = || shaky.0.lock().expect("no panic").0;
        eventually("all attempts", async || asked() == attempts).await;
        rocket::tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(asked(), attempts, "{failures} failures");
    }
}
