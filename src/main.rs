//! Team notes, the web app that shows `rocket_logto`: `cargo run`, then open the address
//! it prints. It uses the crate exactly as any other application would.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod account;
mod database;
mod developer;
mod errors;
mod frame;
mod goto;
mod headers;
mod healthy;
mod home;
mod language;
mod metrics;
mod notes;
mod own_cookie;
mod session;
mod shown;
mod signed_out;
#[cfg(test)]
mod tests;
mod told;
mod users;

use std::process::ExitCode;

use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use rocket::{Build, Rocket};
use rocket_dyn_templates::Template;
use rocket_logto::Logto;

/// Not `#[launch]`: that ends in a panic where the launch fails, and under
/// `RUST_BACKTRACE=1` the backtrace scrolls away why.
#[rocket::main]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(healthy::ARGUMENT) {
        return healthy::ask(&configuration());
    }
    match app(configuration()).launch().await {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.pretty_print());
            ExitCode::FAILURE
        }
    }
}

fn app(figment: Figment) -> Rocket<Build> {
    let logto = Logto::fairing()
        .on_sign_in(users::arrives)
        .on_refresh(users::changes)
        .language(language::chosen)
        .pages(told::show);
    let templates = Template::custom(|engines| language::teach(&mut engines.tera));
    rocket::custom(figment)
        .attach(logto)
        .attach(templates)
        .attach(database::fairing())
        .attach(metrics::Metrics::default())
        .attach(headers::shield())
        .attach(headers::Headers)
        .attach(signed_out::SignedOut)
        .attach(developer::resources::http_client())
        .attach(developer::organizations::pages())
        .attach(notes::teams())
        .mount("/", home::routes())
        .mount("/", notes::routes())
        .mount("/", account::routes())
        .mount("/", session::routes())
        .mount("/", language::routes())
        .mount("/", developer::routes())
        .register("/", errors::catchers())
}

/// Rocket's configuration. At a Logto it has the scopes of `web.scopes_at_logto`, unless
/// others are written: another provider, which `issuer` names, may refuse a sign-in that
/// asks for them.
fn configuration() -> Figment {
    let figment = rocket::Config::figment();
    let is_written = |key: &str, variable: &str| {
        let path = format!("logto.{key}");
        figment.find_value(&path).is_ok() || std::env::var_os(variable).is_some()
    };
    let names_another = figment.find_value("logto.issuer").is_ok()
        || std::env::var("LOGTO_ISSUER").is_ok_and(|issuer| !issuer.is_empty());
    if names_another || is_written("scopes", "LOGTO_SCOPES") {
        return figment;
    }
    let scopes: Vec<String> = figment
        .extract_inner("web.scopes_at_logto")
        .unwrap_or_default();
    figment.join(Serialized::default("logto.scopes", scopes))
}
