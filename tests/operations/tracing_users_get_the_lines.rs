//! An app that uses `tracing` gets each line of the log as an event, set up as the guide to
//! operation says.

use std::fmt::Debug;
use std::process::Command;
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_log::{LogTracer, NormalizeEvent};

use crate::support::app::{ALICE, TestApp};
use crate::support::log::NO_COLLECTOR;
use crate::support::sessions::{rocket, sign_out, signed_in};

const IN_ITS_OWN_PROCESS: &str = "operations::tracing_users_get_the_lines::each_line_is_an_event";

/// Level, target and text of each event.
static EVENTS: Mutex<Vec<(Level, String, String)>> = Mutex::new(Vec::new());

struct Collector;

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        // What was a record of `log` says so in fields of its own.
        if let Some(was) = event.normalized_metadata() {
            let event = (*was.level(), was.target().to_owned(), message.0);
            EVENTS.lock().expect("no panic").push(event);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The logger of the tests is installed before any of them could install another.
#[test]
fn as_the_guide_says() {
    let guide = include_str!("../../crates/rocket_logto/src/guide/operation.md");
    assert!(guide.contains("install `tracing_log::LogTracer` before Rocket is built"));
    let tests = std::env::current_exe().expect("this program");
    let run = Command::new(tests)
        .args(["--exact", IN_ITS_OWN_PROCESS, "--ignored", "--nocapture"])
        .env(NO_COLLECTOR, "1")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&run.stdout);
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{error}");
    assert!(said.contains("1 passed"), "{said}");
}

#[rocket::async_test]
#[ignore = "in a process of its own, by the one above"]
async fn each_line_is_an_event() {
    LogTracer::init().expect("no other logger");
    tracing::dispatcher::set_global_default(Dispatch::new(Collector)).expect("no other");
    let app = TestApp::start(rocket()).await;
    let alice = signed_in(&app, ALICE).await;
    sign_out(&alice, &app).await;
    let events = EVENTS.lock().expect("no panic");
    let of_ours = |begin: &str| -> Vec<_> {
        let meant = events.iter().filter(|(_, _, text)| text.starts_with(begin));
        meant.cloned().collect()
    };
    for begin in [
        "logto: signed in, event=sign_in session=",
        "logto: signed out, event=sign_out cause=user session=",
    ] {
        let found = of_ours(begin);
        let [(level, target, _)] = &found[..] else {
            panic!("{begin}: {found:#?} of {events:#?}");
        };
        assert_eq!(*level, Level::INFO, "{begin}");
        assert!(target.starts_with("rocket_logto::"), "{target}");
    }
}
