//! What a client says of itself (client metadata, RFC 7591 section 2): in its document or
//! when it registers. What is not known here counts for nothing, as the section says.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::redirect_uris::{self, ApplicationType};

/// Of one client.
const REDIRECT_URIS_MAX: usize = 20;

/// How a client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AuthMethod {
    #[serde(rename = "none")]
    None,
    #[serde(rename = "client_secret_basic")]
    SecretBasic,
    #[serde(rename = "client_secret_post")]
    SecretPost,
    #[serde(rename = "private_key_jwt")]
    PrivateKeyJwt,
}

impl AuthMethod {
    pub(super) fn has_secret(self) -> bool {
        matches!(self, AuthMethod::SecretBasic | AuthMethod::SecretPost)
    }
}

/// The members that count here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientMetadata {
    pub(super) redirect_uris: Vec<String>,
    pub(super) post_logout_redirect_uris: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) auth_method: AuthMethod,
    pub(super) grant_types: Vec<String>,
    /// Public keys.
    pub(super) jwks: Vec<Value>,
    /// Where they are, if they are not here.
    pub(super) jwks_uri: Option<String>,
    /// What it may ask for; `None`: it has not said.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) application_type: Option<ApplicationType>,
}

/// Why metadata are refused (RFC 7591, section 3.2.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) error: &'static str,
    pub(super) why: String,
}

impl Wrong {
    pub(super) fn metadata(why: impl Into<String>) -> Wrong {
        Wrong {
            error: "invalid_client_metadata",
            why: why.into(),
        }
    }

    fn redirect_uri(why: impl Into<String>) -> Wrong {
        Wrong {
            error: "invalid_redirect_uri",
            why: why.into(),
        }
    }
}

type Object = Map<String, Value>;

impl ClientMetadata {
    /// Reads and checks them. `method` is what counts where no authentication method is
    /// named.
    pub(super) fn read(object: &Object, method: AuthMethod) -> Result<ClientMetadata, Wrong> {
        let application_type = match text(object, "application_type")? {
            None => None,
            Some("web") => Some(ApplicationType::Web),
            Some("native") => Some(ApplicationType::Native),
            Some(_) => return Err(Wrong::metadata("application_type must be web or native")),
        };
        let redirect_uris = addresses(object, "redirect_uris", application_type)?;
        if redirect_uris.is_empty() {
            return Err(Wrong::redirect_uri(
                "redirect_uris must name at least one address",
            ));
        }
        let response_types = list(object, "response_types")?;
        if response_types.is_some_and(|types| !types.iter().any(|name| name == "code")) {
            return Err(Wrong::metadata("response_types must have code"));
        }
        let grant_types = grant_types(object)?;
        let auth_method = match text(object, "token_endpoint_auth_method")? {
            None => method,
            Some("none") => AuthMethod::None,
            Some("client_secret_basic") => AuthMethod::SecretBasic,
            Some("client_secret_post") => AuthMethod::SecretPost,
            Some("private_key_jwt") => AuthMethod::PrivateKeyJwt,
            Some(_) => {
                return Err(Wrong::metadata(
                    "token_endpoint_auth_method must be none, client_secret_basic, \
                     client_secret_post or private_key_jwt",
                ));
            }
        };
        let (jwks, jwks_uri) = keys(object)?;
        let of_keys = auth_method == AuthMethod::PrivateKeyJwt;
        if of_keys && jwks.is_empty() && jwks_uri.is_none() {
            return Err(Wrong::metadata(
                "private_key_jwt needs the client's public keys in jwks",
            ));
        }
        let scopes = text(object, "scope")?;
        let scopes = scopes.map(|scopes| scopes.split_ascii_whitespace().map(str::to_owned));
        let name = text(object, "client_name")?;
        Ok(ClientMetadata {
            redirect_uris,
            post_logout_redirect_uris: addresses(
                object,
                "post_logout_redirect_uris",
                application_type,
            )?,
            // It goes onto a page, where nothing may hide or turn around what follows it.
            name: name.map(|name| name.chars().filter(|c| !c.is_control()).collect()),
            auth_method,
            grant_types,
            // A client that proves itself in another way has none as far as we care.
            jwks: jwks.into_iter().filter(|_| of_keys).collect(),
            jwks_uri: jwks_uri.filter(|_| of_keys),
            scopes: scopes.map(Iterator::collect),
            application_type,
        })
    }

