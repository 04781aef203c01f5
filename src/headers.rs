//! Security headers for every response of the app: pages, errors and static files.
//!
//! Rocket's own [`Shield`] carries the ones that never change. [`Headers`] adds
//! those that depend on the configuration, or on what a response already says.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Header;
use rocket::shield::{Feature, Frame, NoSniff, Permission, Shield};
use rocket::{Request, Response};
use rocket_logto::Logto;

/// Replaces the `Shield` that Rocket attaches by default, so no header is sent
/// twice.
pub fn shield() -> Shield {
    Shield::new()
        .enable(Frame::Deny)
        .enable(NoSniff::Enable)
        .enable(
            Permission::blocked(Feature::Camera)
                .block(Feature::Geolocation)
                .block(Feature::Microphone)
                .block(Feature::Payment)
                .block(Feature::Usb),
        )
}

/// The headers `Shield` cannot know. Attach it after `Logto::fairing()`: response
/// fairings run in that order, and the library's pages bring a policy of their own.
pub struct Headers;

#[rocket::async_trait]
impl Fairing for Headers {
    fn info(&self) -> Info {
        Info {
            name: "Security headers",
            kind: Kind::Response,
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let logto = request.rocket().state::<Logto>();

        if !response.headers().contains("Content-Security-Policy") {
            response.set_header(policy(logto));
        }

        // `same-origin` and not `no-referrer`: with the latter, browsers send
        // `Origin: null` with our own forms (Fetch, "append a request Origin
        // header"), and sign-out would seem to come from another site.
        if response.headers().get_one("Referrer-Policy") != Some("no-referrer") {
            response.set_raw_header("Referrer-Policy", "same-origin");
        }

        response.set_raw_header("Cross-Origin-Opener-Policy", "same-origin");
        response.set_raw_header("Cross-Origin-Resource-Policy", "same-origin");

        // Decided by the configured public address: behind a proxy that terminates
        // TLS, the connection we see is plain.
        if logto.is_some_and(|logto| logto.base_url().scheme() == "https") {
            response.set_raw_header("Strict-Transport-Security", "max-age=31536000");
        }
    }
}

/// The `Content-Security-Policy` of the app's pages.
pub fn policy(logto: Option<&Logto>) -> Header<'static> {
    let origins = logto.map(Logto::provider_origins).unwrap_or_default();
    Header::new("Content-Security-Policy", csp(&origins))
}

/// No script at all. Profile pictures may come from anywhere over https. The
/// provider's origins are included because Chromium applies `form-action` to the
/// redirect after the sign-out form as well.
fn csp(form_origins: &[String]) -> String {
    let mut policy = String::from(
        "default-src 'none'; style-src 'self'; img-src 'self' https:; object-src 'none'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    );
    for origin in form_origins {
        policy.push(' ');
        policy.push_str(origin);
    }
    policy
}
