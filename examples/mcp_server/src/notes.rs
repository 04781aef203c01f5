//! The notes themselves, in place of a database. What a user can make this process keep is
//! bounded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

pub const PER_USER: usize = 100;
/// Characters of a note.
pub const LENGTH: usize = 500;
/// Users with notes.
const USERS: usize = 1000;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    pub id: u64,
    pub text: String,
}

#[derive(Default)]
struct Notebook {
    last_id: u64,
    notes: Vec<Note>,
}

/// By the user's `sub`.
#[derive(Default)]
pub struct Notes(Mutex<HashMap<String, Notebook>>);

impl Notes {
    pub fn of(&self, sub: &str) -> Vec<Note> {
        let users = self.users();
        users
            .get(sub)
            .map(|book| book.notes.clone())
            .unwrap_or_default()
    }

    /// The error is for the assistant, which may do better then.
    pub fn add(&self, sub: &str, text: &str) -> Result<Note, String> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > LENGTH {
            return Err(format!("a note has 1 to {LENGTH} characters"));
        }
        let mut users = self.users();
        if users.len() >= USERS && !users.contains_key(sub) {
            return Err("there is no room for notes of more users".to_owned());
        }
        let book = users.entry(sub.to_owned()).or_default();
        if book.notes.len() >= PER_USER {
            return Err(format!(
                "there are {PER_USER} notes already: delete some first"
            ));
        }
        book.last_id += 1;
        let note = Note {
            id: book.last_id,
            text: text.to_owned(),
        };
        book.notes.push(note.clone());
        Ok(note)
    }

    /// Whether there was such a note.
    pub fn delete(&self, sub: &str, id: u64) -> bool {
        let mut users = self.users();
        let Some(book) = users.get_mut(sub) else {
            return false;
        };
        let before = book.notes.len();
        book.notes.retain(|note| note.id != id);
        book.notes.len() < before
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, Notebook>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
