//! The whole server, with tokens of tests in place of a provider.

use std::time::Duration;

use rocket::error::ErrorKind;
use rocket::http::uri::Host;
use rocket::http::{ContentType, Header, Status};
use rocket::local::blocking::{Client, LocalRequest, LocalResponse};
use rocket::serde::json::{Value, json};
use rocket_logto::testing::{TestToken, later, offline};

const URL: &str = "http://localhost:3002/mcp";
const ALL: &str = "notes:read notes:write notes:delete";

fn client() -> Client {
    let rocket = crate::rocket();
    let figment = rocket.figment().clone().merge(("mcp.url", URL));
    Client::untracked(offline(rocket.configure(figment))).unwrap()
}

/// An assistant of a user, with a token and, once it has begun, a session.
struct Assistant<'c> {
    client: &'c Client,
    token: String,
    session: Option<String>,
    version: Option<&'static str>,
}

impl<'c> Assistant<'c> {
    fn new(client: &'c Client, sub: &str, scope: &str) -> Assistant<'c> {
        let mut token = TestToken::new(sub).resource(URL);
        for scope in scope.split(' ') {
            token = token.scope(scope);
        }
        Assistant {
            client,
            token: token.token(client.rocket()),
            session: None,
            version: None,
        }
    }

    /// With a session.
    fn begun(client: &'c Client, sub: &str, scope: &str) -> Assistant<'c> {
        let mut assistant = Assistant::new(client, sub, scope);
        let answer = assistant.initialize();
        assert_eq!(answer.status(), Status::Ok);
        let session = answer.headers().get_one("Mcp-Session-Id").unwrap();
        assistant.session = Some(session.to_owned());
        assistant.version = Some("2025-11-25");
        assistant
    }

    /// A request as clients send it, to be changed by a test.
    fn with_headers(&self, request: LocalRequest<'c>) -> LocalRequest<'c> {
        let mut request = request
            .header(ContentType::JSON)
            .header(Header::new("Accept", "application/json, text/event-stream"));
        if !self.token.is_empty() {
            let token = format!("Bearer {}", self.token);
            request.add_header(Header::new("Authorization", token));
        }
        if let Some(session) = &self.session {
            request.add_header(Header::new("Mcp-Session-Id", session.clone()));
        }
        if let Some(version) = self.version {
            request.add_header(Header::new("MCP-Protocol-Version", version));
        }
        at(request, "localhost:3002")
    }

    fn post(&self, body: Value) -> LocalRequest<'c> {
        self.with_headers(self.client.post("/mcp"))
            .body(body.to_string())
    }

    fn initialize(&self) -> LocalResponse<'c> {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        self.post(request("initialize", params)).dispatch()
    }

    fn asks(&self, method: &str, params: Value) -> Value {
        let answer = self.post(request(method, params)).dispatch();
        assert_eq!(answer.status(), Status::Ok, "{method}");
        assert_eq!(answer.content_type(), Some(ContentType::JSON));
        answer.into_json().unwrap()
    }

    /// A request as the newest revision has it.
    fn alone(&self, method: &str, params: Value) -> LocalRequest<'c> {
        self.alone_without("", method, params)
    }

    fn alone_without(&self, header: &str, method: &str, mut params: Value) -> LocalRequest<'c> {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let mut post = self.post(request(method, params));
        for (repeated, value) in [
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", method),
            ("Mcp-Name", name.as_str()),
        ] {
            if repeated != header && !value.is_empty() {
                post.add_header(Header::new(repeated, value.to_owned()));
            }
        }
        post
    }

    /// The text of a tool's answer, and whether it is an error.
    fn uses(&self, tool: &str, arguments: Value) -> (String, bool) {
        let answer = self.asks("tools/call", call(tool, arguments));
        let result = &answer["result"];
        assert_eq!(result["content"][0]["type"], "text", "{answer}");
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        (text, result["isError"] == true)
    }

    fn ends(&self) -> Status {
        let request = self.with_headers(self.client.delete("/mcp"));
        request.dispatch().status()
    }
}

fn at<'c>(mut request: LocalRequest<'c>, host: &'static str) -> LocalRequest<'c> {
    let host = Host::parse(host).unwrap();
    request.inner_mut().set_host(host);
    request
}

fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn call(tool: &str, arguments: Value) -> Value {
    json!({ "name": tool, "arguments": arguments })
}

