//! `--is-healthy`: what the image's health check runs, where there is no other program.

use crate::support::serve::{Process, free_port};

fn environment<'a>(port: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let logto = "{dev_provider={port=0}}";
    let mut env = vec![
        ("ROCKET_PORT", port),
        ("ROCKET_ADDRESS", "0.0.0.0"),
        ("ROCKET_LOGTO", logto),
    ];
    env.extend(more);
    env
}

/// Whether it says so, and what it says besides.
async fn says(env: &[(&str, &str)]) -> (bool, String) {
    let mut asked = Process::app_with(&["--is-healthy"], env);
    let status = asked.wait_for_exit().await;
    (status.success(), asked.output())
}

#[rocket::async_test]
async fn as_it_answers() {
    let port = free_port().to_string();
    let env = environment(&port, &[]);
    let (healthy, why) = says(&env).await;
    assert!(!healthy);
    let url = format!("http://127.0.0.1:{port}/healthz: ");
    assert!(why.contains(&url) && why.contains("refused"), "{why}");

    let mut app = Process::app(&env);
    app.wait_for_port(port.parse().expect("a port")).await;
    assert_eq!(says(&env).await, (true, String::new()));
    // Somebody who listens, and has no such page.
    let elsewhere = environment(
        &port,
        &[("ROCKET_LOGTO", "{routes={healthz=\"/not-here\"}}")],
    );
    let (healthy, why) = says(&elsewhere).await;
    assert!(!healthy && why.contains("404"), "{why}");
}

#[rocket::async_test]
async fn at_the_path_it_was_moved_to() {
    let port = free_port().to_string();
    let moved = "{dev_provider={port=0},routes={healthz=\"/alive\"}}";
    let env = environment(&port, &[("ROCKET_LOGTO", moved)]);
    let mut app = Process::app(&env);
    app.wait_for_port(port.parse().expect("a port")).await;
    assert_eq!(says(&env).await, (true, String::new()));
}
