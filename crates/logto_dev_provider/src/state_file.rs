//! The file that keeps what was changed across restarts, if there is to be one:
//! changes of users, the signing keys, and who is signed in.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::accounts::Changes;
use crate::crypto::random_id;
use crate::error::StartError;
use crate::keys::KeptKeys;
use crate::store::KeptSessions;

const ABOUT: &str = "State of the development provider, with its private keys and tokens. Not for \
                     production, and not for version control. Delete it to start afresh.";
const VERSION: u32 = 1;
/// 1,000 users take a third of a megabyte.
const SIZE_MAX: u64 = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    #[serde(rename = "_")]
    about: String,
    version: u32,
    pub(crate) users: Changes,
    pub(crate) keys: KeptKeys,
    pub(crate) signed_in: KeptSessions,
}

impl State {
    pub(crate) fn new(users: Changes, keys: KeptKeys, signed_in: KeptSessions) -> State {
        State {
            about: ABOUT.to_owned(),
            version: VERSION,
            users,
            keys,
            signed_in,
        }
    }
}

/// What is in the file; `None` when there is no file yet.
pub(crate) fn read(path: &Path) -> Result<Option<State>, StartError> {
    let broken = |line: Option<usize>, why: String| StartError::State {
        path: path.to_owned(),
        line,
        why,
    };
    let text = match fs::metadata(path) {
        Ok(found) if found.len() > SIZE_MAX => {
            return Err(broken(None, "it is larger than 16 MiB".into()));
        }
        Ok(_) => fs::read_to_string(path).map_err(|error| broken(None, error.to_string()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(broken(None, error.to_string())),
    };
    let state: State = serde_json::from_str(&text).map_err(|error| {
        // Its own words end in the line and the column.
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or(&why);
        broken(Some(error.line().max(1)), why.to_owned())
    })?;
    match state.version {
        VERSION => Ok(Some(state)),
        other => Err(broken(
            None,
            format!("its version is {other}, and this provider knows {VERSION} only"),
        )),
    }
}

/// The hold on the file: one provider writes it, so that a test beside a running app,
/// with the same configuration, takes nothing from it.
#[derive(Default)]
pub(crate) enum Hold {
    /// Not asked for yet.
    #[default]
    None,
    /// This provider's, as long as the file is open.
    Ours { _locked: File },
    /// Another provider's, which is running.
    Others,
    /// Let go of.
    Released,
}

impl Hold {
    /// Asks for the file, as it is now.
    pub(crate) fn of(path: &Path) -> Hold {
        let Ok(file) = File::open(path) else {
            return Hold::None;
        };
        match lock(&file) {
            Ok(()) => Hold::Ours { _locked: file },
            Err(TryLockError::WouldBlock) => Hold::Others,
            // Some file systems have no locks.
            Err(TryLockError::Error(_)) => Hold::None,
        }
    }

    /// Replaces the file, which nobody ever sees half written, and nobody else may read.
    pub(crate) fn write(&mut self, path: &Path, state: &State) -> io::Result<()> {
        if matches!(self, Hold::Others | Hold::Released) {
            return Ok(());
        }
        let mut text = serde_json::to_string_pretty(state)?;
        text.push('\n');
        // A link stays, and leads to the new file.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let beside = beside(&path);
        let written = create(&beside).and_then(|mut file| {
            // Before it has its name.
            let _ = lock(&file);
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                *self = Hold::Ours { _locked: file };
                Ok(())
            }
            Err(error) => {
                let _ = fs::remove_file(&beside);
                Err(error)
            }
        }
    }
}

/// Elsewhere a lock would keep others from reading the file, too.
fn lock(file: &File) -> Result<(), TryLockError> {
    match cfg!(unix) {
        true => file.try_lock(),
        false => Ok(()),
    }
}

/// A new name in the same folder: only there can a file be renamed at once.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", random_id()));
    path.with_file_name(name)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
