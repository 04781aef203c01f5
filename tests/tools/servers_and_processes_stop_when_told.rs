//! Servers in this process and child processes start, are heard, and leave
//! nothing behind.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::{Build, Rocket, get, post, routes};

use crate::support::browser::Browser;
use crate::support::serve::{Process, Served, free_port};

#[get("/visits")]
fn visits(jar: &CookieJar<'_>) -> String {
    let count = jar
        .get("visits")
        .and_then(|cookie| cookie.value().parse::<u32>().ok());
    let count = count.unwrap_or(0) + 1;
    jar.add(("visits", count.to_string()));
    count.to_string()
}

#[post("/visits")]
fn reset_visits(jar: &CookieJar<'_>) -> Redirect {
    jar.remove("visits");
    Redirect::to("/visits")
}

fn counter() -> Rocket<Build> {
    let figment = rocket::Config::figment().merge(("log_level", "off"));
    rocket::custom(figment).mount("/", routes![visits, reset_visits])
}

#[rocket::async_test]
async fn a_rocket_is_served_and_stopped_and_served_again_on_its_port() {
    let port = free_port();
    let browser = Browser::new();
    for round in 0..2 {
        let server = Served::start_on(port, counter()).await;
        assert_eq!(server.port(), port);
        let expected = (2 * round + 1, 2 * round + 2);
        for count in [expected.0, expected.1] {
            assert_eq!(
                browser.navigate(server.url("/visits")).await.text(),
                count.to_string()
            );
        }
        server.stop().await;
        TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    }
    let server = Served::start(counter()).await;
    let hops = browser.post_form(server.url("/visits"), &[]).await;
    let hops = browser.follow_all(hops, 1).await;
    assert_eq!(hops[0].status(), Status::SeeOther.code);
    assert_eq!(hops[1].text(), "1");
    assert_eq!(browser.violations(), []);
}

#[test]
fn free_ports_are_free_and_all_different() {
    let mut ports: Vec<_> = (0..50).map(|_| free_port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 50);
}

#[rocket::async_test]
async fn a_process_is_heard_and_its_end_seen() {
    let mut failing = Command::new("sh");
    failing.args(["-c", "echo said; echo complained >&2; exit 3"]);
    let mut failing = Process::spawn(&mut failing);
    assert_eq!(failing.wait_for_exit().await.code(), Some(3));
    let output = failing.output();
    assert!(
        output.contains("said\n") && output.contains("complained\n"),
        "{output}"
    );

    let mut lasting = Command::new("sh");
    lasting.args(["-c", "echo ready; exec sleep 600"]);
    let mut lasting = Process::spawn(&mut lasting);
    lasting.wait_for_output("ready").await;
    let proc = format!("/proc/{}", lasting.id());
    assert!(Path::new(&proc).exists());
    drop(lasting);
    assert!(!Path::new(&proc).exists());
}

#[rocket::async_test]
async fn a_process_that_ends_too_soon_fails_the_test_with_its_output() {
    let waiting = rocket::tokio::spawn(async {
        let mut command = Command::new("sh");
        let mut process = Process::spawn(command.args(["-c", "echo no such luck"]));
        process.wait_for_output("ready").await;
    });
    let panic = waiting.await.unwrap_err().into_panic();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("no such luck"), "{message}");
}
