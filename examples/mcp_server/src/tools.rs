//! The tools, and the permission that each one needs.

use std::fmt::Display;

use rocket::serde::json::{Value, json};
use rocket_logto::{Bearer, BearerError};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::notes::{LENGTH, Notes};
use crate::permissions::{DeleteNotes, ReadNotes, WriteNotes};
use crate::protocol::RpcError;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    ListNotes,
    AddNote,
    DeleteNote,
}

/// A `tools/call`.
pub struct Call {
    pub tool: Tool,
    arguments: Value,
}

impl Call {
    pub fn parse(mut params: Value) -> Result<Call, RpcError> {
        let mut take = |name| params.get_mut(name).map(Value::take).unwrap_or_default();
        let name = take("name");
        let tool = Tool::deserialize(&name)
            .map_err(|_| RpcError::invalid_params(format!("no such tool: {name}")))?;
        let arguments = match take("arguments") {
            Value::Null => json!({}),
            arguments => arguments,
        };
        Ok(Call { tool, arguments })
    }

    /// Runs the tool. Arguments that are wrong are its answer, so that the assistant reads what
    /// it did wrong, and not its program.
    pub fn run(self, sub: &str, notes: &Notes) -> Value {
        let done = match self.tool {
            Tool::ListNotes => {
                read(self.arguments).map(|Nothing {}| json!(notes.of(sub)).to_string())
            }
            Tool::AddNote => read(self.arguments)
                .and_then(|Add { text }| notes.add(sub, &text))
                .map(|note| json!(note).to_string()),
            Tool::DeleteNote => {
                read(self.arguments).and_then(|Delete { id }| match notes.delete(sub, id) {
                    true => Ok("deleted".to_owned()),
                    false => Err(format!("there is no note {id}")),
                })
            }
        };
        let is_error = done.is_err();
        let (Ok(text) | Err(text)) = done;
        json!({ "content": [{ "type": "text", "text": text }], "isError": is_error })
    }
}

/// The answer to `tools/list`: all of them, whatever the token allows. An assistant that uses
/// one beyond that is sent to its user for more.
pub fn list() -> Value {
    let text = json!({ "type": "string", "minLength": 1, "maxLength": LENGTH });
    json!({ "tools": [
        {
            "name": "list_notes",
            "description": "Lists the user's notes, each with its id.",
            "inputSchema": { "type": "object", "additionalProperties": false },
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
        },
        {
            "name": "add_note",
            "description": "Adds a note, and gives back its id.",
            "inputSchema": {
                "type": "object",
                "properties": { "text": text },
                "required": ["text"],
                "additionalProperties": false,
            },
            "annotations": { "destructiveHint": false, "openWorldHint": false },
        },
        {
            "name": "delete_note",
            "description": "Deletes the note with this id, for good.",
            "inputSchema": {
                "type": "object",
                "properties": { "id": { "type": "integer", "minimum": 1 } },
                "required": ["id"],
                "additionalProperties": false,
            },
            "annotations": { "destructiveHint": true, "idempotentHint": true, "openWorldHint": false },
        },
    ] })
}

impl Tool {
    /// Whether the caller's token allows it, which allows reading at least.
    pub fn is_allowed(self, token: &Bearer<ReadNotes>) -> Result<(), BearerError> {
        match self {
            Tool::ListNotes => Ok(()),
            Tool::AddNote => token.require::<WriteNotes>(),
            Tool::DeleteNote => token.require::<DeleteNotes>(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    id: u64,
}

/// By name only: Serde takes a list for a struct as well.
fn read<A: DeserializeOwned>(arguments: Value) -> Result<A, String> {
    let wrong = |why: &dyn Display| format!("wrong arguments: {why}");
    if !arguments.is_object() {
        return Err(wrong(&"an object is expected"));
    }
    serde_json::from_value(arguments).map_err(|why| wrong(&why))
}
