//! Brings a browser to the host of `base_url` before its sign-in begins.

use rocket::Request;
use rocket::response::Response;
use url::form_urlencoded::Serializer;

use crate::config::LogtoConfig;
use crate::config::parameters::SignInParameter;
use crate::logto::Logto;
use crate::request::{address, is_at_host, is_navigation, query};
use crate::response::redirect;

/// Marks a request that came to another host and was sent to that of `base_url`.
const SENT: &str = "from_another_host";
/// Marks a sign-in in place of one that nothing was known of.
pub(super) const SECOND: &str = "second_attempt";
/// In bytes: the longest parameter that is sent on.
const MAX_SENT: usize = 2048;

/// A route that starts sign-ins.
#[derive(Clone, Copy)]
pub(super) enum Which {
    SignIn,
    SignUp,
    InitiateLogin,
}

/// Sends a browser that came to another host than that of `base_url` to the same route
/// there: the cookie of a sign-in must be where the provider's response will come.
///
/// Nothing of the request but parameters that we know goes into the address. A proxy may
/// write another host into each request, so the second time it is taken as it is.
pub(super) fn sent_to_base_url(
    request: &Request<'_>,
    which: Which,
    parameters: &str,
) -> Option<Response<'static>> {
    let config = Logto::of(request).ok()?.config();
    if stays(request, config) {
        return None;
    }
    let routes = &config.linked;
    let route = match which {
        Which::SignIn => &routes.sign_in,
        Which::SignUp => &routes.sign_up,
        Which::InitiateLogin => &routes.initiate_login,
    };
    let is_known = |name: &str| match which {
        Which::InitiateLogin => ["iss", "login_hint", "target_link_uri"].contains(&name),
        _ => name == SECOND || is_of_a_sign_in(name),
    };
    let mut kept = Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(parameters.as_bytes()) {
        if is_known(&name) && value.len() <= MAX_SENT {
            kept.append_pair(&name, &value);
        }
    }
    kept.append_pair(SENT, "1");
    Some(redirect(format!(
        "{}?{}",
        config.absolute(route),
        kept.finish()
    )))
}

/// The same for a handler, whose address is known to be one of the app. A form cannot be
/// sent on: its sign-in starts here, as if the host were the right one.
pub(super) fn handler_at_base_url(request: &Request<'_>) -> Option<Response<'static>> {
    let config = Logto::of(request).ok()?.config();
    if stays(request, config) || !is_navigation(request) {
        return None;
    }
    let here = config.base_path.of_request(&address(request))?;
    let separator = if here.as_str().contains('?') {
        '&'
    } else {
        '?'
    };
    let here = format!("{}{separator}{SENT}=1", here.as_str());
    Some(redirect(config.absolute(&here)))
}

/// Whether the route reads a parameter of this name.
pub(super) fn is_of_a_sign_in(name: &str) -> bool {
    name == "return_to" || SignInParameter::parse(name).is_some()
}

/// Whether the request is at the right host, or was sent there before.
fn stays(request: &Request<'_>, config: &LogtoConfig) -> bool {
    is_at_host(request, &config.base_url) || has_mark(query(request), SENT)
}

/// Whether one of the parameters by which our own redirects are recognised is there. Any
/// site can write them, and gains nothing: they only keep us from redirecting again.
pub(super) fn has_mark(parameters: &str, mark: &str) -> bool {
    let mut parameters = url::form_urlencoded::parse(parameters.as_bytes());
    parameters.any(|(name, _)| name == mark)
}