    pub(super) fn may_refresh(&self) -> bool {
        self.grant_types.iter().any(|name| name == "refresh_token")
    }

    /// As they are registered, which may be less than was asked for (RFC 7591, section
    /// 3.2.1).
    pub(super) fn to_json(&self) -> Value {
        let mut all = json!({
            "redirect_uris": self.redirect_uris,
            "token_endpoint_auth_method": self.auth_method,
            "grant_types": self.grant_types,
            "response_types": ["code"],
        });
        if !self.post_logout_redirect_uris.is_empty() {
            all["post_logout_redirect_uris"] = json!(self.post_logout_redirect_uris);
        }
        if let Some(name) = &self.name {
            all["client_name"] = json!(name);
        }
        if !self.jwks.is_empty() {
            all["jwks"] = json!({ "keys": self.jwks });
        }
        if let Some(scopes) = &self.scopes {
            all["scope"] = json!(scopes.join(" "));
        }
        if let Some(kind) = self.application_type {
            all["application_type"] = json!(kind);
        }
        all
    }
}

/// Those that there are here; a client may know more.
fn grant_types(object: &Object) -> Result<Vec<String>, Wrong> {
    let code = "authorization_code";
    let Some(mut asked) = list(object, "grant_types")? else {
        return Ok(vec![code.to_owned()]);
    };
    asked.retain(|name| name == code || name == "refresh_token");
    match asked.iter().any(|name| name == code) {
        true => Ok(asked),
        false => Err(Wrong::metadata("grant_types must have authorization_code")),
    }
}

fn addresses(
    object: &Object,
    name: &str,
    of: Option<ApplicationType>,
) -> Result<Vec<String>, Wrong> {
    let uris = list(object, name).map_err(|wrong| Wrong::redirect_uri(wrong.why))?;
    let uris = uris.unwrap_or_default();
    if uris.len() > REDIRECT_URIS_MAX {
        let why = format!("{name} has more than {REDIRECT_URIS_MAX} addresses");
        return Err(Wrong::redirect_uri(why));
    }
    for uri in &uris {
        redirect_uris::check(uri, of)
            .map_err(|why| Wrong::redirect_uri(format!("{name}: {why}")))?;
    }
    Ok(uris)
}

/// Public keys, or where they are.
fn keys(object: &Object) -> Result<(Vec<Value>, Option<String>), Wrong> {
    let uri = text(object, "jwks_uri")?.map(str::to_owned);
    let Some(jwks) = object.get("jwks").filter(|jwks| !jwks.is_null()) else {
        return Ok((Vec::new(), uri));
    };
    match uri {
        Some(_) => Err(Wrong::metadata("jwks and jwks_uri exclude each other")),
        None => Ok((public_keys(jwks)?, None)),
    }
}

/// The keys of a JWK set, none of which may be more than public.
pub(super) fn public_keys(jwks: &Value) -> Result<Vec<Value>, Wrong> {
    // RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1.
    const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let keys = jwks["keys"].as_array();
    let keys = keys.ok_or_else(|| Wrong::metadata("jwks must be a set of keys"))?;
    if keys.iter().any(|key| !key.is_object()) {
        return Err(Wrong::metadata("jwks has a key that is no object"));
    }
    let is_secret = |key: &Value| SECRET.iter().any(|name| key.get(name).is_some());
    match keys.iter().any(is_secret) {
        true => Err(Wrong::metadata(
            "jwks has a private or symmetric key: only public ones may be told",
        )),
        false => Ok(keys.clone()),
    }
}

fn text<'o>(object: &'o Object, name: &str) -> Result<Option<&'o str>, Wrong> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Wrong::metadata(format!("{name} must be a string"))),
    }
}

fn list(object: &Object, name: &str) -> Result<Option<Vec<String>>, Wrong> {
    let wrong = || Wrong::metadata(format!("{name} must be a list of strings"));
    let items = match object.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(wrong()),
    };
    let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
    texts
        .collect::<Option<Vec<_>>>()
        .map(Some)
        .ok_or_else(wrong)
}
