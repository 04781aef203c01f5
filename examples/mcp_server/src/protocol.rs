//! The messages, in JSON-RPC 2.0, and the beginning of sessions, which older revisions have.

use rocket::serde::json::{Value, json};
use serde::{Deserialize, Serialize};

/// The revisions of the protocol with `initialize` and sessions that are spoken here ("legacy"),
/// the newest first. The transport and the messages below are the same in both.
pub const LEGACY: [&str; 2] = ["2025-11-25", "2025-06-18"];

pub const PROTOCOL_VERSION: &str = "MCP-Protocol-Version";

pub const INSTRUCTIONS: &str = "Notes of the user who has signed in. Nobody else sees them.";

/// What came: one message (revisions from 2025-06-18 on have no batches).
#[derive(Debug, PartialEq)]
pub enum Message {
    Request {
        id: Id,
        method: String,
        params: Value,
    },
    /// Nobody waits for an answer.
    Notification,
    /// An answer; this server asks nothing.
    Response,
}

/// Given back as it came.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Id {
    Number(i64),
    Text(String),
}

/// What was wrong with a message.
#[derive(Debug, PartialEq)]
pub struct RpcError {
    pub code: i32,
    pub message: String,
    pub data: Option<Value>,
}

impl RpcError {
    pub fn not_json() -> RpcError {
        RpcError::new(-32700, "the body is not JSON")
    }

    pub fn invalid_request(message: impl Into<String>) -> RpcError {
        RpcError::new(-32600, message)
    }

    pub fn no_such_method(method: &str) -> RpcError {
        RpcError::new(-32601, format!("no such method: {method}"))
    }

    pub fn invalid_params(message: impl Into<String>) -> RpcError {
        RpcError::new(-32602, message)
    }

    pub fn header_mismatch(message: impl Into<String>) -> RpcError {
        RpcError::new(-32020, message)
    }

    pub fn unsupported_version(requested: &str, supported: &[&str]) -> RpcError {
        RpcError {
            data: Some(json!({ "supported": supported, "requested": requested })),
            ..RpcError::new(-32022, "unsupported protocol version")
        }
    }

    fn new(code: i32, message: impl Into<String>) -> RpcError {
        RpcError {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// As the answer to the request with this id, or to no request in particular.
    pub fn answer(&self, id: Option<&Id>) -> Value {
        let mut answer = json!({
            "jsonrpc": "2.0",
            "error": { "code": self.code, "message": self.message },
        });
        if let Some(id) = id {
            answer["id"] = json!(id);
        }
        if let Some(data) = &self.data {
            answer["error"]["data"] = data.clone();
        }
        answer
    }
}

/// The answer to the request with this id.
pub fn answer(id: &Id, result: Result<Value, RpcError>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => error.answer(Some(id)),
    }
}

impl Message {
    /// Of a request; nothing for the others.
    pub fn params(&self) -> &Value {
        match self {
            Message::Request { params, .. } => params,
            _ => &Value::Null,
        }
    }

    pub fn parse(body: &str) -> Result<Message, RpcError> {
        let message: Value = serde_json::from_str(body).map_err(|_| RpcError::not_json())?;
        let Value::Object(mut message) = message else {
            return Err(RpcError::invalid_request(
                "one JSON-RPC message is expected",
            ));
        };
        if message.get("jsonrpc") != Some(&json!("2.0")) {
            return Err(RpcError::invalid_request("jsonrpc is not \"2.0\""));
        }
        let id = message.remove("id").map(serde_json::from_value::<Id>);
        match (message.remove("method"), id) {
            (Some(Value::String(_)), None) => Ok(Message::Notification),
            (Some(Value::String(method)), Some(Ok(id))) => Ok(Message::Request {
                id,
                method,
                params: message.remove("params").unwrap_or_default(),
            }),
            (None, Some(Ok(_))) if message.contains_key("result") => Ok(Message::Response),
            (None, _) if message.contains_key("error") => Ok(Message::Response),
            (Some(Value::String(_)), Some(Err(_))) => {
                Err(RpcError::invalid_request("id is no text and no integer"))
            }
            _ => Err(RpcError::invalid_request(
                "neither request nor notification nor response",
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialize {
    protocol_version: String,
}

/// The answer to `initialize`: the revision that the client asks for, or else the newest one
/// here, which the client may refuse.
pub fn initialize(params: Value) -> Result<Value, RpcError> {
    let asked: Initialize = serde_json::from_value(params)
        .map_err(|_| RpcError::invalid_params("protocolVersion is missing"))?;
    let mut versions = LEGACY.into_iter();
    let version = versions.find(|version| *version == asked.protocol_version);
    Ok(json!({
        "protocolVersion": version.unwrap_or(LEGACY[0]),
        "capabilities": capabilities(),
        "serverInfo": server_info(),
        "instructions": INSTRUCTIONS,
    }))
}

pub fn capabilities() -> Value {
    json!({ "tools": {} })
}

pub fn server_info() -> Value {
    json!({
        "name": env!("CARGO_PKG_NAME"),
        "title": "Notes",
        "version": env!("CARGO_PKG_VERSION"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_of_three() {
        let request = Message::parse(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#);
        let expected = Message::Request {
            id: Id::Number(7),
            method: "ping".into(),
            params: Value::Null,
        };
        assert_eq!(request, Ok(expected));
        for (body, expected) in [
            (
                r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
                Message::Notification,
            ),
            (
                r#"{"jsonrpc":"2.0","id":"a","result":{}}"#,
                Message::Response,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#,
                Message::Response,
            ),
        ] {
            assert_eq!(Message::parse(body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn what_is_no_message_says_why() {
        for (body, code) in [
            ("", -32700),
            ("{", -32700),
            ("[]", -32600),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
            (r#"{"id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
            (r#"{"jsonrpc":"2.0","result":{}}"#, -32600),
        ] {
            assert_eq!(Message::parse(body).unwrap_err().code, code, "{body}");
        }
    }

    #[test]
    fn the_revision_is_the_clients_or_the_newest() {
        for (asked, spoken) in [
            ("2025-06-18", "2025-06-18"),
            ("2025-11-25", "2025-11-25"),
            ("2024-11-05", "2025-11-25"),
            ("2099-01-01", "2025-11-25"),
        ] {
            let answer = initialize(json!({ "protocolVersion": asked })).unwrap();
            assert_eq!(answer["protocolVersion"], spoken, "{asked}");
        }
        assert_eq!(initialize(json!({})).unwrap_err().code, -32602);
        assert_eq!(initialize(Value::Null).unwrap_err().code, -32602);
    }
}
