//! Debian's nginx before instances of the app, with the configuration that the
//! guide documents and a throw-away certificate. A process of the test's own,
//! not the service.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::browser::Browser;
use super::certificate::Certificate;
use super::serve::{Process, free_port};

/// The configuration as people copy it.
pub const DOCUMENTED: &str = include_str!("../../deploy/nginx.conf");

/// What Debian's `nginx.conf` is to the file in `conf.d`. One process, so that
/// ending it ends all of it. `X-Instance` tells a test who has answered.
const AROUND: &str = "
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    add_header X-Instance $upstream_addr always;
    include app.conf;
}
";

/// What stands in front of a provider that does no TLS itself.
const IN_FRONT: &str = "
server {
    listen 127.0.0.1:{port} ssl;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    location / {
        proxy_pass http://127.0.0.1:{target};
        proxy_set_header Host $http_host;
    }
}
";

/// One site with several apps: ours lives below a path.
const BELOW_A_PATH: &str = "
server {
    listen 127.0.0.1:{port} ssl;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    large_client_header_buffers 4 16k;
    proxy_buffer_size 32k;
    proxy_buffers 8 32k;
    location {path}/ {
        proxy_pass http://127.0.0.1:{target}{instead};
        proxy_set_header Host $http_host;
    }
    location / {
        return 200 \"another app\";
    }
}
";

/// Ends with the value.
pub struct Nginx {
    process: Process,
    port: u16,
    plain_port: u16,
    certificate: Certificate,
}

impl Nginx {
    /// `https://localhost:<port>`, shared by the two instances on these ports.
    pub async fn start(port: u16, instances: [u16; 2]) -> Nginx {
        let plain_port = free_port();
        let configuration = fill_in(port, plain_port, instances);
        Nginx::launch(port, plain_port, configuration).await
    }

    /// `https://localhost:<port>` for a server at the port `target`.
    pub async fn in_front_of(port: u16, target: u16) -> Nginx {
        let configuration = IN_FRONT
            .replace("{port}", &port.to_string())
            .replace("{target}", &target.to_string());
        Nginx::launch(port, port, configuration).await
    }

    /// `https://localhost:<port>`, where what is below `path` goes to the server at the
    /// port `target`, with that path or without.
    pub async fn below_a_path(port: u16, path: &str, target: u16, strips_path: bool) -> Nginx {
        let configuration = BELOW_A_PATH
            .replace("{port}", &port.to_string())
            .replace("{path}", path)
            .replace("{target}", &target.to_string())
            .replace("{instead}", if strips_path { "/" } else { "" });
        Nginx::launch(port, port, configuration).await
    }

    async fn launch(port: u16, plain_port: u16, configuration: String) -> Nginx {
        let certificate = Certificate::make(&format!("nginx-{port}"));
        let directory = certificate.directory();
        fs::write(directory.join("app.conf"), configuration).expect("app.conf");
        fs::write(directory.join("nginx.conf"), AROUND).expect("nginx.conf");

        let mut command = Command::new(program());
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]);
        let mut process = Process::spawn(command.arg(directory));
        process.wait_for_port(port).await;
        Nginx {
            process,
            port,
            plain_port,
            certificate,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The same site without TLS.
    pub fn plain_url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.plain_port)
    }

    /// Where it listens without TLS.
    pub fn plain_port(&self) -> u16 {
        self.plain_port
    }

    /// A browser that trusts the throw-away certificate.
    pub fn browser(&self) -> Browser {
        Browser::trusting([self.certificate.trusted()])
    }

    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// All nginx has complained about.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The log that the documented file asks for, a line for each request.
    pub fn log(&self) -> String {
        self.read("app.log")
    }

    /// Whatever nginx has written anywhere.
    pub fn all_logs(&self) -> String {
        let files = ["app.log", "error.log", "access.log"].map(|name| self.read(name));
        files.concat() + &self.output()
    }

    fn read(&self, name: &str) -> String {
        let path = self.certificate.directory().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Before its directory goes.
        self.process.kill();
    }
}

/// The documented file with ports and paths of this test, and nothing else
/// changed.
fn fill_in(port: u16, plain_port: u16, instances: [u16; 2]) -> String {
    let places = [
        ("127.0.0.1:8000", format!("127.0.0.1:{}", instances[0])),
        ("127.0.0.1:8001", format!("127.0.0.1:{}", instances[1])),
        ("listen 80;", format!("listen 127.0.0.1:{plain_port};")),
        ("listen 443 ", format!("listen 127.0.0.1:{port} ")),
        (
            "https://app.example.com",
            format!("https://localhost:{port}"),
        ),
        (
            "/etc/ssl/certs/app.example.com.pem",
            "certificate.pem".into(),
        ),
        ("/etc/ssl/private/app.example.com.key", "key.pem".into()),
        ("/var/log/nginx/app.log", "app.log".into()),
        ("/var/log/nginx/error.log", "error.log".into()),
        (
            "server_name app.example.com",
            "server_name localhost".into(),
        ),
    ];
    let filled = |text: String, (place, value): &(&str, String)| {
        assert!(text.contains(place), "deploy/nginx.conf has no {place:?}");
        text.replace(place, value)
    };
    let text = places.iter().fold(DOCUMENTED.to_owned(), filled);
    assert!(!text.contains("example.com"), "a place is left: {text}");
    text
}

/// Debian keeps it where only root's `PATH` looks.
fn program() -> &'static str {
    let debian = "/usr/sbin/nginx";
    match Path::new(debian).exists() {
        true => debian,
        false => "nginx",
    }
}
