//! The rules about files that the configuration names.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::Rules;

impl Rules<'_> {
    pub(super) fn read(
        &self,
        path: Option<&PathBuf>,
        key: &str,
    ) -> figment::Result<Option<Vec<u8>>> {
        let Some(path) = path else { return Ok(None) };
        let bytes = std::fs::read(path).map_err(|error| self.unreadable(key, &error))?;
        Ok(Some(bytes))
    }

    /// A secret that every user of the machine could replace is none. Who may
    /// read it is up to the deployment: Docker and Kubernetes mount secrets
    /// readable for all.
    pub(super) fn read_secret(
        &self,
        path: Option<&PathBuf>,
        key: &str,
    ) -> figment::Result<Option<String>> {
        let Some(path) = path else { return Ok(None) };
        let unreadable = |error| self.unreadable(key, &error);
        let mut file = File::open(path).map_err(unreadable)?;
        if others_may_write(&file).map_err(unreadable)? {
            return Err(self.error(
                key,
                "names a file that every user of this machine may write: take that away \
                 (chmod o-w), and make a new secret if somebody may have read or changed it",
            ));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| self.error(key, "must name a UTF-8 text file"))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The path is not shown: somebody may have written the secret itself.
    fn unreadable(&self, key: &str, error: &io::Error) -> figment::Error {
        self.error(key, &format!("names a file that cannot be read: {error}"))
    }
}

#[cfg(unix)]
fn others_may_write(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o002 != 0)
}

#[cfg(not(unix))]
fn others_may_write(_: &File) -> io::Result<bool> {
    Ok(false)
}
