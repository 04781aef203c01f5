//! What must hold for any bytes at all: one property a parser. Not "it does not
//! panic", which comes on top, but what a stranger must not achieve.
//!
//! The fuzz targets and the over-the-wire tests of the repository take this file
//! in as their own module.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::Cookie;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::{
    DpopCall, Expected, Keys, Sealer, SigningAlg, callback_parameters, cookie_pairs, cookie_value,
    dpop_address, dpop_proof as checked_proof, ended_by_webhook, endpoints, kept_return_to,
    logout_token_of_form, step_up_challenge as challenge, webhook_signature,
};

const ISSUER: &str = "https://id.example/oidc";
const CLIENT_ID: &str = "app";
const NONCE: &str = "n-0S6_WzA2Mj";
const NOW: i64 = 1_800_000_000;
const TOLERANCE: i64 = 60;
const KID: &str = "the-key";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const SESSION: &str = "__Host-logto_session";

const EXPECTED: Expected<'static> = Expected {
    issuer: ISSUER,
    client_id: CLIENT_ID,
    nonce: NONCE,
    now: NOW,
    tolerance: TOLERANCE,
};

pub type Property = fn(&[u8]);

/// Each property, and the name of its fuzz target.
pub const ALL: [(&str, Property); 13] = [
    ("return_to", return_to),
    ("callback_query", callback_query),
    ("logout_form", logout_form),
    ("webhook", webhook),
    ("discovery", discovery),
    ("jwks", jwks),
    ("jwt_token", jwt_token),
    ("jwt_header", jwt_header),
    ("jwt_claims", jwt_claims),
    ("cookie_header", cookie_header),
    ("cookie_chunks", cookie_chunks),
    ("step_up_challenge", step_up_challenge),
    ("dpop_proof", dpop_proof),
];

/// An address to return to stays within the app, for the parser browsers use,
/// fits a header, and is the same when it is checked again.
pub fn return_to(data: &[u8]) {
    let Ok(value) = str::from_utf8(data) else {
        return;
    };
    let Some(kept) = kept_return_to(value) else {
        return;
    };
    assert!(kept.bytes().all(|byte| byte.is_ascii_graphic()), "{kept:?}");
    assert!(kept.starts_with('/') && !kept.starts_with("//"), "{kept:?}");
    assert!(!kept.contains('\\'), "{kept:?}");
    for base in ["https://app.example/", "http://localhost:8000/a/b?c=d"] {
        let base = Url::parse(base).unwrap();
        let joined = base.join(&kept).unwrap();
        assert_eq!(joined.origin(), base.origin(), "{kept:?}");
        assert!(joined.username().is_empty() && joined.password().is_none());
        assert_eq!(joined[url::Position::BeforePath..], *kept);
    }
    assert_eq!(kept_return_to(&kept).as_deref(), Some(&*kept));
}

/// A parameter is taken exactly when it is there once and made of what RFC 6749
/// lets it be made of.
pub fn callback_query(data: &[u8]) {
    let Ok(query) = str::from_utf8(data) else {
        return;
    };
    let values = |name: &str| -> Vec<String> {
        form_urlencoded::parse(query.as_bytes())
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    };
    let expected = ["code", "state", "iss", "error"].map(values);
    let proper = |value: &String| {
        value.len() <= 4096 && value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
    };
    let good = expected
        .iter()
        .all(|values| values.len() <= 1 && values.iter().all(proper));
    let Some(found) = callback_parameters(query) else {
        assert!(!good, "{query:?} is refused");
        return;
    };
    assert!(good, "{query:?} is accepted");
    for (found, values) in found.iter().zip(&expected) {
        let value = values.first().filter(|value| !value.is_empty());
        let found = found.as_ref().filter(|value| !value.is_empty());
        assert_eq!(found, value, "{query:?}");
    }
}

/// A form has a logout token exactly when it has one.
pub fn logout_form(data: &[u8]) {
    let Ok(form) = str::from_utf8(data) else {
        return;
    };
    let mut tokens = form_urlencoded::parse(form.as_bytes())
        .filter(|(name, _)| name == "logout_token")
        .map(|(_, value)| value.into_owned());
    let expected = tokens.next().filter(|_| tokens.next().is_none());
    assert_eq!(logout_token_of_form(form), expected, "{form:?}");
}

