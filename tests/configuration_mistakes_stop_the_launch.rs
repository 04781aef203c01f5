//! A wrong configuration stops the launch and says which key is wrong, where
//! it was written and what to write instead; and the right one of several
//! sources wins.

use std::path::PathBuf;

use rocket::figment::Figment;
use rocket::figment::providers::{Format, Toml};
use rocket_logto::LogtoConfig;

use crate::support::serve::{Process, free_port};

const SECRET_KEY: &str = "hPRYyVRiMyxpw5sBB1XeCMN1kFsDCqKvBi2QJxBVHQk=";
/// Written where a secret goes: no output may hold it.
const HUSH: &str = "hush-hush";
const PROVIDER: &str = "endpoint = \"https://tenant.logto.app\"\napp_id = \"app\"\n";

/// A `Rocket.toml` of its own for each test.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

struct Run<'a> {
    toml: String,
    env: Vec<(&'a str, &'a str)>,
}

impl Run<'_> {
    fn process(&self, name: &str) -> (Process, String) {
        let path = file(&format!("{name}.toml"), &self.toml);
        let path = path.to_str().expect("a UTF-8 path").to_owned();
        let port = free_port().to_string();
        let mut env = vec![
            ("ROCKET_CONFIG", path.as_str()),
            ("ROCKET_CLI_COLORS", "false"),
            ("ROCKET_PORT", &port),
            ("ROCKET_SECRET_KEY", SECRET_KEY),
        ];
        env.extend(&self.env);
        (Process::app(&env), port)
    }

    /// The output of a launch that fails.
    async fn fails(&self, name: &str, case: &str) -> String {
        let (mut process, _) = self.process(name);
        let status = process.wait_for_exit().await;
        let output = process.output();
        assert!(!status.success(), "{case} starts:\n{output}");
        assert!(!output.contains("Rocket has launched"), "{case}:\n{output}");
        assert!(!output.contains(HUSH), "{case}:\n{output}");
        output
    }

    /// The lines in which a launch that works says what is configured.
    async fn announces(&self, name: &str) -> String {
        let (mut process, port) = self.process(name);
        process.wait_for_output("post sign-out URI").await;
        let output = process.output();
        process.kill();
        assert!(!output.contains(HUSH), "{name}:\n{output}");
        output.replace(&port, "PORT")
    }
}