#[test]
fn an_assistant_begins_works_and_ends() {
    let client = client();
    let mut ada = Assistant::new(&client, "ada", ALL);
    let answer = ada.initialize();
    let session = answer
        .headers()
        .get_one("Mcp-Session-Id")
        .unwrap()
        .to_owned();
    assert!(session.len() >= 32 && session.bytes().all(|byte| byte.is_ascii_graphic()));
    ada.session = Some(session.clone());
    let answer: Value = answer.into_json().unwrap();
    assert_eq!(answer["id"], 1);
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(answer["result"]["capabilities"], json!({ "tools": {} }));

    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let accepted = ada.post(initialized).dispatch();
    assert_eq!(accepted.status(), Status::Accepted);
    assert_eq!(accepted.into_bytes(), None);
    assert_eq!(ada.asks("ping", json!({}))["result"], json!({}));

    let tools = ada.asks("tools/list", json!({}));
    let tools = tools["result"]["tools"].as_array().unwrap().clone();
    let names: Vec<_> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["list_notes", "add_note", "delete_note"]);

    let (added, wrong) = ada.uses("add_note", json!({ "text": "Buy milk" }));
    assert_eq!(
        (added.as_str(), wrong),
        (r#"{"id":1,"text":"Buy milk"}"#, false)
    );
    let listed = ada.uses("list_notes", Value::Null).0;
    assert_eq!(listed, r#"[{"id":1,"text":"Buy milk"}]"#);
    let deleted = ada.uses("delete_note", json!({ "id": 1 }));
    assert_eq!(deleted, ("deleted".to_owned(), false));
    assert_eq!(ada.uses("list_notes", json!({})).0, "[]");

    assert_eq!(ada.ends(), Status::NoContent);
    let after = ada.post(request("ping", json!({}))).dispatch();
    assert_eq!(after.status(), Status::NotFound, "the client begins again");
    assert_eq!(ada.ends(), Status::NotFound);
}

#[test]
fn an_assistant_needs_no_session() {
    let client = client();
    let mut ada = Assistant::new(&client, "ada", ALL);
    let asks = |ada: &Assistant, method: &str, params: Value| {
        let answer = ada.alone(method, params).dispatch();
        assert_eq!(answer.status(), Status::Ok, "{method}");
        assert_eq!(answer.headers().get_one("Mcp-Session-Id"), None);
        let answer: Value = answer.into_json().unwrap();
        let result = answer["result"].clone();
        assert_eq!(result["resultType"], "complete", "{answer}");
        let server = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(server["name"], "mcp_server");
        result
    };
    let found = asks(&ada, "server/discover", json!({}));
    let spoken = json!(["2026-07-28", "2025-11-25", "2025-06-18"]);
    assert_eq!(found["supportedVersions"], spoken);
    assert_eq!(found["capabilities"], json!({ "tools": {} }));
    let listed = asks(&ada, "tools/list", json!({}));
    assert_eq!(listed["tools"].as_array().map(Vec::len), Some(3));
    for cacheable in [found, listed] {
        assert_eq!(cacheable["cacheScope"], "public");
        assert!(cacheable["ttlMs"].as_u64() > Some(0));
    }
    let added = asks(&ada, "tools/call", call("add_note", json!({ "text": "x" })));
    assert_eq!(added["isError"], false);
    // A session of older days, and one of nobody, count for nothing.
    ada.session = Some("made-up".to_owned());
    let notes = asks(&ada, "tools/call", call("list_notes", json!({})));
    assert_eq!(notes["content"][0]["text"], r#"[{"id":1,"text":"x"}]"#);
}

#[test]
fn a_request_that_stands_alone_needs_its_token_too() {
    let client = client();
    let mut reader = Assistant::new(&client, "ada", "notes:read");
    let note = call("add_note", json!({ "text": "x" }));
    let answer = reader.alone("tools/call", note.clone()).dispatch();
    assert_eq!(answer.status(), Status::Forbidden);
    let challenge = answer.headers().get_one("WWW-Authenticate").unwrap();
    assert!(
        challenge.contains("scope=\"notes:read notes:write\""),
        "{challenge}"
    );
    for token in ["", "nonsense"] {
        reader.token = token.to_owned();
        for (method, params) in [
            ("server/discover", json!({})),
            ("tools/list", json!({})),
            ("tools/call", note.clone()),
        ] {
            let answer = reader.alone(method, params).dispatch();
            assert_eq!(answer.status(), Status::Unauthorized, "{method}");
        }
    }
}

/// A proxy may have let the request pass for what its headers say.
#[test]
fn headers_and_body_are_one_request() {
    let client = client();
    let ada = Assistant::new(&client, "ada", ALL);
    let deletes = |left_out| {
        let call = call("delete_note", json!({ "id": 1 }));
        ada.alone_without(left_out, "tools/call", call)
    };
    for (header, value) in [
        ("Mcp-Name", "list_notes"),
        ("Mcp-Method", "tools/list"),
        ("MCP-Protocol-Version", "2025-11-25"),
        ("MCP-Protocol-Version", "2099-01-01"),
    ] {
        let other = Header::new(header, value);
        for request in [
            deletes(header),
            deletes(header).header(other.clone()),
            deletes("").header(other.clone()),
        ] {
            let answer = request.dispatch();
            assert_eq!(answer.status(), Status::BadRequest, "{header}");
            let answer: Value = answer.into_json().unwrap();
            assert_eq!(answer["error"]["code"], -32020, "{header}: {answer}");
            assert_eq!(answer["id"], 1);
        }
    }
    assert_eq!(deletes("").dispatch().status(), Status::Ok);
    let answer = ada.alone("ping", json!({})).dispatch();
    assert_eq!(answer.status(), Status::NotFound, "it has been removed");
    let answer: Value = answer.into_json().unwrap();
    assert_eq!(answer["error"]["code"], -32601);
}

#[test]
fn each_user_has_their_own_notes() {
    let client = client();
    let ada = Assistant::begun(&client, "ada", ALL);
    let bob = Assistant::begun(&client, "bob", ALL);
    ada.uses("add_note", json!({ "text": "of Ada" }));
    assert_eq!(bob.uses("list_notes", json!({})).0, "[]");
    assert!(bob.uses("delete_note", json!({ "id": 1 })).1);
    assert!(ada.uses("list_notes", json!({})).0.contains("of Ada"));
}

#[test]
fn a_session_of_another_user_opens_nothing() {
    let client = client();
    let ada = Assistant::begun(&client, "ada", ALL);
    let mut mallory = Assistant::new(&client, "mallory", ALL);
    mallory.session.clone_from(&ada.session);
    for method in ["ping", "tools/list", "initialize"] {
        let answer = mallory.post(request(method, json!({}))).dispatch();
        assert_eq!(answer.status(), Status::NotFound, "{method}");
    }
    assert_eq!(mallory.ends(), Status::NotFound);
    assert_eq!(ada.asks("ping", json!({}))["result"], json!({}), "it lives");
    // Nor does the id alone.
    let without = client.post("/mcp").header(ContentType::JSON);
    let session = ada.session.clone().unwrap();
    let without = without.header(Header::new("Mcp-Session-Id", session));
    let without = at(without, "localhost:3002").body(request("ping", json!({})).to_string());
    assert_eq!(without.dispatch().status(), Status::Unauthorized);
}

#[test]
fn a_client_without_token_learns_where_to_get_one() {
    let client = client();
    let mut nobody = Assistant::new(&client, "nobody", ALL);
    for token in ["", "nonsense"] {
        nobody.token = token.to_owned();
        let answer = nobody.initialize();
        assert_eq!(answer.status(), Status::Unauthorized);
        let challenge = answer.headers().get_one("WWW-Authenticate").unwrap();
        let place = "http://localhost:3002/.well-known/oauth-protected-resource/mcp";
        assert!(
            challenge.contains(&format!("resource_metadata=\"{place}\"")),
            "{challenge}"
        );
        assert!(challenge.contains("scope=\"notes:read\""), "{challenge}");
    }
    let document = client
        .get("/.well-known/oauth-protected-resource/mcp")
        .dispatch();
    let document: Value = document.into_json().unwrap();
    assert_eq!(document["resource"], URL);
    assert_eq!(
        document["scopes_supported"],
        json!(["notes:delete", "notes:read", "notes:write"])
    );
    let elsewhere = TestToken::new("ada")
        .resource("http://localhost:3003/mcp")
        .scope("notes:read");
    nobody.token = elsewhere.token(client.rocket());
    assert_eq!(
        nobody.initialize().status(),
        Status::Unauthorized,
        "for another server"
    );
}

#[test]
fn a_tool_beyond_the_token_asks_for_more() {
    let client = client();
    let writing = "notes:read notes:write";
    for (scope, tool, arguments, needed) in [
        ("notes:read", "add_note", json!({ "text": "x" }), writing),
        ("notes:read", "delete_note", json!({ "id": 1 }), ALL),
        (writing, "delete_note", json!({ "id": 1 }), ALL),
    ] {
        let ada = Assistant::begun(&client, "ada", scope);
        ada.asks("tools/list", json!({}));
        assert!(!ada.uses("list_notes", json!({})).1);
        let answer = ada
            .post(request("tools/call", call(tool, arguments)))
            .dispatch();
        assert_eq!(answer.status(), Status::Forbidden, "{tool}");
        let challenge = answer.headers().get_one("WWW-Authenticate").unwrap();
        assert!(
            challenge.contains("error=\"insufficient_scope\""),
            "{challenge}"
        );
        assert!(
            challenge.contains(&format!("scope=\"{needed}\"")),
            "{challenge}"
        );
        assert!(challenge.contains("resource_metadata="), "{challenge}");
        assert_eq!(
            ada.uses("list_notes", json!({})).0,
            "[]",
            "nothing was done"
        );
    }
    let nothing = Assistant::new(&client, "ada", "other");
    assert_eq!(nothing.initialize().status(), Status::Forbidden);
}

#[test]
fn a_token_that_has_expired_ends_no_session() {
    let client = client();
    let mut ada = Assistant::begun(&client, "ada", ALL);
    later(client.rocket(), Duration::from_secs(2 * 3600));
    let answer = ada.post(request("ping", json!({}))).dispatch();
    assert_eq!(answer.status(), Status::Unauthorized);
    ada.token = Assistant::new(&client, "ada", ALL).token;
    assert_eq!(ada.asks("ping", json!({}))["result"], json!({}));
}

/// DNS rebinding: the browser names the host and the page that it thinks of.
#[test]
fn what_is_meant_for_another_host_or_comes_from_its_pages_is_refused() {
    let client = client();
    let ada = Assistant::begun(&client, "ada", ALL);
    let ping = || ada.post(request("ping", json!({})));
    let from = |origin| {
        ping()
            .header(Header::new("Origin", origin))
            .dispatch()
            .status()
    };
    for origin in [
        "https://evil.example",
        "http://evil.example:3002",
        "http://localhost",
        "http://localhost:3003",
        "https://localhost:3002",
        "http://localhost.evil.example:3002",
        "null",
        "",
        "*",
    ] {
        assert_eq!(from(origin), Status::Forbidden, "{origin}");
    }
    assert_eq!(from("http://localhost:3002"), Status::Ok);
    let two = ping().header(Header::new("Origin", "http://localhost:3002"));
    let two = two.header(Header::new("Origin", "https://evil.example"));
    assert_eq!(two.dispatch().status(), Status::Forbidden);

    for host in [
        "evil.example:3002",
        "localhost",
        "localhost:3003",
        "localhost.evil.example",
    ] {
        assert_eq!(
            at(ping(), host).dispatch().status(),
            Status::Forbidden,
            "{host}"
        );
    }
    assert_eq!(at(ping(), "LOCALHOST:3002").dispatch().status(), Status::Ok);
    // All methods, before anybody looks at the token.
    for request in [
        client.get("/mcp"),
        client.post("/mcp"),
        client.delete("/mcp"),
    ] {
        let request = request.header(Header::new("Origin", "https://evil.example"));
        let answer = at(request, "localhost:3002").dispatch();
        assert_eq!(answer.status(), Status::Forbidden);
        let body: Value = answer.into_json().unwrap();
        assert_eq!(body["error"]["code"], -32600);
        assert_eq!(body.get("id"), None);
    }
    // A program without a Host is none of HTTP/1.1.
    assert_eq!(client.get("/mcp").dispatch().status(), Status::Forbidden);
}

#[test]
fn the_revision_must_be_one_that_is_spoken() {
    let client = client();
    let mut ada = Assistant::begun(&client, "ada", ALL);
    let mut named = |version| {
        ada.version = version;
        ada.post(request("ping", json!({}))).dispatch().status()
    };
    for version in [
        "1900-01-01",
        "2024-11-05",
        "not-a-version",
        "",
        "2099-01-01",
    ] {
        assert_eq!(named(Some(version)), Status::BadRequest, "{version}");
    }
    for version in [Some("2025-06-18"), Some("2025-11-25"), None] {
        assert_eq!(named(version), Status::Ok, "{version:?}");
    }
    ada.version = Some("2099-01-01");
    let answer = ada.post(request("tools/list", json!({}))).dispatch();
    let answer: Value = answer.into_json().unwrap();
    assert_eq!(answer["error"]["code"], -32022);
    assert_eq!(answer["error"]["data"]["requested"], "2099-01-01");
}

#[test]
fn what_is_no_message_is_refused() {
    let client = client();
    let ada = Assistant::begun(&client, "ada", ALL);
    let sent = |body: &str| {
        let answer = ada.post(Value::Null).body(body).dispatch();
        (answer.status(), answer.into_json::<Value>().unwrap())
    };
    for (body, code) in [
        ("{", -32700),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
    ] {
        let (status, answer) = sent(body);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (Status::BadRequest, &json!(code))
        );
        assert_eq!(answer.get("id"), None);
    }
    let mut form = ada.post(request("ping", json!({})));
    form.inner_mut().replace_header(ContentType::Form);
    assert_eq!(form.dispatch().status(), Status::UnsupportedMediaType);
    let long = request("ping", json!({ "x": "x".repeat(64 * 1024) }));
    assert_eq!(ada.post(long).dispatch().status(), Status::PayloadTooLarge);
    let bytes = ada.post(Value::Null).body([0xff_u8, 0xfe]);
    assert_eq!(bytes.dispatch().status(), Status::BadRequest);

    // What a message asks for that is not there is answered, as the protocol has it.
    for (method, params, code) in [
        ("resources/list", json!({}), -32601),
        ("tools/call", json!({ "name": "format_disk" }), -32602),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!([1]), -32602),
        ("tools/call", Value::Null, -32602),
        (
            "initialize",
            json!({ "protocolVersion": "2025-11-25" }),
            -32600,
        ),
    ] {
        let answer = ada.asks(method, params);
        assert_eq!(answer["error"]["code"], code, "{method}: {answer}");
        assert_eq!(answer["id"], 1);
    }
}

