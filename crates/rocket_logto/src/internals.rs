//! The parsers of untrusted input, for the fuzz targets (`fuzz/`) and the benches
//! of this repository. Feature `_internals` only, and **not an interface**: any
//! release may change it.

#![allow(missing_docs)]

#[cfg(feature = "metrics")]
use std::sync::Arc;

use cookie::{Key, SameSite};
use url::Url;

use crate::claims::{AccessTokenClaims, IdTokenClaims};
use crate::config::SigningAlg;
use crate::error::told::{Advice, Missing};
use crate::error::{Error, ErrorKind};
#[cfg(feature = "metrics")]
pub use crate::measure::{Kind as MetricKind, Metric, listed as metrics};
use crate::oidc::challenge::StepUpChallenge;
use crate::oidc::dpop;
use crate::oidc::metadata::Metadata;
use crate::oidc::verify::{
    self, AccessExpectations, Algorithms, ClientExpectations, KeySet, Logout, Nonce,
    TokenExpectations,
};
use crate::request::cookies as cookie_header;
use crate::response::page::PageKind;
use crate::return_to::ReturnTo;
use crate::routes::backchannel_logout;
use crate::routes::callback::Parameters;
use crate::session::cookie::{self as session_cookie, CookieKeys, CookieSpec};
#[cfg(feature = "metrics")]
use crate::session::store::SharedStore;
use crate::webhook::{self, Effect, WebhookEvent};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// The store as instances use it with metrics: every call is timed.
#[cfg(feature = "metrics")]
pub fn measured(store: impl SharedStore) -> impl SharedStore {
    crate::session::store::measured::Measured(Arc::new(store))
}

pub fn kept_return_to(value: &str) -> Option<String> {
    ReturnTo::parse(value).map(|kept| kept.as_str().to_owned())
}

/// `code`, `state`, `iss`, `error`.
pub fn callback_parameters(query: &str) -> Option<[Option<String>; 4]> {
    let found = Parameters::parse(query).ok()?;
    Some([found.code, found.state, found.iss, found.error])
}

pub fn logout_token_of_form(form: &str) -> Option<String> {
    backchannel_logout::logout_token(form).ok()
}

/// The bytes of the only signature header.
pub fn webhook_signature(header: &str) -> Option<[u8; 32]> {
    webhook::signature([header].into_iter()).ok()
}

/// What is done after a webhook whose signature is good: nothing is known of one that cannot
/// be read, and `Some(Some(…))` names the user whose sessions end.
pub fn ended_by_webhook(body: &[u8], now: i64, tolerance: i64) -> Option<Option<String>> {
    let (webhook, _) = webhook::read::<WebhookEvent>(body, now, tolerance).ok()?;
    Some(match webhook.effect() {
        Effect::Ends(sub) => Some(sub.to_owned()),
        _ => None,
    })
}

/// `max_age` and `acr_values` that an API demands in a `WWW-Authenticate` header.
pub fn step_up_challenge(header: &[u8]) -> Option<(Option<u32>, Vec<String>)> {
    let found = StepUpChallenge::from_headers([("www-authenticate", header)])?;
    Some((
        found.max_age(),
        found.acr_values().map(str::to_owned).collect(),
    ))
}

/// What is wrong with the proof of possession of a call, if anything is.
pub fn dpop_proof(proof: &str, call: DpopCall<'_>) -> Result<(), String> {
    let expected = dpop::Expected {
        method: call.method,
        url: call.url,
        token: call.token,
        thumbprint: call.thumbprint,
        now: call.now,
        tolerance: call.tolerance,
    };
    let proven = dpop::check(proof, &expected);
    proven.map(drop).map_err(|fault| fault.to_string())
}

/// What a proof must be for.
#[derive(Clone, Copy)]
pub struct DpopCall<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub token: &'a str,
    pub thumbprint: &'a str,
    pub now: i64,
    pub tolerance: i64,
}

/// An address as the address of a proof is compared.
pub fn dpop_address(url: &str) -> Option<String> {
    dpop::normalized(url)
}

/// The endpoints of a discovery document that is valid for `issuer`.
pub fn endpoints(issuer: &str, document: &[u8]) -> Option<Vec<Url>> {
    let metadata = Metadata::of(issuer, &[], document).ok()?;
    Some(metadata.endpoints().cloned().collect())
}

