//! `cargo run` on a machine where another app runs already, with half of a configuration,
//! or from within tests: it starts, says what it has made of it, and ends with the
//! address to open.

use rocket::local::asynchronous::Client;
use rocket_logto::Logto;

use crate::support::app::ALICE;
use crate::support::browser::Browser;
use crate::support::demo::Demo;
use crate::support::eventually::eventually;
use crate::support::launch::Launch;
use crate::support::serve::Process;

fn dev_rocket() -> rocket::Rocket<rocket::Build> {
    let figment = rocket::Config::figment().merge(("log_level", "off"));
    // Without the file of this repository's own app.
    let figment = figment.select(rocket::Config::DEBUG_PROFILE);
    rocket::custom(figment).attach(Logto::fairing())
}

/// Two tests of one app in one process, or a second app beside the first.
#[rocket::async_test]
async fn each_app_has_a_development_provider_of_its_own() {
    let first = Client::tracked(dev_rocket()).await.expect("it ignites");
    let second = Client::tracked(dev_rocket()).await.expect("so does it");
    let issuer = |client: &Client| {
        let logto = client.rocket().state::<Logto>().expect("managed");
        logto.config().issuer().to_owned()
    };
    assert_ne!(issuer(&first), issuer(&second));
    for client in [&first, &second] {
        // To the provider of this one, which takes the request.
        let wanted = issuer(client);
        let answer = client.get("/sign-in").dispatch().await;
        let location = answer.headers().get_one("Location").unwrap_or_default();
        assert!(location.starts_with(&wanted), "{location} for {wanted}");
        let port = wanted
            .rsplit(':')
            .next()
            .and_then(|rest| rest.split('/').next());
        let port: u16 = port.and_then(|port| port.parse().ok()).expect("a port");
        assert!(port >= 3001, "{wanted}");
    }
    // A process sees that the port is taken, and by what.
    let output = announced("first-start-second", "", &[]).await;
    for text in [
        "port 3001 is taken by",
        "write logto.dev_provider.port",
        "DEVELOPMENT PROVIDER on http://localhost:30",
    ] {
        assert!(output.contains(text), "no {text:?} in\n{output}");
    }
    assert!(
        !output.contains("provider http://localhost:3001/oidc"),
        "{output}"
    );
    let other = "the development provider of another app or test";
    assert!(output.contains(other), "{output}");
}

/// Any free port; nobody has to be told that another one is taken.
#[rocket::async_test]
async fn port_0_takes_any_free_one() {
    let keys = "[default.logto.dev_provider]\nport = 0\n";
    let output = announced("first-start-any-port", keys, &[]).await;
    assert!(
        output.contains("DEVELOPMENT PROVIDER on http://localhost:"),
        "{output}"
    );
    for text in ["localhost:0", "is taken by"] {
        assert!(!output.contains(text), "{text:?} in\n{output}");
    }
}

/// Half of a configuration starts the development provider all the same, and says what
/// is missing beside it.
#[rocket::async_test]
async fn an_application_without_a_provider_is_told() {
    let keys =
        "[default.logto]\napp_secret = \"hush-hush\"\n[debug.logto.dev_provider]\nport = 0\n";
    let env = [
        ("LOGTO_APP_ID", "my-app"),
        ("LOGTO_ENPOINT", "https://t.logto.app"),
    ];
    let output = announced("first-start-half", keys, &env).await;
    for text in [
        "logto.app_id (`LOGTO_APP_ID` environment variable), logto.app_secret (",
        "counts for nothing, because no provider is named: set LOGTO_ENDPOINT",
        "LOGTO_ENPOINT is not read: do you mean LOGTO_ENDPOINT?",
    ] {
        assert!(output.contains(text), "no {text:?} in\n{output}");
    }
    let output = announced(
        "first-start-whole",
        "[debug.logto.dev_provider]\nport = 0\n",
        &[],
    )
    .await;
    assert!(!output.contains("counts for nothing"), "{output}");
}

async fn announced(name: &str, keys: &str, env: &[(&str, &str)]) -> String {
    let launch = Launch {
        toml: keys.to_owned(),
        env: env.to_vec(),
    };
    launch.announces(name).await
}

/// The last line is the address that works, whatever Rocket says before. A sign-in logs
/// no status that is no HTTP status.
#[rocket::async_test]
async fn the_terminal_ends_with_the_address_to_open() {
    let demo = Demo::start().await;
    let open = format!("logto: open {}", demo.url("/"));
    eventually("the address", async || {
        demo.output().trim_end().ends_with(&open)
    })
    .await;
    let browser = Browser::new();
    demo.sign_in(&browser, ALICE).await;
    let output = demo.output();
    assert!(!output.contains("490"), "{output}");
}

/// Even where the person asks for backtraces.
#[rocket::async_test]
async fn no_backtrace_hides_why_a_launch_fails() {
    let mut process = Process::app(&[
        ("RUST_BACKTRACE", "1"),
        ("ROCKET_CLI_COLORS", "false"),
        ("ROCKET_LOGTO", "{endpont=\"https://t.logto.app\"}"),
    ]);
    let status = process.wait_for_exit().await;
    let output = process.output();
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(
        output.to_lowercase().contains("logto.endpont") && output.contains("`endpoint`"),
        "{output}"
    );
    for noise in ["panicked at", "stack backtrace"] {
        assert!(!output.contains(noise), "{output}");
    }
}
