//! A provider that takes the shape of another: what Google, Entra ID or Cognito
//! publish and answer, as data files (`tests/fixtures/providers/NAME`), played by
//! a small server that demands what the real one demands.
//!
//! `provider.json` tells what the guide's table says to set (`keys`), how the
//! client is known, which scopes are taken and what becomes of others, what a
//! refresh token or an access token is given for, and what a sign-out needs. The
//! other files are the answers. In their texts `{origin}`, `{app}`, `{client_id}`,
//! `{nonce}`, `{at_hash}`, `{unique}` and the tokens are filled in; a text that is
//! `{now+60}` or `{authenticated}` as a whole becomes a number.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logto_dev_provider::{Signing, SigningAlg};
use rocket::figment::value::{Dict, Value};
use rocket::time::OffsetDateTime;
use rocket::tokio::sync::OnceCell;
use serde_json::{Map, Value as Json, json};
use url::{Url, form_urlencoded};

use super::leaks;
use super::peer_app::Registration;
use super::raw_server::{RawRequest, RawServer, Step, json_response, response};
use super::serve::free_port;
use super::signer::{Signer, base64url};

/// Registered where the data files say nothing else.
const SECRET: &str = "a-secret.of~the_shape+s:not%real";

pub type Query = HashMap<String, String>;

pub struct Shape {
    server: RawServer,
    /// The keys of `provider.json`, filled in.
    pub keys: Dict,
    pub app_id: String,
    app_secret: String,
    state: Arc<Mutex<State>>,
}

/// The data files of one provider, by name.
pub type Files = HashMap<String, Json>;

struct Player {
    files: Files,
    origin: String,
    app: String,
    client_id: String,
    client_secret: String,
    signer: &'static Signer,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The sign-ins that have a code, by the code.
    codes: HashMap<String, SignedIn>,
    refresh_tokens: HashMap<String, SignedIn>,
    access_tokens: HashMap<String, SignedIn>,
    authorization_requests: Vec<Query>,
    sign_outs: Vec<Query>,
    refused: Vec<String>,
}

#[derive(Clone)]
struct SignedIn {
    request: Query,
    authenticated: i64,
}

