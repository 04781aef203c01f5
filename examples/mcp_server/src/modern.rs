//! Revisions of the protocol from 2026-07-28 on ("modern"): every request stands alone. There is
//! no `initialize` and no session; `_meta` says how the request is to be read, and headers repeat
//! the most important of it for proxies.
//!
//! A proxy that goes by the headers and a server that goes by the body must not read two
//! different requests, so what does not fit together is refused.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::serde::json::{Value, json};

use crate::protocol::{self, LEGACY, PROTOCOL_VERSION, RpcError};
use crate::tools;

pub const VERSION: &str = "2026-07-28";

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// In milliseconds. The tools change with a new release of this server.
const TTL: u64 = 60 * 60 * 1000;

/// What headers repeat of the body. One that comes twice is a list (RFC 9110 section 5.3), which
/// is no value of the body.
#[derive(Debug, Default)]
pub struct Headers {
    pub version: Option<String>,
    pub method: Option<String>,
    pub name: Option<String>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Headers {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Headers, Infallible> {
        let one = |name| {
            let values: Vec<_> = request.headers().get(name).collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        Outcome::Success(Headers {
            version: one(PROTOCOL_VERSION),
            method: one("Mcp-Method"),
            name: one("Mcp-Name"),
        })
    }
}

impl Headers {
    /// Whether a request with these headers and parameters is a modern one, or an attempt at it.
    pub fn are_modern(&self, params: &Value) -> bool {
        let is_legacy = |version: &String| LEGACY.contains(&version.as_str());
        let named = self.version.as_ref();
        params["_meta"].get(META_VERSION).is_some()
            || named.is_some_and(|version| !is_legacy(version))
    }

    /// Whether headers and body are one request of this revision.
    pub fn fit(&self, method: &str, params: &Value) -> Result<(), RpcError> {
        let meta = &params["_meta"];
        let named = self.version.as_deref();
        let version = match (meta.get(META_VERSION), named) {
            (Some(Value::String(version)), _) if named != Some(version) => {
                return Err(mismatch(PROTOCOL_VERSION));
            }
            (Some(Value::String(version)), _) => version.as_str(),
            (None, Some(unknown)) if unknown != VERSION => unknown,
            _ => {
                return Err(RpcError::invalid_params(format!(
                    "_meta lacks {META_VERSION}"
                )));
            }
        };
        if LEGACY.contains(&version) {
            let why = format!("{version} begins with initialize");
            return Err(RpcError::invalid_request(why));
        }
        if version != VERSION {
            return Err(RpcError::unsupported_version(version, &versions()));
        }
        if self.method.as_deref() != Some(method) {
            return Err(mismatch("Mcp-Method"));
        }
        // A call that names no tool has nothing to repeat.
        if let ("tools/call", Value::String(name)) = (method, &params["name"]) {
            let repeated = self.name.as_deref().and_then(decoded);
            if repeated.as_ref() != Some(name) {
                return Err(mismatch("Mcp-Name"));
            }
        }
        match meta.get(META_CAPABILITIES) {
            Some(Value::Object(_)) => Ok(()),
            _ => Err(RpcError::invalid_params(format!(
                "_meta lacks {META_CAPABILITIES}"
            ))),
        }
    }
}

fn mismatch(header: &str) -> RpcError {
    RpcError::header_mismatch(format!("{header} is missing, or not what the body says"))
}

/// The value of a header that may have been encoded, as names that are not ASCII are.
fn decoded(value: &str) -> Option<String> {
    let encoded = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match encoded {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

/// All that are spoken here, the newest first.
fn versions() -> Vec<&'static str> {
    std::iter::once(VERSION).chain(LEGACY).collect()
}

/// The answer to `server/discover`.
pub fn discover() -> Value {
    cacheable(json!({
        "supportedVersions": versions(),
        "capabilities": protocol::capabilities(),
        "instructions": protocol::INSTRUCTIONS,
    }))
}

/// The answer to `tools/list`: the same for everybody.
pub fn list_tools() -> Value {
    cacheable(tools::list())
}

fn cacheable(mut result: Value) -> Value {
    result["ttlMs"] = json!(TTL);
    result["cacheScope"] = json!("public");
    complete(result)
}

/// A result, with what results have in common.
pub fn complete(mut result: Value) -> Value {
    result["resultType"] = json!("complete");
    result["_meta"] = json!({ META_SERVER: protocol::server_info() });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(version: Option<&str>, method: Option<&str>, name: Option<&str>) -> Headers {
        Headers {
            version: version.map(str::to_owned),
            method: method.map(str::to_owned),
            name: name.map(str::to_owned),
        }
    }

    fn params(version: &str, name: &str) -> Value {
        let meta = json!({ META_VERSION: version, META_CAPABILITIES: {} });
        json!({ "_meta": meta, "name": name })
    }

    #[test]
    fn headers_repeat_the_body() {
        let body = params(VERSION, "add_note");
        let (call, list) = ("tools/call", "tools/list");
        let encoded = "=?base64?YWRkX25vdGU=?=";
        for (version, method, name, code) in [
            (Some(VERSION), Some(call), Some("add_note"), None),
            (Some(VERSION), Some(call), Some(encoded), None),
            (Some(VERSION), Some(call), Some("list_notes"), Some(-32020)),
            (Some(VERSION), Some(call), Some("ADD_NOTE"), Some(-32020)),
            (
                Some(VERSION),
                Some(call),
                Some("add_note, add_note"),
                Some(-32020),
            ),
            (
                Some(VERSION),
                Some(call),
                Some("=?base64?!?="),
                Some(-32020),
            ),
            (
                Some(VERSION),
                Some(call),
                Some("=?base64?/w==?="),
                Some(-32020),
            ),
            (Some(VERSION), Some(call), None, Some(-32020)),
            (Some(VERSION), Some(list), Some("add_note"), Some(-32020)),
            (Some(VERSION), None, Some("add_note"), Some(-32020)),
            (
                Some("2025-11-25"),
                Some(call),
                Some("add_note"),
                Some(-32020),
            ),
            (
                Some("2026-07-28, 2026-07-28"),
                Some(call),
                Some("add_note"),
                Some(-32020),
            ),
            (None, Some(call), Some("add_note"), Some(-32020)),
        ] {
            let headers = headers(version, method, name);
            assert!(headers.are_modern(&body));
            let code_given = headers.fit(call, &body).err().map(|error| error.code);
            assert_eq!(code_given, code, "{headers:?}");
        }
    }

    #[test]
    fn a_request_says_how_it_is_to_be_read() {
        let named = |version| headers(Some(version), Some("tools/list"), None);
        let code =
            |headers: Headers, params: &Value| headers.fit("tools/list", params).unwrap_err();
        for (params, expected) in [
            (json!({}), -32602),
            (Value::Null, -32602),
            (json!([1]), -32602),
            (json!({ "_meta": { META_VERSION: 5 } }), -32602),
            (json!({ "_meta": { META_VERSION: VERSION } }), -32602),
            (
                json!({ "_meta": { META_VERSION: VERSION, META_CAPABILITIES: [] } }),
                -32602,
            ),
        ] {
            assert_eq!(code(named(VERSION), &params).code, expected, "{params}");
        }
        let legacy = code(named("2025-11-25"), &params("2025-11-25", ""));
        assert_eq!(legacy.code, -32600);
        for body in [params("1900-01-01", ""), json!({})] {
            let unknown = code(named("1900-01-01"), &body);
            assert_eq!(unknown.code, -32022);
            let expected = json!({
                "supported": ["2026-07-28", "2025-11-25", "2025-06-18"],
                "requested": "1900-01-01",
            });
            assert_eq!(unknown.data, Some(expected));
        }
    }

    #[test]
    fn what_begins_a_session_is_not_modern() {
        let initialize = json!({ "protocolVersion": "2025-11-25", "_meta": {} });
        for version in [None, Some("2025-11-25"), Some("2025-06-18")] {
            assert!(
                !headers(version, None, None).are_modern(&initialize),
                "{version:?}"
            );
        }
        assert!(headers(Some(VERSION), None, None).are_modern(&initialize));
    }
}