/// The first line is a signature exactly when it is 64 digits; the rest ends the sessions of
/// the very user that it names, and only by an event that says so.
pub fn webhook(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (header, body) = data.split_at(end.unwrap_or(data.len()));
    if let Ok(header) = str::from_utf8(header) {
        let digits = header.strip_prefix("sha256=").unwrap_or(header);
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let good = digits.len() == 64 && digits.bytes().all(is_digit);
        let signature = webhook_signature(header);
        assert_eq!(signature.is_some(), good, "{header:?}");
        if let Some(signature) = signature {
            let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, digits);
        }
    }
    let Some(Some(sub)) = ended_by_webhook(body, NOW, TOLERANCE) else {
        return;
    };
    let message: Value = serde_json::from_slice(body).unwrap();
    let of_data = message["data"]["id"].as_str().filter(|id| !id.is_empty());
    let of_path = message["params"]["userId"].as_str();
    assert_eq!(of_data.or(of_path), Some(&*sub), "{message}");
    assert!(!sub.is_empty());
    let is_suspended = message["data"]["isSuspended"] == true;
    let event = message["event"].as_str().unwrap();
    let suspends = event == "User.SuspensionStatus.Updated" && is_suspended;
    assert!(suspends || event == "User.Deleted", "{message}");
}

/// A discovery document is that of the configured issuer, byte for byte, and
/// its endpoints are as safe as that is.
pub fn discovery(data: &[u8]) {
    for (issuer, schemes) in [
        (ISSUER, &["https"][..]),
        ("http://localhost:3001/oidc", &["http", "https"][..]),
    ] {
        let Some(endpoints) = endpoints(issuer, data) else {
            continue;
        };
        // Members that mean nothing here may hold what `Value` does not take.
        if let Ok(document) = serde_json::from_slice::<Value>(data) {
            assert_eq!(document["issuer"], issuer);
        }
        assert!(endpoints.len() >= 3);
        for endpoint in endpoints {
            assert!(schemes.contains(&endpoint.scheme()), "{endpoint}");
            assert!(endpoint.has_host(), "{endpoint}");
        }
    }
}

/// There are never more keys than were published, and no key that is not
/// understood spoils the one that is.
pub fn jwks(data: &[u8]) {
    use SigningAlg::{ES256, ES384, EdDSA, PS256, RS256, RS512};
    for alg in [ES256, ES384, EdDSA, PS256, RS256, RS512] {
        if let Some(keys) = Keys::parse(data, alg)
            && let Ok(document) = serde_json::from_slice::<Value>(data)
        {
            let published = document["keys"].as_array().expect("a list").len();
            assert!(keys.count() <= published);
        }
    }
    let Ok(odd) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let document = json!({ "keys": [odd, SIGNER.jwk()] }).to_string();
    let keys = Keys::parse(document.as_bytes(), EdDSA).expect("odd keys are skipped");
    assert!((1..=2).contains(&keys.count()));
    let token = SIGNER.sign(header(), claims_of_all_kinds(), true);
    assert!(keys.id_token(&token, EXPECTED).is_ok());
}

/// Of all texts only the ones that were signed are taken.
pub fn jwt_token(data: &[u8]) {
    let Ok(token) = str::from_utf8(data) else {
        return;
    };
    if Verdicts::of(token).is_accepted() {
        let good = SIGNER.sign(header(), claims_of_all_kinds(), true);
        let signed = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
        assert_eq!(signed(token), signed(&good));
    }
}

/// The header decides nothing: not the algorithm, not the key, and what it
/// calls critical is not ignored.
pub fn jwt_header(data: &[u8]) {
    let claims = claims_of_all_kinds();
    refuses_unsigned(data, claims.as_bytes());
    let verdicts = Verdicts::of(&SIGNER.sign(data, claims.as_bytes(), true));
    let Ok(header) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    if !verdicts.is_accepted() {
        return;
    }
    assert_eq!(header["alg"], "EdDSA", "{header}");
    assert!(header.get("b64").is_none(), "{header}");
    assert!(header["crit"].is_null(), "{header}");
    // What is no name names no key.
    let kid = header["kid"].as_str().unwrap_or_default();
    assert!(kid.is_empty() || kid == KID, "{header}");
    let typ = header["typ"].as_str().map(str::to_ascii_lowercase);
    let typ = typ.as_deref();
    let application = typ.and_then(|typ| typ.strip_prefix("application/"));
    let is = |wanted| typ == Some(wanted) || application == Some(wanted);
    let any = typ.is_none();
    assert!(!verdicts.id_token || any || typ == Some("jwt"), "{header}");
    assert!(
        !verdicts.logout_token || any || is("jwt") || is("logout+jwt"),
        "{header}"
    );
    assert!(
        !verdicts.access_token || any || is("jwt") || is("at+jwt"),
        "{header}"
    );
}

