//! A throw-away certificate for a server of this machine, made by openssl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// In a directory of its own, which is removed with the value.
pub struct Certificate {
    directory: PathBuf,
}

impl Certificate {
    /// For `localhost` and `127.0.0.1`.
    pub fn make(name: &str) -> Certificate {
        let directory =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        // Not a certificate authority: rustls does not let one serve a site.
        let request = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = more\n\
                       [name]\nCN = localhost\n\
                       [more]\nbasicConstraints = critical, CA:FALSE\n\
                       subjectAltName = DNS:localhost, IP:127.0.0.1\n";
        fs::write(directory.join("request.cnf"), request).expect("a request for a certificate");
        let made = Command::new("openssl")
            .current_dir(&directory)
            .args(["req", "-x509", "-days", "2", "-nodes", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-config", "request.cnf"])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .output()
            .expect("openssl can be started");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl: {said}");
        Certificate { directory }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn file(&self) -> PathBuf {
        self.directory.join("certificate.pem")
    }

    pub fn key_file(&self) -> PathBuf {
        self.directory.join("key.pem")
    }

    /// For a client that trusts it.
    pub fn trusted(&self) -> reqwest::Certificate {
        let pem = fs::read(self.file()).expect("the certificate");
        reqwest::Certificate::from_pem(&pem).expect("a certificate")
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // What is left lies under target/.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