/// What the pages of errors can be about: at least one of each kind.
pub fn errors() -> Vec<Error> {
    let kinds = [
        ErrorKind::NotSignedIn,
        ErrorKind::SessionEnded,
        ErrorKind::InsufficientAuthentication,
        ErrorKind::Denied,
        ErrorKind::Misconfigured,
        ErrorKind::NoOrganization,
        ErrorKind::MissingClaims,
        ErrorKind::CrossSite,
        ErrorKind::SignInRejected,
        ErrorKind::SignInUnverified,
        ErrorKind::NoCookies,
        ErrorKind::SignInCancelled,
        ErrorKind::SignInRefused,
        ErrorKind::UnmetAuthentication,
        ErrorKind::ProviderUnreachable,
        ErrorKind::ProviderBadAnswer,
        ErrorKind::ProviderFailed,
        ErrorKind::ProviderTimeout,
        ErrorKind::ProviderNotReady,
        ErrorKind::SignInTooLarge,
        ErrorKind::StoreUnavailable,
        ErrorKind::NotAdmitted,
        ErrorKind::NotAllowed,
        ErrorKind::HookFailed,
        ErrorKind::SessionData,
        ErrorKind::NoAccess,
    ];
    let kinds = kinds.map(|kind| Error::new(kind, "for_a_test"));
    let denied = Advice::ALL.map(|advice| Error::denied("for_a_test", advice));
    let needs = [&[][..], &["admin"], &["admin", "owner"]].into_iter();
    let needs = needs.flat_map(|roles| [(roles, false), (roles, true)]);
    let needs = needs.map(|(roles, in_organization)| {
        Error::new(ErrorKind::NotAllowed, "for_a_test").needing(roles, in_organization)
    });
    let missing = Missing::all().map(|missing| {
        Error::new(ErrorKind::UnmetAuthentication, "for_a_test").lacking(Some(missing))
    });
    kinds
        .into_iter()
        .chain(denied)
        .chain(needs)
        .chain(missing)
        .collect()
}

pub fn page_kinds() -> &'static [PageKind] {
    PageKind::ALL
}

pub fn cookie_pairs(header: &str) -> Vec<(&str, &str)> {
    cookie_header::parse_header(header).collect()
}

pub fn cookie_value<'a>(cookies: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    cookie_header::only(cookies, name)
}

/// Seals and opens session cookies under one key.
pub struct Sealer(CookieKeys);

impl Sealer {
    pub fn new(key: &[u8; 32]) -> Sealer {
        Sealer(CookieKeys::new(Key::derive_from(key), Vec::new()).expect("256 bits"))
    }

    /// The `Set-Cookie` lines; `None` when the text does not fit them.
    pub fn seal(&self, name: &str, plain: String) -> Option<Vec<String>> {
        let spec = CookieSpec {
            path: "/",
            name,
            max_age: 60,
            secure: true,
            same_site: SameSite::Lax,
        };
        self.0.seal_chunked(&spec, &plain).ok()
    }

    /// What was sealed under `name`, put together from the chunks in `cookies`.
    pub fn open(&self, cookies: &[(&str, &str)], name: &str) -> Option<String> {
        let value = session_cookie::assemble(cookies, name)?;
        serde_json::from_str(&self.0.open(name, &value)?).ok()
    }
}

/// The usable keys of a JWKS document.
pub struct Keys {
    keys: KeySet,
}

/// What a token must match; the clock stands still.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub now: i64,
    pub tolerance: i64,
}

impl Keys {
    pub fn parse(document: &[u8], alg: SigningAlg) -> Option<Keys> {
        let keys = KeySet::parse(document, Algorithms::Pinned(vec![alg])).ok()?;
        Some(Keys { keys })
    }

    pub fn count(&self) -> usize {
        self.keys.len()
    }

    fn expectations<'a>(&self, expected: Expected<'a>) -> ClientExpectations<'a> {
        ClientExpectations {
            client_id: expected.client_id,
            trusted_audiences: &[],
            token: TokenExpectations {
                issuer: expected.issuer,
                tenants: &[],
                now: expected.now,
                tolerance: expected.tolerance,
            },
        }
    }

    pub fn id_token(&self, token: &str, expected: Expected<'_>) -> Result<IdTokenClaims, String> {
        let nonce = Nonce::Is(expected.nonce);
        verify::id_token(token, &self.keys, &self.expectations(expected), nonce, None)
            .map_err(|reason| reason.to_string())
    }

    /// `sub` and `sid`.
    pub fn logout_token(
        &self,
        token: &str,
        expected: Expected<'_>,
    ) -> Result<(Option<String>, Option<String>), String> {
        let verdict = verify::logout_token(token, &self.keys, &self.expectations(expected));
        let Logout { sub, sid, .. } = verdict.map_err(|reason| reason.to_string())?;
        Ok((sub, sid))
    }

    pub fn access_token(
        &self,
        token: &str,
        expected: Expected<'_>,
    ) -> Result<AccessTokenClaims, String> {
        let expected = AccessExpectations {
            token: self.expectations(expected).token,
            clients_without_audience: &[],
            takes_id_tokens: false,
        };
        verify::access_token(token, &self.keys, &expected).map_err(|reason| reason.to_string())
    }
}
