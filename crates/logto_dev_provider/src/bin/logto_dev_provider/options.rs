//! The options of the program.

use std::path::PathBuf;

use lexopt::{Parser, ValueExt};
use logto_dev_provider::{Settings, Webhook};
use url::Url;

use crate::Failure;

pub const HELP: &str = "\
An OpenID provider that behaves like Logto, for development and tests.
NEVER FOR PRODUCTION: it signs in anybody who presses a button.

Usage: logto_dev_provider [OPTIONS]

Options:
  --port PORT           Port on the loopback interface; 0 takes any free one
                        [default: 3001]
  --client-id ID        Id of the client [default: dev-app]
  --client-secret TEXT  Secret of the client
                        [default: dev-secret-known-to-everyone]
  --public-client       The client has no secret and must use PKCE, like a
                        single-page or native app
  --redirect-uri URI    A redirect URI of the client, compared as text; may be
                        given several times
                        [default: any http or https URI on this machine]
  --post-logout-redirect-uri URI
                        Where a sign-out may lead, compared as text; may be
                        given several times
                        [default: any http or https URI on this machine]
  --backchannel-logout-uri URI
                        Where logout tokens are sent [default: nowhere]
  --webhook-url URL     Where webhooks are sent [default: nowhere]
  --webhook-signing-key TEXT
                        What signs them; needed with --webhook-url
  --dynamic-registration
                        Clients may register themselves (RFC 7591)
  --seed FILE           Users, machines, organizations and API resources, in
                        TOML [default: built in]
  --print-seed          Print the built-in seed, to start a file from, and exit
  --state-file FILE     Keep who signs up, what is changed on the control page,
                        keys and sessions across restarts [default: nothing]
  --signing-alg ALG     ES384, ES256 or RS256 [default: ES384]
  -h, --help            Print this text and exit
  -V, --version         Print the version and exit

With the defaults the issuer is http://localhost:3001/oidc.
";

const PORT: u16 = 3001;
const CLIENT_ID: &str = "dev-app";
const CLIENT_SECRET: &str = "dev-secret-known-to-everyone";

/// What to do.
pub enum Command {
    Help,
    Version,
    PrintSeed,
    Serve {
        settings: Box<Settings>,
        seed: Option<PathBuf>,
    },
}

pub fn parse(mut parser: Parser) -> Result<Command, Failure> {
    use lexopt::Arg::{Long, Short};
    let mut settings = Box::new(Settings::new(CLIENT_ID, CLIENT_SECRET));
    settings.port = PORT;
    settings.sid = true;
    let (mut seed, mut public, mut secret) = (None, false, None);
    let (mut webhook_url, mut webhook_key) = (None, None);
    while let Some(option) = parser.next()? {
        match option {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Long("print-seed") => return Ok(Command::PrintSeed),
            Long("port") => {
                let text = parser.value()?.string()?;
                settings.port = text
                    .parse()
                    .map_err(|_| usage(format!("--port must be from 0 to 65535, not {text:?}")))?;
            }
            Long("client-id") => settings.client_id = parser.value()?.string()?,
            Long("client-secret") => secret = Some(parser.value()?.string()?),
            Long("public-client") => public = true,
            Long("redirect-uri") => {
                let uri = uri("--redirect-uri", &mut parser)?;
                settings.redirect_uris.push(uri);
            }
            Long("post-logout-redirect-uri") => {
                let uri = uri("--post-logout-redirect-uri", &mut parser)?;
                settings.post_logout_redirect_uris.push(uri);
            }
            Long("backchannel-logout-uri") => {
                let uri = uri("--backchannel-logout-uri", &mut parser)?;
                settings.backchannel_logout_uri = Some(uri);
            }
            Long("webhook-url") => webhook_url = Some(uri("--webhook-url", &mut parser)?),
            Long("webhook-signing-key") => webhook_key = Some(parser.value()?.string()?),
            Long("dynamic-registration") => settings.dynamic_registration = true,
            Long("seed") => seed = Some(PathBuf::from(parser.value()?)),
            Long("state-file") => settings.state_file = Some(PathBuf::from(parser.value()?)),
            Long("signing-alg") => {
                let name = parser.value()?.string()?;
                settings.signing_alg = name
                    .parse()
                    .map_err(|error| usage(format!("--signing-alg {name:?}: {error}")))?;
            }
            unknown => return Err(unknown.unexpected().into()),
        }
    }
    settings.any_loopback_redirect_uri = settings.redirect_uris.is_empty();
    settings.any_loopback_post_logout_redirect_uri = settings.post_logout_redirect_uris.is_empty();
    settings.webhook = match (webhook_url, webhook_key) {
        (Some(url), Some(key)) => Some(Webhook::new(url, key)),
        (None, None) => None,
        _ => {
            return Err(usage(
                "--webhook-url and --webhook-signing-key belong together",
            ));
        }
    };
    match (public, secret) {
        (false, None) => {}
        (false, secret) => settings.client_secret = secret,
        (true, None) => settings.client_secret = None,
        (true, Some(_)) => {
            let why = "--public-client has no secret: leave out one of it and --client-secret";
            return Err(usage(why));
        }
    }
    Ok(Command::Serve { settings, seed })
}

/// An absolute URI without a fragment (RFC 6749, section 3.1.2), as it was written.
fn uri(option: &str, parser: &mut Parser) -> Result<String, Failure> {
    let text = parser.value()?.string()?;
    match Url::parse(&text) {
        Ok(uri) if uri.fragment().is_none() => Ok(text),
        _ => Err(usage(format!(
            "{option} must be an absolute URI without #fragment, like \
             http://localhost:8080/callback, not {text:?}"
        ))),
    }
}

fn usage(why: impl Into<String>) -> Failure {
    Failure::Usage(why.into())
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Failure {
        usage(error.to_string())
    }
}
