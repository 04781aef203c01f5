//! The guards of other libraries on the same route, in Node.js: benches/peers, with people who
//! have really signed in at the same provider.

use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::header::COOKIE;

use crate::Outcome;
use crate::mint::SECRET_KEY;
use crate::process::{Process, free_port, on_one_processor};
use crate::provider::{App, CLIENT, Provider, signed_in_at};
use crate::wrk::Headers;

/// One library, and how an app of it is reached.
pub struct Kind {
    /// As benches/peers/app.js calls it.
    name: &'static str,
    /// Where a sign-in begins, and where the provider sends people back to. None for the
    /// route without a guard.
    paths: Option<(&'static str, &'static str)>,
}

pub const EXPRESS: Kind = Kind {
    name: "express",
    paths: None,
};
pub const LOGTO: Kind = Kind {
    name: "logto",
    paths: Some(("/logto/sign-in", "/logto/sign-in-callback")),
};
pub const OPENID_CONNECT: Kind = Kind {
    name: "openid-connect",
    paths: Some(("/login", "/callback")),
};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers"))
}

/// `v20.20.2`, say.
pub fn node_version() -> Outcome<String> {
    let output = Command::new("node").arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// `4.1.0` of `express`, as it is installed.
pub fn version(package: &str) -> Outcome<String> {
    let file = folder().join(format!("node_modules/{package}/package.json"));
    let manifest: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    Ok(manifest["version"].as_str().ok_or("a version")?.to_owned())
}

/// Starts an app of this kind, and what a browser sends it: the cookies of Alice where there
/// is a guard.
pub async fn start(
    http: &reqwest::Client,
    provider: &Provider,
    kind: &Kind,
) -> Outcome<(App, Headers)> {
    let port = free_port()?;
    let url = format!("http://127.0.0.1:{port}");
    let mut command = on_one_processor("node");
    command
        .arg(folder().join("app.js"))
        .arg(kind.name)
        .stderr(Stdio::inherit())
        .env("NODE_ENV", "production")
        .env("PORT", port.to_string())
        .env("BASE_URL", &url)
        .env("ENDPOINT", provider.endpoint())
        .env("APP_ID", CLIENT.0)
        .env("APP_SECRET", CLIENT.1)
        .env("SECRET_KEY", SECRET_KEY);
    let mut process = Process::spawn(&mut command)?;
    process.wait_for(&format!("{url}/")).await?;
    let app = App { process, url };
    let Some((sign_in, callback)) = kind.paths else {
        return Ok((app, Headers::Same(Vec::new())));
    };
    provider.send_back(format!("{}{callback}", app.url));
    let json = format!("{}/json", app.url);
    // Whoever is not signed in is not let in: the guard is one.
    let stranger = http.get(&json).send().await?;
    if stranger.status().is_success() {
        return Err(format!("{} lets everybody in", kind.name).into());
    }
    let cookie = signed_in_at(http, &app.url, sign_in, "/").await?;
    let answer = http.get(&json).header(COOKIE, &cookie).send().await?;
    let answer = answer.error_for_status()?.text().await?;
    if answer != r#"{"sub":"alice4hy6kz2"}"# {
        return Err(format!("{} says {answer}", kind.name).into());
    }
    Ok((app, Headers::Same(vec![format!("Cookie: {cookie}")])))
}
