//! "Streamable HTTP", as far as a server needs it that never begins to talk by itself: a
//! message comes by POST, and its answer is one JSON object.
//!
//! What is checked, in this order: whether the request is meant for this server, the token, the
//! session, the message, the revision of the protocol, and whether the token allows the tool.
//!
//! Clients of the newest revision and of those with sessions are served at one address: a
//! message says itself which it is of.

use std::io::Cursor;
use std::time::Instant;

use rocket::data::{Data, ToByteUnit};
use rocket::http::{ContentType, Header, Status};
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Responder, Response};
use rocket::serde::json::{Value, json};
use rocket::{Catcher, Route, State, catch, delete, get, post};
use rocket_logto::{Bearer, BearerError};

use crate::address::MeantForUs;
use crate::modern::{self, Headers};
use crate::notes::Notes;
use crate::permissions::ReadNotes;
use crate::protocol::{self, Id, LEGACY, Message, PROTOCOL_VERSION, RpcError};
use crate::sessions::Sessions;
use crate::tools::{self, Call};

const SESSION_ID: &str = "Mcp-Session-Id";

/// In bytes: far more than the longest note takes.
const MAX_BODY: u64 = 64 * 1024;

pub fn routes() -> Vec<Route> {
    rocket::routes![receive, listen, end]
}

pub fn catchers() -> Vec<Catcher> {
    rocket::catchers![refused]
}

#[post("/mcp", data = "<body>")]
async fn receive(
    _meant: MeantForUs,
    headers: Headers,
    caller: Caller,
    content_type: Option<&ContentType>,
    body: Data<'_>,
    sessions: &State<Sessions>,
    notes: &State<Notes>,
) -> Result<Answer, BearerError> {
    let message = match message(content_type, body).await {
        Ok(message) => message,
        Err((status, error)) => return Ok(Answer::refuse(status, &error)),
    };
    if headers.are_modern(message.params()) {
        return standing_alone(&headers, &caller, message, notes);
    }
    let (id, method, params) = match (message, &caller.session) {
        (Message::Request { id, method, params }, None) if method == "initialize" => {
            return Ok(begin(&caller, &id, params, sessions));
        }
        (_, None) => {
            let why = format!("{SESSION_ID} is missing: begin with initialize");
            let error = RpcError::invalid_request(why);
            return Ok(Answer::refuse(Status::BadRequest, &error));
        }
        // None is about anything that is done here.
        (Message::Notification | Message::Response, _) => {
            return Ok(Answer::Empty(Status::Accepted));
        }
        (Message::Request { id, method, params }, _) => (id, method, params),
    };
    let result = match method.as_str() {
        "ping" => Ok(json!({})),
        "tools/list" => Ok(tools::list()),
        "tools/call" => use_tool(params, &caller, notes)?,
        "initialize" => Err(RpcError::invalid_request("this session has begun already")),
        method => Err(RpcError::no_such_method(method)),
    };
    Ok(Answer::Json(Status::Ok, protocol::answer(&id, result)))
}

/// A message of the newest revision, which knows no sessions.
fn standing_alone(
    headers: &Headers,
    caller: &Caller,
    message: Message,
    notes: &Notes,
) -> Result<Answer, BearerError> {
    let (id, method, params) = match message {
        Message::Request { id, method, params } => (id, method, params),
        Message::Notification => return Ok(Answer::Empty(Status::Accepted)),
        Message::Response => {
            let error = RpcError::invalid_request("this server asks nothing");
            return Ok(Answer::refuse(Status::BadRequest, &error));
        }
    };
    if let Err(error) = headers.fit(&method, &params) {
        return Ok(Answer::Json(Status::BadRequest, error.answer(Some(&id))));
    }
    let result = match method.as_str() {
        "server/discover" => Ok(modern::discover()),
        "tools/list" => Ok(modern::list_tools()),
        "tools/call" => use_tool(params, caller, notes)?.map(modern::complete),
        method => {
            let error = RpcError::no_such_method(method);
            return Ok(Answer::Json(Status::NotFound, error.answer(Some(&id))));
        }
    };
    Ok(Answer::Json(Status::Ok, protocol::answer(&id, result)))
}

/// The tool's answer, or what was wrong with the call.
fn use_tool(
    params: Value,
    caller: &Caller,
    notes: &Notes,
) -> Result<Result<Value, RpcError>, BearerError> {
    let call = match Call::parse(params) {
        Ok(call) => call,
        Err(error) => return Ok(Err(error)),
    };
    // The answer is 403, with all scopes that a token for this call needs.
    call.tool.is_allowed(&caller.token)?;
    Ok(Ok(call.run(caller.token.sub(), notes)))
}

