//! The app's own binary in the release profile, as its operator runs it
//! without a proxy: it ends TLS itself, on its own port, and everything it is
//! told is an environment variable. The provider is another site, behind a
//! certificate that only those know who are told.

use logto_dev_provider::{DevProvider, Settings, SigningAlg};

use super::browser::Browser;
use super::certificate::Certificate;
use super::conformance::offer;
use super::nginx::Nginx;
use super::serve::{Process, free_port};

pub const CLIENT_ID: &str = "client:2 +%&=";
pub const CLIENT_SECRET: &str = "another s3cret +:%&=/ü";
const SECRET_KEY: &str = "Jb3o1fzXOq0Jm0vIu9u2bX2G9q1mB1S2k1l1v6m3cXk=";

pub struct TlsApp {
    pub provider: DevProvider,
    app: Process,
    port: u16,
    certificate: Certificate,
    in_front: Nginx,
}

impl TlsApp {
    /// With more environment variables.
    pub async fn start(more: &[(&str, &str)]) -> TlsApp {
        let [port, provider_port] = [free_port(), free_port()];
        let base_url = format!("https://127.0.0.1:{port}");
        let provider = DevProvider::start(settings(provider_port, &base_url)).await;
        let provider = provider.expect("a provider");
        offer(provider.hooks(), |_| {});
        let in_front = Nginx::in_front_of(provider_port, provider.port()).await;
        let certificate = Certificate::make(&format!("app-{port}"));

        let (issuer, port_text) = (provider.issuer(), port.to_string());
        let ca_file = in_front.certificate().file().display().to_string();
        let tls = format!(
            "{{certs=\"{}\",key=\"{}\"}}",
            certificate.file().display(),
            certificate.key_file().display()
        );
        let post_sign_out = format!("{base_url}/?bye=1");
        let mut env = vec![
            ("ROCKET_PROFILE", "release"),
            ("ROCKET_ADDRESS", "127.0.0.1"),
            ("ROCKET_PORT", &port_text),
            ("ROCKET_TLS", &tls),
            ("ROCKET_SECRET_KEY", SECRET_KEY),
            ("ROCKET_CLI_COLORS", "false"),
            ("LOGTO_ISSUER", &issuer),
            ("LOGTO_CA_FILE", &ca_file),
            ("LOGTO_APP_ID", CLIENT_ID),
            ("LOGTO_APP_SECRET", CLIENT_SECRET),
            ("LOGTO_BASE_URL", &base_url),
            ("LOGTO_POST_LOGOUT_REDIRECT_URI", &post_sign_out),
            ("LOGTO_ID_TOKEN_ALG", "RS256"),
            ("LOGTO_RESPONSE_MODE", "form_post"),
        ];
        env.extend(more);
        let mut app = Process::app(&env);
        app.wait_for_port(port).await;
        TlsApp {
            provider,
            app,
            port,
            certificate,
            in_front,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    pub fn provider_url(&self, path: &str) -> String {
        self.in_front.url(path)
    }

    /// A browser that trusts both.
    pub fn browser(&self) -> Browser {
        let provider = self.in_front.certificate();
        Browser::trusting([self.certificate.trusted(), provider.trusted()])
    }

    /// All the app has logged.
    pub fn output(&self) -> String {
        self.app.output()
    }
}

fn settings(provider_port: u16, base_url: &str) -> Settings {
    let mut settings = Settings::new(CLIENT_ID, CLIENT_SECRET);
    settings.public_origin = Some(format!("https://localhost:{provider_port}"));
    settings.issuer_path = "/test/a/rocket_logto/".into();
    settings.response_iss = false;
    settings.signing_alg = SigningAlg::Rs256;
    settings.redirect_uris = vec![format!("{base_url}/callback")];
    settings.post_logout_redirect_uris = vec![format!("{base_url}/?bye=1")];
    settings
}
