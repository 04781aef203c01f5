//! What the library writes to the log. Its lines say why a sign-in was refused,
//! which a page must not: tests look the reason up by the reference on the page.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use log::kv::{self, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::leaks;

struct Collector {
    lines: Mutex<Vec<(String, Fields)>>,
}

/// What a logger gets besides the text.
pub type Fields = BTreeMap<String, String>;

static COLLECTOR: Collector = Collector {
    lines: Mutex::new(Vec::new()),
};

/// With this variable a process of the tests has another logger.
pub const NO_COLLECTOR: &str = "NO_COLLECTOR";

struct Read<'f>(&'f mut Fields);

impl<'kvs> VisitSource<'kvs> for Read<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        self.0.insert(key.to_string(), value.to_string());
        Ok(())
    }
}

/// A process has one logger, the first to come, and every `rocket::build()`
/// installs Rocket's own. Tests run side by side, so the only moment that is
/// early enough lies before `main`.
#[used]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
static INSTALL: extern "C" fn() = install;

extern "C" fn install() {
    if std::env::var_os(NO_COLLECTOR).is_some() {
        return;
    }
    if log::set_logger(&COLLECTOR).is_ok() {
        // What others say, down to the last detail, is searched for secrets.
        log::set_max_level(LevelFilter::Trace);
    }
}

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        leaks::logged(record);
        if record.target().starts_with("rocket_logto") && record.level() <= Level::Info {
            let line = format!("{} {}", record.level(), record.args());
            println!("{line}");
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            let mut fields = Fields::new();
            let _ = record.key_values().visit(&mut Read(&mut fields));
            lines.push((line, fields));
        }
    }

    fn flush(&self) {}
}

/// The lines of the whole process that hold `text`, oldest first.
pub fn lines_with(text: &str) -> Vec<String> {
    let lines = COLLECTOR
        .lines
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    lines
        .iter()
        .filter(|(line, _)| line.contains(text))
        .map(|(line, _)| line.clone())
        .collect()
}

/// The fields of a line that `lines_with` gave.
pub fn fields_of(line: &str) -> Fields {
    let lines = COLLECTOR
        .lines
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let found = lines.iter().find(|(other, _)| other == line);
    found.expect("a line of the log").1.clone()
}

/// The reason of the one failure with this reference.
pub fn reason_of(reference: &str) -> String {
    let lines = lines_with(&format!("reference={reference}"));
    let [line] = &lines[..] else {
        panic!("not one line has the reference {reference}: {lines:#?}");
    };
    let reason = line.split_once("reason=").map(|(_, rest)| rest);
    let reason = reason.and_then(|rest| rest.rsplit_once(" reference="));
    let (reason, _) = reason.unwrap_or_else(|| panic!("no reason in {line}"));
    reason.to_owned()
}