impl Shape {
    /// The names of all shapes.
    pub fn names() -> Vec<String> {
        let folders = std::fs::read_dir(folder("")).expect("the fixtures");
        let names = folders.map(|folder| folder.expect("a folder").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    /// What the guide's table says to set at the provider of this name.
    pub fn documented_keys(name: &str) -> Map<String, Json> {
        let files = read(name);
        let keys = files["provider"]["keys"].as_object();
        keys.cloned().expect("keys")
    }

    pub async fn start(name: &str, app: &str) -> Shape {
        Shape::changed(name, app, |_| {}).await
    }

    /// A provider that is another in what `change` makes of its files.
    pub async fn changed(name: &str, app: &str, change: impl FnOnce(&mut Files)) -> Shape {
        static SIGNER: OnceCell<Signer> = OnceCell::const_new();
        let signer = SIGNER
            .get_or_init(|| Signer::start(SigningAlg::Rs256))
            .await;
        let port = free_port();
        let mut files = read(name);
        change(&mut files);
        let provider = &files["provider"];
        let text = |member: &str, otherwise: &str| {
            let value = provider[member].as_str();
            value.unwrap_or(otherwise).to_owned()
        };
        let state = Arc::<Mutex<State>>::default();
        let player = Player {
            client_id: text("client_id", ""),
            client_secret: text("client_secret", SECRET),
            origin: format!("http://localhost:{port}"),
            app: app.to_owned(),
            files,
            signer,
            state: state.clone(),
        };
        let keys = player.filled(&player.files["provider"]["keys"], &Query::new());
        let keys: Dict = serde_json::from_value(keys).expect("keys of a configuration");
        let (app_id, app_secret) = (player.client_id.clone(), player.client_secret.clone());
        leaks::keep("client_secret", &app_secret);
        let play = move |request: &RawRequest| vec![Step::Send(player.answer(request))];
        Shape {
            server: RawServer::start_on(port, play).await,
            keys,
            app_id,
            app_secret,
            state,
        }
    }

    pub fn origin(&self) -> String {
        self.server.url("")
    }

    /// The documented keys go in beside it: see [`Shape::keys`].
    pub fn registration(&self) -> Registration {
        let issuer = self.keys.get("issuer").and_then(Value::as_str);
        Registration {
            issuer: issuer.expect("an issuer").to_owned(),
            app_id: self.app_id.clone(),
            app_secret: self.app_secret.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state")
    }

    pub fn authorization_requests(&self) -> Vec<Query> {
        self.state().authorization_requests.clone()
    }

    /// The parameters of the sign-outs that were carried out.
    pub fn sign_outs(&self) -> Vec<Query> {
        self.state().sign_outs.clone()
    }

    /// What the provider did not take, in its own words.
    pub fn refused(&self) -> Vec<String> {
        self.state().refused.clone()
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/providers");
    Path::new(fixtures).join(name)
}

pub fn read(name: &str) -> Files {
    let files = std::fs::read_dir(folder(name)).unwrap_or_else(|_| panic!("no shape {name}"));
    let parse = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a file");
        let json = serde_json::from_str(&text);
        let json = json.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        (stem.expect("a name").to_owned(), json)
    };
    files
        .map(|file| parse(file.expect("a file").path()))
        .collect()
}

impl Player {
    fn answer(&self, request: &RawRequest) -> Vec<u8> {
        let url = Url::parse(&self.origin).expect("the origin");
        let url = url.join(request.path()).expect("a path");
        let query: Query = url.query_pairs().into_owned().collect();
        let form: Query = form_urlencoded::parse(&request.body).into_owned().collect();
        let provider = &self.files["provider"];
        let discovery = provider["keys"]["discovery_url"].as_str();
        let issuer = self.files["metadata"]["issuer"]
            .as_str()
            .expect("an issuer");
        // RFC 8615 has it below `common` where one document is for all tenants.
        let below = issuer.trim_end_matches('/').replace("{tenantid}", "common");
        let below = format!("{below}/.well-known/openid-configuration");
        let here = |template: &str| self.text(template, &Query::new()) == without_query(&url);
        let is = |endpoint: &str| self.files["metadata"][endpoint].as_str().is_some_and(here);
        if here(discovery.unwrap_or(&below)) {
            self.json("200 OK", &self.files["metadata"], &Query::new())
        } else if is("jwks_uri") {
            self.keys()
        } else if is("authorization_endpoint") {
            self.authorize(query)
        } else if is("token_endpoint") {
            self.tokens(request, form)
        } else if is("userinfo_endpoint") {
            self.userinfo(request)
        } else if is("end_session_endpoint") {
            self.end_session(query)
        } else if is("revocation_endpoint") {
            response("200 OK", "text/plain", b"")
        } else {
            self.page("404 Not Found", "there is nothing here")
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state")
    }

    fn page(&self, status: &str, text: &str) -> Vec<u8> {
        self.state().refused.push(text.to_owned());
        let page = format!("<!doctype html><title>Error</title><h1>{text}</h1>");
        response(status, "text/html; charset=utf-8", page.as_bytes())
    }

    fn keys(&self) -> Vec<u8> {
        let mut jwk = self.signer.jwk();
        for (name, value) in self.files["jwk"].as_object().expect("members") {
            match value {
                Json::Null => drop(jwk.as_object_mut().expect("a key").remove(name)),
                value => jwk[name] = value.clone(),
            }
        }
        self.json("200 OK", &json!({ "keys": [jwk] }), &Query::new())
    }

    /// Whoever comes is signed in.
    fn authorize(&self, query: Query) -> Vec<u8> {
        let provider = &self.files["provider"];
        let of = |name: &str| query.get(name).map(String::as_str);
        let redirect_uri = format!("{}/callback", self.app);
        if of("client_id") != Some(&*self.client_id) {
            return self.page("401 Unauthorized", "invalid_client");
        }
        if of("redirect_uri") != Some(&*redirect_uri) {
            return self.page("400 Bad Request", "redirect_uri_mismatch");
        }
        assert_eq!(of("response_type"), Some("code"));
        self.state().authorization_requests.push(query.clone());

        let asked = of("scope").unwrap_or_default().split(' ');
        let known = texts(&provider["scopes"]);
        let known: Vec<_> = known.map(|scope| self.text(scope, &query)).collect();
        let unknown: Vec<_> = asked
            .clone()
            .filter(|asked| !known.iter().any(|known| known == asked))
            .collect();
        let told = format!("invalid scope requested: {}", unknown.join(" "));
        match (
            unknown.is_empty(),
            provider["unknown_scope"].as_str().expect("a way"),
        ) {
            (true, _) | (false, "ignored") => {}
            (false, "page") => return self.page("400 Bad Request", &told),
            (false, "redirect") => {
                let error = [("error", "invalid_scope"), ("error_description", &told)];
                return self.back(&query, &error);
            }
            (false, other) => panic!("unknown_scope is {other}"),
        }
        let mut wanted_by = texts(&provider["form_post_wanted_by"]);
        let wants_form_post = wanted_by.any(|scope| asked.clone().any(|asked| asked == scope));
        if wants_form_post && of("response_mode") != Some("form_post") {
            let told = "response_mode must be form_post when name or email scope is requested.";
            return self.page("400 Bad Request", told);
        }

        let code = unique("code");
        leaks::keep("code", &code);
        let signed_in = SignedIn {
            request: query.clone(),
            authenticated: now(),
        };
        self.state().codes.insert(code.clone(), signed_in);
        self.back(&query, &[("code", &code)])
    }

    /// The authorization response, in the mode that was asked for.
    fn back(&self, query: &Query, answer: &[(&str, &str)]) -> Vec<u8> {
        let mut url = Url::parse(&query["redirect_uri"]).expect("a redirect URI");
        let state = ("state", query["state"].as_str());
        let mut pairs: Vec<(&str, &str)> = answer.iter().copied().chain([state]).collect();
        if query
            .get("response_mode")
            .is_some_and(|mode| mode == "form_post")
        {
            let more = self.files["provider"]["form_post_adds"].as_object();
            let more = more.into_iter().flatten();
            pairs.extend(more.map(|(name, value)| (&**name, value.as_str().expect("a text"))));
            let field = |(name, value): &(&str, &str)| {
                let value = value.replace('&', "&amp;").replace('"', "&quot;");
                format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
            };
            let fields: String = pairs.iter().map(field).collect();
            let page = format!("<form method=\"post\" action=\"{url}\">{fields}</form>");
            return response("200 OK", "text/html; charset=utf-8", page.as_bytes());
        }
        url.query_pairs_mut().extend_pairs(pairs);
        redirect(&url)
    }

    fn tokens(&self, request: &RawRequest, form: Query) -> Vec<u8> {
        let provider = &self.files["provider"];
        if let Err(told) = self.authenticate(request, &form) {
            self.state().refused.push(told);
            let own = &provider["client_authentication_error"];
            return match own["status"].as_str() {
                Some(status) => self.json(status, &own["body"], &Query::new()),
                None => json_response("401 Unauthorized", &json!({ "error": "invalid_client" })),
            };
        }
        let grant = form.get("grant_type").map(String::as_str);
        let refused = |told: &str| {
            self.state().refused.push(told.to_owned());
            json_response(
                "400 Bad Request",
                &json!({ "error": "invalid_grant", "error_description": told }),
            )
        };
        let (signed_in, answer) = match grant {
            Some("authorization_code") => {
                let code = form.get("code").map(String::as_str).unwrap_or_default();
                let Some(signed_in) = self.state().codes.remove(code) else {
                    return refused("unknown code");
                };
                if let Err(told) = matches_request(&signed_in.request, &form) {
                    return refused(told);
                }
                (signed_in, "token")
            }
            Some("refresh_token") => {
                let token = form
                    .get("refresh_token")
                    .map(String::as_str)
                    .unwrap_or_default();
                let known = self.state().refresh_tokens.get(token).cloned();
                match known {
                    Some(signed_in) => (signed_in, "refresh"),
                    None => return refused("unknown refresh token"),
                }
            }
            other => panic!("grant_type is {other:?}"),
        };
        self.issue(&signed_in, answer)
    }

    fn issue(&self, signed_in: &SignedIn, answer: &str) -> Vec<u8> {
        let provider = &self.files["provider"];
        let mut fill = Query::from([(
            "authenticated".to_owned(),
            signed_in.authenticated.to_string(),
        )]);
        let access_token = match self.files.get("access_token") {
            Some(shape) => self.sign(shape, &fill),
            None => unique("access"),
        };
        fill.insert("at_hash".into(), half_hash(&access_token));
        let mut id_token = self.files["id_token"].clone();
        match (signed_in.request.get("nonce"), answer) {
            // Core section 12.2: a refreshed one should have none.
            (Some(nonce), "token") => drop(fill.insert("nonce".into(), nonce.clone())),
            _ => drop(
                id_token["claims"]
                    .as_object_mut()
                    .expect("claims")
                    .remove("nonce"),
            ),
        }
        let refresh_token = unique("refresh");
        fill.insert("id_token".into(), self.sign(&id_token, &fill));
        for (name, token) in [
            ("access_token", &access_token),
            ("refresh_token", &refresh_token),
        ] {
            leaks::keep("token", token);
            fill.insert(name.into(), token.clone());
        }

        let mut body = self.files[answer].clone();
        let members = body.as_object_mut().expect("an answer");
        // What is given for the asking only.
        for (token, wants) in [
            ("refresh_token", &provider["refresh_token_wants"]),
            ("access_token", &provider["access_token_wants"]),
        ] {
            if !self.asked_for(&signed_in.request, wants) {
                members.remove(token);
            }
        }
        let mut state = self.state();
        state.access_tokens.insert(access_token, signed_in.clone());
        if members.contains_key("refresh_token") {
            state
                .refresh_tokens
                .insert(refresh_token, signed_in.clone());
        }
        drop(state);
        self.json("200 OK", &body, &fill)
    }

    /// Whether the authorization request had all parameters that are wanted; of `scope`, one.
    fn asked_for(&self, request: &Query, wants: &Json) -> bool {
        let mut wants = wants.as_object().into_iter().flatten();
        wants.all(|(name, wanted)| {
            let wanted = self.text(wanted.as_str().expect("a text"), request);
            let sent = request.get(name).map(String::as_str).unwrap_or_default();
            sent.split(' ').any(|sent| sent == wanted)
        })
    }

    /// RFC 6749 section 2.3.1, in the ways that this provider knows.
    fn authenticate(&self, request: &RawRequest, form: &Query) -> Result<(), String> {
        let basic = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Basic "));
        let (way, id, secret) = match basic {
            Some(pair) => {
                let pair = STANDARD.decode(pair).map_err(|_| "no base64")?;
                let pair = String::from_utf8(pair).map_err(|_| "no UTF-8")?;
                let (id, secret) = pair.split_once(':').ok_or("no colon")?;
                let decode = |text: &str| {
                    let text = format!("v={text}");
                    let mut pairs = form_urlencoded::parse(text.as_bytes());
                    pairs
                        .next()
                        .map(|(_, value)| value.into_owned())
                        .unwrap_or_default()
                };
                ("client_secret_basic", decode(id), decode(secret))
            }
            None => {
                let of = |name: &str| form.get(name).cloned().unwrap_or_default();
                ("client_secret_post", of("client_id"), of("client_secret"))
            }
        };
        let mut ways = texts(&self.files["provider"]["client_authentication"]);
        if !ways.any(|known| known == way) {
            return Err(format!("{way} is not taken"));
        }
        match id == self.client_id && secret == self.client_secret {
            true => Ok(()),
            false => Err("not the secret of this client".to_owned()),
        }
    }

    fn userinfo(&self, request: &RawRequest) -> Vec<u8> {
        let token = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let known = token.is_some_and(|token| self.state().access_tokens.contains_key(token));
        match known {
            true => self.json("200 OK", &self.files["userinfo"], &Query::new()),
            false => json_response("401 Unauthorized", &json!({ "error": "invalid_token" })),
        }
    }

    fn end_session(&self, query: Query) -> Vec<u8> {
        let rules = &self.files["provider"]["sign_out"];
        let missing = texts(&rules["needs"]).find(|name| !query.contains_key(*name));
        if let Some(missing) = missing {
            let told = format!("Required String parameter '{missing}' is not present");
            return self.page("400 Bad Request", &told);
        }
        let back = rules["returns_to"]
            .as_str()
            .unwrap_or("post_logout_redirect_uri");
        let registered = format!("{}/", self.app);
        let Some(back) = query.get(back).filter(|back| **back == registered) else {
            return self.page("400 Bad Request", "not a registered address");
        };
        let mut url = Url::parse(back).expect("an address");
        if let Some(state) = query.get("state") {
            url.query_pairs_mut().append_pair("state", state);
        }
        self.state().sign_outs.push(query);
        redirect(&url)
    }

    fn sign(&self, shape: &Json, fill: &Query) -> String {
        let mut header = shape["header"].clone();
        if !self.files["jwk"]["kid"].is_null() {
            header["kid"] = self.files["jwk"]["kid"].clone();
        }
        let claims = self.filled(&shape["claims"], fill).to_string();
        let header = header.to_string().into_bytes();
        let sign = self
            .signer
            .signing_text(move |_, claims| (header.clone(), claims.into()));
        let Signing::Raw(sign) = sign else {
            unreachable!("the signer makes whole tokens");
        };
        let token = sign("", &claims);
        leaks::keep("token", &token);
        token
    }

    fn json(&self, status: &str, body: &Json, fill: &Query) -> Vec<u8> {
        json_response(status, &self.filled(body, fill))
    }

    /// `template` with its places filled in, in whatever depth.
    fn filled(&self, template: &Json, fill: &Query) -> Json {
        match template {
            Json::String(text) => time(text, fill).unwrap_or_else(|| self.text(text, fill).into()),
            Json::Array(list) => list.iter().map(|item| self.filled(item, fill)).collect(),
            Json::Object(members) => {
                let filled =
                    |(name, value): (&String, &Json)| (name.clone(), self.filled(value, fill));
                Json::Object(members.iter().map(filled).collect())
            }
            other => other.clone(),
        }
    }

    fn text(&self, template: &str, fill: &Query) -> String {
        let mut text = template
            .replace("{origin}", &self.origin)
            .replace("{app}", &self.app)
            .replace("{client_id}", &self.client_id);
        for (name, value) in fill {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        match text.contains("{unique}") {
            true => text.replace("{unique}", &unique("u")),
            false => text,
        }
    }
}

/// RFC 6749 section 4.1.3 and RFC 7636 section 4.6, both as strict as can be.
fn matches_request(request: &Query, form: &Query) -> Result<(), &'static str> {
    if form.get("redirect_uri") != request.get("redirect_uri") {
        return Err("another redirect_uri");
    }
    let verifier = form.get("code_verifier").ok_or("no code_verifier")?;
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    match request.get("code_challenge") == Some(&base64url(hash)) {
        true => Ok(()),
        false => Err("another code_verifier"),
    }
}

/// Core section 3.1.3.6.
fn half_hash(token: &str) -> String {
    base64url(&digest::digest(&digest::SHA256, token.as_bytes()).as_ref()[..16])
}

fn texts(list: &Json) -> impl Iterator<Item = &str> {
    let list = list.as_array().into_iter().flatten();
    list.map(|item| item.as_str().expect("a text"))
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// The number of a text like `{now-300}`.
fn time(text: &str, fill: &Query) -> Option<Json> {
    let place = text.strip_prefix('{')?.strip_suffix('}')?;
    let end = place.find(['+', '-']).unwrap_or(place.len());
    let (name, offset) = place.split_at(end);
    let base = match name {
        "now" => now(),
        "authenticated" => fill.get(name)?.parse().ok()?,
        _ => return None,
    };
    let offset: i64 = match offset {
        "" => 0,
        offset => offset.parse().expect("a number of seconds"),
    };
    Some(Json::from(base + offset))
}

/// Nothing secret about it, but nobody has had it before.
fn unique(kind: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let hash = digest::digest(&digest::SHA256, format!("{process}-{number}").as_bytes());
    format!("{kind}-{}", base64url(hash))
}

fn redirect(to: &Url) -> Vec<u8> {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}