/// Claims that were signed are taken only when each that counts has its type
/// and its value (OpenID Connect Core 3.1.3.7, Back-Channel Logout 2.6, RFC 9068
/// section 4).
pub fn jwt_claims(data: &[u8]) {
    let header = header();
    refuses_unsigned(header.as_bytes(), data);
    let verdicts = Verdicts::of(&SIGNER.sign(header.as_bytes(), data, true));
    let Ok(claims) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    if !verdicts.is_accepted() {
        return;
    }
    // NumericDate is any JSON number (RFC 7519 section 2).
    let number = |name: &str| {
        let fraction = || claims[name].as_f64().map(|number| number.floor() as i64);
        claims[name].as_i64().or_else(fraction)
    };
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    assert_eq!(claims["iss"], ISSUER);
    let iat = number("iat").expect("a number");
    assert!(iat <= NOW + TOLERANCE, "{claims}");
    let audiences: Vec<&Value> = match &claims["aud"] {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    assert!(audiences.iter().all(|name| name.is_string()), "{claims}");
    let not_expired = |exp: i64| assert!(exp > NOW - TOLERANCE, "{claims}");
    let not_early = || {
        let begun = number("nbf").is_some_and(|nbf| nbf <= NOW + TOLERANCE);
        assert!(claims["nbf"].is_null() || begun, "{claims}");
    };
    if verdicts.id_token {
        not_expired(number("exp").expect("a number"));
        not_early();
        assert!(iat >= NOW - 600 - TOLERANCE, "{claims}");
        assert!(!audiences.is_empty(), "{claims}");
        assert!(audiences.iter().all(|name| *name == CLIENT_ID), "{claims}");
        assert!(claims["azp"].is_null() || claims["azp"] == CLIENT_ID);
        assert_eq!(claims["nonce"], NONCE);
        let sub = text("sub");
        assert!((1..=255).contains(&sub.len()) && sub.is_ascii(), "{claims}");
    }
    if verdicts.logout_token {
        match number("exp") {
            Some(exp) => not_expired(exp),
            None => {
                assert!(claims["exp"].is_null(), "{claims}");
                assert!(iat >= NOW - 300 - TOLERANCE, "{claims}");
            }
        }
        assert!(audiences.iter().any(|name| *name == CLIENT_ID), "{claims}");
        assert!(claims["events"][EVENT].is_object(), "{claims}");
        assert!(claims.get("nonce").is_none(), "{claims}");
        assert!(!text("sub").is_empty() || !text("sid").is_empty());
        assert!((1..=255).contains(&text("jti").len()), "{claims}");
    }
    if verdicts.access_token {
        not_expired(number("exp").expect("a number"));
        not_early();
        assert!((1..=255).contains(&text("sub").len()), "{claims}");
        assert!(!audiences.is_empty(), "{claims}");
    }
    // What opens an API is nothing else, unless it says so itself.
    let says_so = ["token_use", "typ"]
        .iter()
        .any(|name| claims[name].is_string());
    assert!(
        !(verdicts.access_token && verdicts.id_token) || says_so,
        "{claims}"
    );
    assert!(
        !(verdicts.access_token && verdicts.logout_token),
        "{claims}"
    );
}

/// A call with the token of RFC 9449 section 7.1.
fn dpop_call(thumbprint: &str) -> DpopCall<'_> {
    DpopCall {
        method: "GET",
        url: "https://api.example/cart",
        token: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
        thumbprint,
        now: NOW,
        tolerance: TOLERANCE,
    }
}

/// What is said of a proof that is signed by its key.
#[allow(dead_code)]
pub fn verdict_on_proof(header: &str, claims: &str) -> Result<(), String> {
    let thumbprint = SIGNER.thumbprint();
    checked_proof(&SIGNER.sign(header, claims, true), dpop_call(&thumbprint))
}