#[test]
fn without_a_session_there_is_nothing_but_its_beginning() {
    let client = client();
    let ada = Assistant::new(&client, "ada", ALL);
    for body in [
        request("ping", json!({})),
        request("tools/call", call("list_notes", json!({}))),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
    ] {
        assert_eq!(ada.post(body).dispatch().status(), Status::BadRequest);
    }
    assert_eq!(ada.ends(), Status::BadRequest);
    let wrong = ada.post(request("initialize", json!({}))).dispatch();
    assert_eq!(wrong.headers().get_one("Mcp-Session-Id"), None);
    let wrong: Value = wrong.into_json().unwrap();
    assert_eq!(wrong["error"]["code"], -32602);
}

#[test]
fn there_is_nothing_to_listen_to() {
    let client = client();
    let ada = Assistant::begun(&client, "ada", ALL);
    let answer = ada.with_headers(client.get("/mcp")).dispatch();
    assert_eq!(answer.status(), Status::MethodNotAllowed);
    assert_eq!(answer.headers().get_one("Allow"), Some("POST, DELETE"));
}

#[test]
fn the_assistant_reads_what_it_did_wrong() {
    let client = client();
    let ada = Assistant::begun(&client, "ada", ALL);
    for (tool, arguments) in [
        ("add_note", json!({})),
        ("add_note", json!({ "text": 5 })),
        ("add_note", json!({ "text": "  " })),
        (
            "add_note",
            json!({ "text": "x".repeat(crate::notes::LENGTH + 1) }),
        ),
        ("add_note", json!({ "text": "x", "colour": "red" })),
        ("add_note", json!(["x"])),
        ("delete_note", json!({ "id": 7 })),
        ("delete_note", json!({ "id": "1" })),
        ("delete_note", json!({ "id": -1 })),
        ("list_notes", json!({ "of": "bob" })),
    ] {
        let (text, is_error) = ada.uses(tool, arguments.clone());
        assert!(is_error && !text.is_empty(), "{tool} {arguments}: {text}");
    }
    for _ in 0..crate::notes::PER_USER {
        assert!(!ada.uses("add_note", json!({ "text": "ä".repeat(3) })).1);
    }
    assert!(ada.uses("add_note", json!({ "text": "one more" })).1);
}

#[test]
fn the_address_is_needed_outside_of_debugging() {
    use crate::address::Address;
    for wrong in [
        "",
        "notes.example.com/mcp",
        "ftp://x/mcp",
        "https://x/mcp#a",
        "https://x/?a",
    ] {
        assert!(Address::parse(wrong.to_owned()).is_err(), "{wrong}");
    }
    let rocket = crate::rocket();
    let figment = rocket.figment().clone().select("release");
    let figment = figment.merge(("secret_key", "ab".repeat(32)));
    let launched = Client::untracked(offline(rocket.configure(figment)));
    let error = launched.map(|_| ()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::FailedFairings(_)));
}
