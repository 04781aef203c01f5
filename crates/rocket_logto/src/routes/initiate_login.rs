//! `GET` and `POST /initiate-login`: a sign-in that a third party began, such as
//! the provider's own list of apps (OpenID Connect Core section 4).

use rocket::http::Method;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request};
use url::{Url, form_urlencoded};

use super::base_host::{Which, sent_to_base_url};
use super::sign_in::{SignIn, started, starts_nothing};
use super::{answer, form_text, nothing};
use crate::config::LogtoConfig;
use crate::error::{Error, ErrorKind};
use crate::logto::Logto;
use crate::request::query;
use crate::response::error::page;
use crate::return_to::ReturnTo;

const MAX_FORM: usize = 16 * 1024;
/// In bytes: an e-mail address, a phone number or a user name.
const MAX_HINT: usize = 512;

#[derive(Clone)]
pub(super) struct InitiateLoginRoute;

#[rocket::async_trait]
impl Handler for InitiateLoginRoute {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        if starts_nothing(request) {
            return answer(nothing());
        }
        let parameters = match request.method() {
            Method::Post => form_text(data, MAX_FORM).await.unwrap_or_default(),
            _ => query(request).to_owned(),
        };
        if let Some(sent) = sent_to_base_url(request, Which::InitiateLogin, &parameters) {
            return answer(sent);
        }
        answer(match begin(request, &parameters) {
            Ok(sign_in) => started(request, &sign_in.0).await,
            Err(error) => page(&error, request),
        })
    }
}

/// Any site may send a browser here. All it can achieve is a sign-in at the
/// configured provider that ends on a page of this app.
fn begin(request: &Request<'_>, parameters: &str) -> Result<SignIn, Error> {
    let config = Logto::of(request)?.config();
    let (mut iss, mut sign_in) = (None, SignIn::new());
    for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
        match &*name {
            "iss" if iss.is_some() => return Err(rejected("iss_twice")),
            "iss" => iss = Some(value.into_owned()),
            "login_hint" if !value.is_empty() && value.len() <= MAX_HINT => {
                sign_in = sign_in.login_hint(value);
            }
            "target_link_uri" => {
                if let Some(path) = own_path(config, &value) {
                    sign_in = sign_in.return_to(path.as_str());
                }
            }
            _ => {}
        }
    }
    match iss {
        Some(iss) if config.is_issuer(&iss) => Ok(sign_in),
        Some(_) => Err(rejected("iss_mismatch")),
        None => Err(rejected("iss_missing")),
    }
}

/// The path of an address at this app; `None` for any other address.
fn own_path(config: &LogtoConfig, address: &str) -> Option<ReturnTo> {
    let url = Url::parse(address).ok()?;
    config.base_path.of_url(&url, &config.base_url)
}

fn rejected(reason: &str) -> Error {
    Error::new(
        ErrorKind::SignInRejected,
        format!("initiate_login_{reason}"),
    )
}