/// Each case: the `logto` table, the key that is wrong, what to write.
const MISTAKES: &[(&str, &str, &str)] = &[
    // What is missing.
    (
        "endpoint = \"https://t.logto.app\"",
        "app_id",
        "app_id = \"…\"",
    ),
    (
        "endpoint = \"https://t.logto.app\"\napp_id = \"\"",
        "app_id",
        "LOGTO_APP_ID",
    ),
    (
        "app_id = \"a\"\ndev_provider = false",
        "endpoint",
        "https://your-tenant.logto.app",
    ),
    // URLs.
    (
        "endpoint = \"/relative\"\napp_id = \"a\"",
        "endpoint",
        "absolute URL like",
    ),
    (
        "endpoint = \"tenant.logto.app\"\napp_id = \"a\"",
        "endpoint",
        "absolute URL like",
    ),
    (
        "endpoint = \"ftp://t.logto.app\"\napp_id = \"a\"",
        "endpoint",
        "absolute URL like",
    ),
    (
        "endpoint = \"https://t.logto.app?x=1\"\napp_id = \"a\"",
        "endpoint",
        "no query",
    ),
    (
        "issuer = \"accounts\"\napp_id = \"a\"",
        "issuer",
        "https://accounts.example.com",
    ),
    (
        "endpoint = \"https://t.logto.app\"\nissuer = \"https://t.logto.app/oidc\"\napp_id = \"a\"",
        "issuer",
        "write endpoint for Logto, issuer for another",
    ),
    (
        "+base_url = \"app.example.com\"",
        "base_url",
        "https://app.example.com",
    ),
    (
        "+base_url = \"https://app.example.com/path\"",
        "base_url",
        "scheme, host and port only",
    ),
    (
        "+base_url = \"https://u:p@app.example.com\"",
        "base_url",
        "scheme, host and port only",
    ),
    (
        "+redirect_uri = \"/callback\"",
        "redirect_uri",
        "absolute URL like",
    ),
    (
        "+base_url = \"https://a.example\"\nredirect_uri = \"https://b.example/callback\"",
        "redirect_uri",
        "on the origin of base_url",
    ),
    (
        "+post_sign_out = \"//evil.example\"",
        "post_sign_out",
        "https://app.example.com/",
    ),
    (
        "+post_sign_out = \"bye\"",
        "post_sign_out",
        "https://app.example.com/",
    ),
    // Resources and scopes.
    (
        "+resources = [\"https://a.example,https://b.example\"]",
        "resources",
        "no comma",
    ),
    (
        "+resources = [\"https://a.example/a b\"]",
        "resources",
        "no space",
    ),
    (
        "+resources = [\"https://a.example/#x\"]",
        "resources",
        "no #fragment",
    ),
    (
        "+resources = [\"orders\"]",
        "resources",
        "absolute URIs like",
    ),
    ("+resources = 5", "resources", "array of strings"),
    ("+scopes = [1]", "scopes", "array of strings"),
    // Keys that do not exist.
    (
        "+endpiont = \"https://t.logto.app\"",
        "endpiont",
        "`endpoint`",
    ),
    ("+session = { idel = \"1d\" }", "session.idel", "`idle`"),
    (
        "+routes = { signin = \"/x\" }",
        "routes.signin",
        "`sign_in`",
    ),
    // What does not go together.
    (
        "+response_mode = \"form_post\"",
        "response_mode",
        "needs an https base_url",
    ),
    ("+dev_provider = true", "dev_provider", "remove one"),
    (
        "+app_secret = \"hush-hush\"\napp_secret_file = \"x\"",
        "app_secret_file",
        "keep one",
    ),
    (
        "+app_secret = \"hush-hush\"\ntoken_endpoint_auth_method = \"none\"",
        "token_endpoint_auth_method",
        "remove one of them",
    ),
    (
        "+token_endpoint_auth_method = \"client_secret_post\"",
        "app_secret",
        "LOGTO_APP_SECRET",
    ),
    (
        "+prompt = [\"none\", \"login\"]",
        "prompt",
        "must stand alone",
    ),
    (
        "+session = { idle = \"2d\", absolute = \"1d\" }",
        "session.idle",
        "session.absolute",
    ),
    // Durations and numbers.
    ("+http_timeout = \"soon\"", "http_timeout", "\"90s\""),
    ("+http_timeout = 0", "http_timeout", "from 1 to 120 seconds"),
    (
        "+http_timeout = \"1h\"",
        "http_timeout",
        "from 1 to 120 seconds",
    ),
    ("+http_timeout = -1", "http_timeout", "number of seconds"),
    ("+http_timeout = 1.5", "http_timeout", "number of seconds"),
    (
        "+clock_tolerance = \"10m\"",
        "clock_tolerance",
        "from 0 to 300 seconds",
    ),
    ("+session = { idle = 0 }", "session.idle", "from 1 to"),
    (
        "+session = { absolute = \"2 years\" }",
        "session.absolute",
        "from 1 to",
    ),
    (
        "+max_concurrent_op_calls = 0",
        "max_concurrent_op_calls",
        "at least 1",
    ),
    // Words.
    ("+id_token_alg = \"HS256\"", "id_token_alg", "`ES384`"),
    ("+id_token_alg = \"none\"", "id_token_alg", "`RS256`"),
    (
        "+id_token_alg = [\"ES384\", \"RS256\"]",
        "id_token_alg",
        "SigningAlg",
    ),
    ("+response_mode = \"fragment\"", "response_mode", "`query`"),
    (
        "+token_endpoint_auth_method = \"private_key_jwt\"",
        "token_endpoint_auth_method",
        "`client_secret_basic`",
    ),
    ("+prompt = [\"register\"]", "prompt", "`consent`"),
    // Routes.
    (
        "+routes = { sign_up = \"/sign-in\" }",
        "routes.sign_up",
        "must differ",
    ),
    (
        "+routes = { sign_out = \"sign-out\" }",
        "routes.sign_out",
        "a path like",
    ),
    (
        "+routes = { callback = \"/\" }",
        "routes.callback",
        "a path like",
    ),
    (
        "+routes = { callback = \"/<any..>\" }",
        "routes.callback",
        "a path like",
    ),
    // Files.
    (
        "+app_secret_file = \"/nowhere/secret\"",
        "app_secret_file",
        "/nowhere/secret: No such file",
    ),
    (
        "+ca_file = \"/nowhere/ca.pem\"",
        "ca_file",
        "/nowhere/ca.pem: No such file",
    ),
    ("+ca_file = \"/\"", "ca_file", "/: Is a directory"),
    // Secrets of a wrong type, never shown.
    (
        "+app_secret = { value = \"hush-hush\" }",
        "app_secret",
        "text in quotes",
    ),
    (
        "+app_secret = [\"hush-hush\"]",
        "app_secret",
        "text in quotes",
    ),
    (
        "+app_secret = \"\"",
        "app_secret",
        "remove the key for a public client",
    ),
    (
        "+app_secrets = \"hush-hush\"",
        "app_secrets",
        "`app_secret`",
    ),
    // The development provider.
    (
        "dev_provider = \"yes\"",
        "dev_provider",
        "true, false, or a table",
    ),
    (
        "dev_provider = { port = 0 }",
        "dev_provider.port",
        "from 1 to 65535",
    ),
    (
        "dev_provider = { port = 70000 }",
        "dev_provider.port",
        "from 1 to 65535",
    ),
    ("dev_provider = { usres = [] }", "dev_provider", "`users`"),
];