async fn message(
    content_type: Option<&ContentType>,
    body: Data<'_>,
) -> Result<Message, (Status, RpcError)> {
    let no = |status, why: &str| Err((status, RpcError::invalid_request(why)));
    // No form of a page can send that.
    if !content_type.is_some_and(|sent| sent.is_json()) {
        return no(Status::UnsupportedMediaType, "application/json is expected");
    }
    let body = match body.open(MAX_BODY.bytes()).into_string().await {
        Ok(body) if body.is_complete() => body.into_inner(),
        Ok(_) => return no(Status::PayloadTooLarge, "the message is too long"),
        Err(_) => return no(Status::BadRequest, "the body cannot be read as UTF-8"),
    };
    Message::parse(&body).map_err(|error| (Status::BadRequest, error))
}

fn begin(caller: &Caller, id: &Id, params: Value, sessions: &Sessions) -> Answer {
    let result = match protocol::initialize(params) {
        Ok(result) => protocol::answer(id, Ok(result)),
        Err(error) => return Answer::Json(Status::Ok, error.answer(Some(id))),
    };
    match sessions.begin(caller.token.sub(), Instant::now()) {
        Some(session) => Answer::Begins(session, result),
        None => Answer::Empty(Status::ServiceUnavailable),
    }
}

/// Nothing is sent but answers, so there is nothing to listen to.
#[get("/mcp")]
fn listen(_meant: MeantForUs) -> Answer {
    Answer::Empty(Status::MethodNotAllowed)
}

#[delete("/mcp")]
fn end(
    _meant: MeantForUs,
    _version: Version,
    caller: Caller,
    sessions: &State<Sessions>,
) -> Answer {
    match caller.session {
        Some(session) => {
            sessions.end(caller.token.sub(), &session);
            Answer::Empty(Status::NoContent)
        }
        None => {
            let why = format!("{SESSION_ID} is missing");
            Answer::refuse(Status::BadRequest, &RpcError::invalid_request(why))
        }
    }
}

/// What a guard has refused. Where that was `Bearer`, the library answers instead.
#[catch(default)]
fn refused(status: Status, _: &Request<'_>) -> Answer {
    let error = RpcError::invalid_request(status.reason_lossy());
    Answer::refuse(status, &error)
}

/// A revision with sessions. None is named before the first answer, and old clients leave it
/// out later, too; the session then goes on in the one it has begun in.
struct Version;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Version {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Version, ()> {
        let mut named = request.headers().get(PROTOCOL_VERSION);
        match named.all(|version| LEGACY.contains(&version)) {
            true => Outcome::Success(Version),
            false => Outcome::Error((Status::BadRequest, ())),
        }
    }
}

/// Who calls, in which of their sessions: none is named when one is about to begin.
struct Caller {
    token: Bearer<ReadNotes>,
    session: Option<String>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Caller, ()> {
        let token = request.guard::<Bearer<ReadNotes>>().await;
        let token = try_outcome!(token.map_error(|(status, _)| (status, ())));
        let headers = request.headers();
        // The newest revision has none, and says to ignore the header.
        let is_modern = headers.get_one(PROTOCOL_VERSION) == Some(modern::VERSION);
        let named = headers.get_one(SESSION_ID).filter(|_| !is_modern);
        let Some(session) = named else {
            let session = None;
            return Outcome::Success(Caller { token, session });
        };
        let Some(sessions) = request.rocket().state::<Sessions>() else {
            return Outcome::Error((Status::InternalServerError, ()));
        };
        // Over, somebody else's, or made up: nobody is told which.
        if !sessions.go_on(token.sub(), session, Instant::now()) {
            return Outcome::Error((Status::NotFound, ()));
        }
        let session = Some(session.to_owned());
        Outcome::Success(Caller { token, session })
    }
}

enum Answer {
    Json(Status, Value),
    /// With the id of the session that begins.
    Begins(String, Value),
    Empty(Status),
}

impl Answer {
    fn refuse(status: Status, error: &RpcError) -> Answer {
        Answer::Json(status, error.answer(None))
    }
}

impl<'r> Responder<'r, 'static> for Answer {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        let body = match self {
            Answer::Json(status, body) => {
                response.status(status);
                Some(body)
            }
            Answer::Begins(session, body) => {
                response.header(Header::new(SESSION_ID, session));
                Some(body)
            }
            Answer::Empty(status) => {
                if status == Status::MethodNotAllowed {
                    response.header(Header::new("Allow", "POST, DELETE"));
                }
                response.status(status);
                None
            }
        };
        if let Some(body) = body {
            let body = body.to_string();
            response.header(ContentType::JSON);
            response.sized_body(body.len(), Cursor::new(body));
        }
        response.ok()
    }
}