/// The first line is the header of a proof, the rest its claims: signed by the very key that it
/// brings, it is taken only when each that counts has its type and its value (RFC 9449 section
/// 4.3). An address that it is compared with stays as it is when it is looked at again.
pub fn dpop_proof(data: &[u8]) {
    const ATH: &str = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";
    let thumbprint = SIGNER.thumbprint();
    let call = dpop_call(&thumbprint);
    if let Ok(text) = str::from_utf8(data) {
        assert!(checked_proof(text, call).is_err(), "{text}");
        if let Some(address) = dpop_address(text) {
            assert_eq!(dpop_address(&address).as_ref(), Some(&address), "{text:?}");
            assert!(!address.contains(['?', '#']), "{text:?}");
        }
    }
    let end = data.iter().position(|byte| *byte == b'\n');
    let (header, claims) = data.split_at(end.unwrap_or(data.len()));
    let claims = claims.get(1..).unwrap_or_default();
    let forged = SIGNER.sign(header, claims, false);
    assert!(checked_proof(&forged, call).is_err(), "{forged}");
    if checked_proof(&SIGNER.sign(header, claims, true), call).is_err() {
        return;
    }
    let header: Value = serde_json::from_slice(header).expect("a header");
    let typ = header["typ"].as_str().map(str::to_ascii_lowercase);
    let typ = typ.as_deref();
    assert!(
        [Some("dpop+jwt"), Some("application/dpop+jwt")].contains(&typ),
        "{header}"
    );
    assert_eq!(header["alg"], "EdDSA", "{header}");
    assert_eq!(header["jwk"]["x"], SIGNER.jwk()["x"], "{header}");
    for name in ["d", "k", "p", "q"] {
        assert!(header["jwk"].get(name).is_none(), "{header}");
    }
    for name in ["crit", "b64"] {
        assert!(header.get(name).is_none(), "{header}");
    }
    let claims: Value = serde_json::from_slice(claims).expect("claims");
    assert!(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()));
    assert_eq!(claims["htm"], "GET", "{claims}");
    let htu = claims["htu"].as_str().expect("an address");
    assert_eq!(dpop_address(htu).as_deref(), Some(call.url), "{claims}");
    assert_eq!(claims["ath"], ATH, "{claims}");
    let iat = claims["iat"].as_f64().expect("a number") as i64;
    assert!((NOW - 121..=NOW + 60).contains(&iat), "{claims}");
}

/// A cookie counts when its name is there once, byte for byte; and no text
/// opens that was not sealed.
pub fn cookie_header(data: &[u8]) {
    let Ok(header) = str::from_utf8(data) else {
        return;
    };
    let cookies = cookie_pairs(header);
    let begin = format!("{SESSION}=");
    let mut found = header
        .split(';')
        .filter_map(|pair| pair.trim_matches([' ', '\t']).strip_prefix(&*begin));
    let expected = found.next().filter(|_| found.next().is_none());
    assert_eq!(cookie_value(&cookies, SESSION), expected, "{header:?}");
    assert_eq!(SEALER.open(&cookies, SESSION), None, "{header:?}");
}

/// Chunks open exactly when they are the ones that were sealed together, each
/// once, whatever else is there. The first two bytes say how much is sealed,
/// each two more what is done to the cookies.
pub fn cookie_chunks(data: &[u8]) {
    let [high, low, edits @ ..] = data else {
        return;
    };
    let plain = "x".repeat(usize::from(u16::from_be_bytes([*high, *low])) % 9500);
    let Some(lines) = SEALER.seal(SESSION, plain.clone()) else {
        assert!(plain.len() > 8500, "{} bytes do not fit", plain.len());
        return;
    };
    assert!(lines.len() <= 3 && lines.iter().all(|line| line.len() <= 4096));
    let sealed: Vec<(String, String)> = lines
        .iter()
        .map(|line| Cookie::parse(line.as_str()).unwrap())
        .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
        .collect();
    let mut carried = sealed.clone();
    for edit in edits.chunks_exact(2).take(8) {
        apply(edit[0], usize::from(edit[1]), &mut carried);
    }
    let cookies: Vec<(&str, &str)> = carried
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let intact = sealed.iter().all(|(name, value)| {
        let mut same = cookies.iter().filter(|(other, _)| other == name);
        same.next().is_some_and(|(_, other)| other == value) && same.next().is_none()
    });
    assert_eq!(SEALER.open(&cookies, SESSION), intact.then_some(plain));
}