#[rocket::async_test]
async fn each_mistake_names_the_key_its_source_and_what_to_write() {
    let mut wrong = Vec::new();
    for (index, (table, key, hint)) in MISTAKES.iter().enumerate() {
        let table = table.replacen('+', PROVIDER, 1);
        let run = Run {
            toml: format!("[default.logto]\n{table}"),
            env: vec![],
        };
        let name = format!("mistake-{index}");
        let output = run.fails(&name, &table).await;
        // What is not written anywhere cannot be in that file.
        let written = table.lines().any(|line| {
            let name = key.split('.').next().unwrap_or(key);
            line.starts_with(&format!("{name} "))
        });
        let source = match written {
            true => format!("/{name}.toml TOML file"),
            false => "Rocket.toml, ROCKET_LOGTO or LOGTO_* variables".to_owned(),
        };
        for text in [&format!("logto.{key}"), *hint, &source] {
            if !output.contains(text) {
                wrong.push(format!("{table}\nhas no {text:?} in\n{output}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[rocket::async_test]
async fn outside_debug_more_is_asked_for() {
    let release = [("ROCKET_PROFILE", "release")];
    let cases = [
        (
            "",
            "endpoint",
            "endpoint = \"https://your-tenant.logto.app\"",
        ),
        (
            PROVIDER,
            "base_url",
            "base_url = \"https://app.example.com\"",
        ),
        ("dev_provider = true", "dev_provider", "debug profile only"),
        (
            "dev_provider = { port = 3001 }",
            "dev_provider",
            "debug profile only",
        ),
        (
            "endpoint = \"http://op.example\"\napp_id = \"a\"\nbase_url = \"https://a.example\"",
            "endpoint",
            "must start with https://",
        ),
    ];
    for (index, (table, key, hint)) in cases.iter().enumerate() {
        let run = Run {
            toml: format!("[release.logto]\n{table}"),
            env: release.to_vec(),
        };
        let output = run.fails(&format!("release-{index}"), table).await;
        let key = format!("release.logto.{key}");
        assert!(output.contains(&key), "{table}: no {key}:\n{output}");
        assert!(output.contains(hint), "{table}: no {hint:?}:\n{output}");
    }
    // Written for debug, the provider does not run in release.
    let run = Run {
        toml: format!(
            "[debug.logto]\ndev_provider = true\n[release.logto]\n{PROVIDER}base_url = \"https://a.example\""
        ),
        env: release.to_vec(),
    };
    let output = run.announces("release-with-debug").await;
    assert!(!output.contains("DEVELOPMENT PROVIDER"), "{output}");
    assert!(output.contains("https://a.example/callback"), "{output}");
}

#[rocket::async_test]
async fn mistakes_in_the_environment_name_the_variable() {
    let cases = [
        (
            ("LOGTO_ENDPOINT", "nowhere"),
            "endpoint",
            "`LOGTO_ENDPOINT` environment variable",
        ),
        (
            ("LOGTO_RESOURCES", "https://a.example,https://b.example"),
            "resources",
            "`LOGTO_RESOURCES` environment variable",
        ),
        (
            ("LOGTO_ID_TOKEN_ALG", "none"),
            "id_token_alg",
            "`LOGTO_ID_TOKEN_ALG` environment variable",
        ),
        (
            ("LOGTO_CA_FILE", "/nowhere"),
            "ca_file",
            "`LOGTO_CA_FILE` environment variable",
        ),
        (
            ("LOGTO_REDIRECT_URI", "callback"),
            "redirect_uri",
            "`LOGTO_REDIRECT_URI` environment variable",
        ),
        (
            ("ROCKET_LOGTO", "{http_timeout=0}"),
            "http_timeout",
            "`ROCKET_` environment variable(s)",
        ),
        (
            ("ROCKET_LOGTO", "{app_secret=[\"hush-hush\"]}"),
            "app_secret",
            "`ROCKET_` environment variable(s)",
        ),
    ];
    for (index, (variable, key, source)) in cases.into_iter().enumerate() {
        let run = Run {
            toml: format!("[default.logto]\n{PROVIDER}"),
            env: vec![variable],
        };
        let output = run.fails(&format!("variable-{index}"), source).await;
        let named = output.to_lowercase().contains(&format!("logto.{key}"));
        assert!(named && output.contains(source), "{variable:?}:\n{output}");
    }
}

#[rocket::async_test]
async fn a_certificate_file_without_certificates_stops_the_launch_too() {
    let path = file(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    );
    let run = Run {
        toml: format!(
            "[default.logto]\n{PROVIDER}ca_file = \"{}\"",
            path.display()
        ),
        env: vec![],
    };
    let output = run.fails("broken-pem", "broken PEM").await;
    assert!(output.contains("logto.ca_file"), "{output}");
}

#[rocket::async_test]
async fn the_environment_wins_over_the_file_and_loses_to_rocket_logto() {
    let toml = || {
        "[default.logto]\nendpoint = \"https://file.example\"\napp_id = \"from-file\"\n".to_owned()
    };
    let logto_env = [
        ("LOGTO_ENDPOINT", "https://env.example"),
        ("LOGTO_APP_ID", "12345"),
        ("LOGTO_APP_SECRET", HUSH),
        ("LOGTO_REDIRECT_URI", "https://app.example/auth/callback"),
        ("LOGTO_POST_LOGOUT_REDIRECT_URI", "https://app.example/bye"),
    ];
    let rocket = ("ROCKET_LOGTO", "{endpoint=\"https://rocket.example\"}");
    let cases = [
        (
            "file",
            vec![],
            [
                "provider https://file.example/oidc, client from-file",
                "redirect URI http://localhost:PORT/callback",
                "post sign-out URI http://localhost:PORT/",
            ],
        ),
        (
            "environment",
            logto_env.to_vec(),
            [
                "provider https://env.example/oidc, client 12345",
                "redirect URI https://app.example/auth/callback",
                "post sign-out URI https://app.example/bye",
            ],
        ),
        (
            "ROCKET_LOGTO",
            [&logto_env[..], &[rocket]].concat(),
            [
                "provider https://rocket.example/oidc, client 12345",
                "redirect URI https://app.example/auth/callback",
                "post sign-out URI https://app.example/bye",
            ],
        ),
        (
            "empty variables",
            vec![("LOGTO_ENDPOINT", ""), ("LOGTO_APP_ID", "")],
            [
                "provider https://file.example/oidc, client from-file",
                "redirect URI http://localhost:PORT/callback",
                "post sign-out URI http://localhost:PORT/",
            ],
        ),
    ];
    for (case, env, lines) in cases {
        let run = Run { toml: toml(), env };
        let name = format!("source-{}", case.replace(' ', "-"));
        let output = run.announces(&name).await;
        for line in lines {
            assert!(output.contains(line), "{case}: no {line:?}:\n{output}");
        }
    }
}

/// Reads TOML with profiles, as Rocket reads its file.
fn read(toml: &str, profile: &str) -> LogtoConfig {
    let figment = Figment::new()
        .merge(Toml::string(toml).nested())
        .select(profile);
    LogtoConfig::from_figment(&figment).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn profiles_merge_field_by_field() {
    let toml = "
        [default.logto]
        endpoint = 'https://default.example'
        app_id = 'default'
        base_url = 'https://app.example'
        scopes = ['email']
        resources = []
        session = { idle = '1h' }
        [debug.logto]
        app_id = 'debug'
        session = { absolute = '2h' }
        [release.logto]
        endpoint = 'https://release.example/'
        scopes = 'phone  roles'
        session = { idle = 60, absolute = '1d' }
        [global.logto]
        http_timeout = 7
    ";
    let seconds = |config: &LogtoConfig| {
        let session = config.session;
        (session.idle.as_secs(), session.absolute.as_secs())
    };
    let debug = read(toml, "debug");
    assert_eq!(debug.issuer, "https://default.example/oidc");
    assert_eq!(debug.app_id, "debug");
    assert_eq!(debug.scopes[3..], ["email"]);
    assert_eq!(seconds(&debug), (3600, 7200));
    let release = read(toml, "release");
    assert_eq!(release.issuer, "https://release.example/oidc");
    assert_eq!(release.app_id, "default");
    assert_eq!(release.scopes[3..], ["phone", "roles"]);
    assert_eq!(seconds(&release), (60, 86_400));
    for config in [debug, release] {
        assert_eq!(config.http_timeout.as_secs(), 7);
    }
}

#[test]
fn an_issuer_is_taken_byte_for_byte() {
    for issuer in [
        "https://op.example/",
        "https://op.example",
        "https://OP.example/Realm/",
        "https://op.example:443/a//b",
        "https://op.example/%7Ea",
    ] {
        let toml = format!(
            "[default.logto]\nissuer = '{issuer}'\napp_id = 'a'\nbase_url = 'https://a.example'"
        );
        assert_eq!(read(&toml, "release").issuer, issuer);
    }
}