/// What an API demands fits the sign-in that it becomes, is there word for word, is the same
/// when it is written down anew and beside other challenges, and never comes from what
/// somebody has quoted.
pub fn step_up_challenge(data: &[u8]) {
    const CODE: &str = "insufficient_user_authentication";
    let found = challenge(data);
    if let Ok(text) = str::from_utf8(data) {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let within = format!("Basic realm=\"{quoted}\", Newauth x=\"{quoted}\"");
        assert_eq!(challenge(within.as_bytes()), None, "{within}");
        let beside = format!("Basic realm=\"a, \\\"b\", {text}");
        assert!(
            found.is_none() || challenge(beside.as_bytes()) == found,
            "{beside}"
        );
    }
    let Some((max_age, acr_values)) = found else {
        return;
    };
    let text = String::from_utf8_lossy(data).replace('\\', "");
    assert!(text.contains(CODE), "{text}");
    let joined = acr_values.join(" ");
    assert!(joined.len() <= 512, "{joined}");
    let is_name = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    assert!(acr_values.iter().all(is_name), "{joined}");
    let escaped = joined.replace('\\', "\\\\").replace('"', "\\\"");
    let age = max_age.map(|seconds| format!(", max_age=\"{seconds}\""));
    let again = format!(
        "Bearer error=\"{CODE}\", acr_values=\"{escaped}\"{}",
        age.unwrap_or_default()
    );
    assert_eq!(
        challenge(again.as_bytes()),
        Some((max_age, acr_values)),
        "{again}"
    );
}

fn apply(edit: u8, at: usize, cookies: &mut Vec<(String, String)>) {
    if cookies.is_empty() {
        return;
    }
    let index = at % cookies.len();
    match edit % 8 {
        0 => drop(cookies.remove(index)),
        1 => cookies.push(cookies[index].clone()),
        2 => cookies.swap(0, index),
        3 => cookies[index].1.truncate(at),
        4 => cookies[index].1.push('A'),
        5 => cookies[index].1.insert_str(0, "2."),
        6 => cookies[index].0 = format!("{SESSION}-{at}"),
        _ => cookies.push((format!("{SESSION}-{at}"), "x".to_owned())),
    }
}

static SEALER: LazyLock<Sealer> = LazyLock::new(|| Sealer::new(&[7; 32]));
static SIGNER: LazyLock<Signer> = LazyLock::new(Signer::new);

/// The provider: the one key that may sign.
struct Signer {
    pair: Ed25519KeyPair,
    keys: Keys,
}

impl Signer {
    fn new() -> Signer {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let document = json!({ "keys": [jwk(&pair)] }).to_string();
        let keys = Keys::parse(document.as_bytes(), SigningAlg::EdDSA).expect("a key set");
        Signer { pair, keys }
    }

    fn jwk(&self) -> Value {
        jwk(&self.pair)
    }

    /// RFC 8037 appendix A.3.
    fn thumbprint(&self) -> String {
        let x = jwk(&self.pair)["x"].clone();
        let text = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{x}}}"#);
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
    }

    /// A token whose signature is right, or of something else.
    fn sign(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>, rightly: bool) -> String {
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let input = format!("{}.{}", encode(header.as_ref()), encode(claims.as_ref()));
        let signature = match rightly {
            true => self.pair.sign(input.as_bytes()),
            false => self.pair.sign(b"something else"),
        };
        format!("{input}.{}", encode(signature.as_ref()))
    }
}

fn jwk(pair: &Ed25519KeyPair) -> Value {
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": KID })
}

/// For whom a token is good.
struct Verdicts {
    id_token: bool,
    logout_token: bool,
    access_token: bool,
}

impl Verdicts {
    fn of(token: &str) -> Verdicts {
        Verdicts {
            id_token: SIGNER.keys.id_token(token, EXPECTED).is_ok(),
            logout_token: SIGNER.keys.logout_token(token, EXPECTED).is_ok(),
            access_token: SIGNER.keys.access_token(token, EXPECTED).is_ok(),
        }
    }

    fn is_accepted(&self) -> bool {
        self.id_token || self.logout_token || self.access_token
    }
}

/// Header and claims may be as they like: without a signature they are nothing.
fn refuses_unsigned(header: &[u8], claims: &[u8]) {
    let forged = SIGNER.sign(header, claims, false);
    let input = forged.rsplit_once('.').map(|(input, _)| input);
    let input = input.unwrap_or_default();
    for token in [
        &*forged,
        input,
        &format!("{input}."),
        &format!("{input}.AA"),
    ] {
        assert!(!Verdicts::of(token).is_accepted(), "{token}");
    }
}

fn header() -> String {
    json!({ "alg": "EdDSA", "kid": KID }).to_string()
}

/// Good for an ID token and an access token. (No token is good for those and
/// for a logout token, too: that one must have no nonce.)
fn claims_of_all_kinds() -> String {
    json!({
        "iss": ISSUER, "aud": CLIENT_ID, "sub": "user", "nonce": NONCE, "azp": CLIENT_ID,
        "iat": NOW, "exp": NOW + 3600, "jti": "id", "scope": "read",
    })
    .to_string()
}
