//! A wrong configuration stops the launch and says which key is wrong, where
//! it was written and what to write instead.

use crate::support::launch::{Launch, file};

const PROVIDER: &str = "endpoint = \"https://tenant.logto.app\"\napp_id = \"app\"\n";

/// A table that the launch takes.
const STARTS: &str = PROVIDER;

/// Each case: the `logto` table (`+` for a provider), the key that is wrong, what to write.
#[rustfmt::skip]
const MISTAKES: &[(&str, &str, &str)] = &[
    // What is missing.
    ("endpoint = \"https://t.logto.app\"", "app_id", "app_id = \"…\""),
    ("endpoint = \"https://t.logto.app\"\napp_id = \"\"", "app_id", "LOGTO_APP_ID"),
    ("app_id = \"a\"\ndev_provider = false", "endpoint", "https://your-tenant.logto.app"),
    // URLs.
    ("endpoint = \"/relative\"\napp_id = \"a\"", "endpoint", "absolute URL like"),
    ("endpoint = \"tenant.logto.app\"\napp_id = \"a\"", "endpoint", "absolute URL like"),
    ("endpoint = \"ftp://t.logto.app\"\napp_id = \"a\"", "endpoint", "absolute URL like"),
    ("endpoint = \"https://t.logto.app?x=1\"\napp_id = \"a\"", "endpoint", "no query"),
    ("issuer = \"accounts\"\napp_id = \"a\"", "issuer", "https://accounts.example.com"),
    ("endpoint = \"https://t.logto.app\"\nissuer = \"https://t.logto.app/oidc\"\napp_id = \"a\"", "issuer", "write endpoint for Logto, issuer for another"),
    ("issuer = \"https://{tenantid}.example\"\napp_id = \"a\"", "issuer", "as a part of its path"),
    ("issuer = \"https://o.example/{tenantid}/{tenantid}\"\napp_id = \"a\"", "issuer", "one placeholder"),
    ("issuer = \"https://o.example/{tenant}/v2.0\"\napp_id = \"a\"", "issuer", "{tenantid}"),
    ("issuer = \"https://o.example/x{tenantid}/v2.0\"\napp_id = \"a\"", "issuer", "{tenantid}"),
    ("+tenants = [\"9188040d\"]", "tenants", "{tenantid} in issuer"),
    ("issuer = \"https://o.example/{tenantid}\"\napp_id = \"a\"\ntenants = [\"a/b\"]", "tenants", "ids of tenants like"),
    ("discovery_url = \"https://o.example/x\"\napp_id = \"a\"", "discovery_url", "needs issuer"),
    ("+discovery_url = \"/x\"", "discovery_url", "absolute URL like"),
    ("+discovery_url = \"https://o.example/x#y\"", "discovery_url", "no fragment"),
    ("+discovery_url = \"https://u:hush-hush@o.example/x\"", "discovery_url", "no user name and no password"),
    ("+discovery_url = \"http://o.example/x\"", "discovery_url", "unless http_hosts has its host"),
    ("+discovery_url = \"http://o.example/x\"\nhttp_hosts = [\"other\"]", "discovery_url", "unless http_hosts has its host"),
    ("+http_hosts = [\"http://keycloak\"]", "http_hosts", "names of hosts like"),
    ("+http_hosts = [\"*.example\"]", "http_hosts", "names of hosts like"),
    ("+http_hosts = 7", "http_hosts", "array of strings"),
    ("+hook_timeout = \"61s\"", "hook_timeout", "from \"1s\" to \"60s\""),
    ("+hook_timeout = \"0s\"", "hook_timeout", "from \"1s\" to \"60s\""),
    ("+claims_max_staleness = \"2 years\"", "claims_max_staleness", "from \"0s\" to \"365d\""),
    ("+base_url = \"app.example.com\"", "base_url", "https://app.example.com"),
    ("+base_url = \"https://app.example.com/path?query\"", "base_url", "scheme, host and port, and the path"),
    ("+base_url = \"https://u:p@app.example.com\"", "base_url", "scheme, host and port, and the path"),
    ("+base_url = \"https://app.example.com//app\"", "base_url", "between single slashes"),
    ("+base_url = \"https://app.example.com/app//\"", "base_url", "between single slashes"),
    ("+base_url = \"https://app.example.com//\"", "base_url", "between single slashes"),
    ("+base_url = \"https://app.example.com/%61pp\"", "base_url", "between single slashes"),
    ("+base_url = \"https://app.example.com/a%2fb\"", "base_url", "between single slashes"),
    ("+base_url = \"https://app.example.com/app;a=b\"", "base_url", "between single slashes"),
    ("+base_url = \"https://app.example.com/ünder\"", "base_url", "between single slashes"),
    ("+base_url = \"https://a.example/app\"\nredirect_uri = \"https://a.example/callback\"", "redirect_uri", "must be below base_url, like \"https://a.example/app/callback\""),
    ("+base_url = \"https://a.example/app\"\nredirect_uri = \"https://a.example/application/callback\"", "redirect_uri", "must be below base_url"),
    ("+proxy_strips_path = \"yes\"", "proxy_strips_path", "expected a boolean"),
    ("+sign_out_params = [\"logout_uri\"]", "sign_out_params", "must be a table of texts"),
    ("+sign_out_params = { \"\" = \"x\" }", "sign_out_params", "a parameter without a name"),
    ("+end_session_endpoint = true", "end_session_endpoint", "must be a URL or false"),
    ("+end_session_endpoint = \"/logout\"", "end_session_endpoint", "must be an absolute URL"),
    ("+end_session_endpoint = \"javascript:alert(1)\"", "end_session_endpoint", "must be an absolute URL"),
    ("+end_session_endpoint = \"http://op.example/logout\"", "end_session_endpoint", "must start with https://"),
    ("+end_session_endpoint = \"https://u:p@op.example/logout\"", "end_session_endpoint", "without user, password"),
    ("+end_session_endpoint = \"https://op.example/logout#x\"", "end_session_endpoint", "without user, password and #fragment"),
    ("+session.cookie_name = \"\"", "session.cookie_name", "must be a cookie's name"),
    ("+session.cookie_name = \"my app\"", "session.cookie_name", "must be a cookie's name"),
    ("+session.cookie_name = \"a;b\"", "session.cookie_name", "must be a cookie's name"),
    ("+session.cookie_name = \"a=b\"", "session.cookie_name", "must be a cookie's name"),
    ("+session.cookie_name = \"ünder\"", "session.cookie_name", "must be a cookie's name"),
    ("+session.cookie_name = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "session.cookie_name", "1 to 64"),
    ("+session.cookie_name = \"__Host-app\"", "session.cookie_name", "must be without a prefix"),
    ("+session.cookie_name = \"__secure-app\"", "session.cookie_name", "must be without a prefix"),
    ("+redirect_uri = \"/callback\"", "redirect_uri", "absolute URL like"),
    ("+base_url = \"https://a.example\"\nredirect_uri = \"https://b.example/callback\"", "redirect_uri", "on the origin of base_url"),
    ("+redirect_uri = \"https://a.example/callback?x=1\"", "redirect_uri", "without query and fragment"),
    ("+redirect_uri = \"https://a.example/callback#x\"", "redirect_uri", "without query and fragment"),
    ("+redirect_uri = \"https://u:p@a.example/callback\"", "redirect_uri", "scheme, host, port and path only"),
    ("+post_sign_out = \"//evil.example\"", "post_sign_out", "https://app.example.com/"),
    ("+post_sign_out = \"bye\"", "post_sign_out", "https://app.example.com/"),
    // Resources and scopes.
    ("+resources = [\"https://a.example,https://b.example\"]", "resources", "no comma"),
    ("+resources = [\"https://a.example/a b\"]", "resources", "no space"),
    ("+resources = [\"https://a.example/#x\"]", "resources", "no #fragment"),
    ("+resources = [\"orders\"]", "resources", "absolute URIs like"),
    ("+resources = 5", "resources", "array of strings"),
    ("+scopes = [1]", "scopes", "array of strings"),
    // Keys that do not exist.
    ("+endpiont = \"https://t.logto.app\"", "endpiont", "`endpoint`"),
    ("+session = { idel = \"1d\" }", "session.idel", "`idle`"),
    ("+routes = { signin = \"/x\" }", "routes.signin", "`sign_in`"),
    // What does not go together.
    ("+response_mode = \"form_post\"", "response_mode", "needs an https base_url"),
    ("+dev_provider = true", "dev_provider", "remove one"),
    ("+app_secret = \"hush-hush\"\napp_secret_file = \"x\"", "app_secret_file", "keep one"),
    ("+app_secret = \"hush-hush\"\ntoken_endpoint_auth_method = \"none\"", "token_endpoint_auth_method", "remove one of them"),
    ("+token_endpoint_auth_method = \"client_secret_post\"", "app_secret", "LOGTO_APP_SECRET"),
    ("+prompt = [\"none\", \"login\"]", "prompt", "must stand alone"),
    ("+extra_params = { nonce = \"x\" }", "extra_params.nonce", "the app sets it itself"),
    ("+extra_params = { max_age = 60 }", "extra_params.max_age", "a key of its own"),
    ("+extra_params = { login_hint = \"x\" }", "extra_params.login_hint", "for each sign-in anew"),
    ("+extra_params = { audience = [\"a\"] }", "extra_params", "a table of texts"),
    ("+extra_params = \"audience=a\"", "extra_params", "a table of texts"),
    ("+session = { idle = \"2d\", absolute = \"1d\" }", "session.idle", "session.absolute"),
    ("+session = { store = { redis = \"rediss://r.example#insecure\" } }", "session.store", "always checked"),
    ("+session = { store = { redis = \"redis://r.example\", ca_file = \"/nowhere\" } }", "session.store.ca_file", "cannot be read"),
    ("+session = { store = { redis = \"redis://r.example\", redis_cluster = [\"redis://r.example\"] } }", "session.store", "one of"),
    ("+session = { store = { redis_sentinel = [\"redis://r.example\"] } }", "session.store", "mymaster"),
    ("+session = { store = { redis_cluster = [\"redis://r.example\"], service = \"m\" } }", "session.store.service", "redis_sentinel"),
    ("+session = { store = { redis_cluster = [] } }", "session.store", "at least one"),
    ("+session = { store = { redis = \"redis://r.example/hush-hush\" } }", "session.store", "by its number"),
    ("+session = { store = { redis = \"redis://r.example\", user = \"u\" } }", "session.store.user", "session.store.password"),
    ("+session = { store = { redis = \"rediss://r.example\", client_cert_file = \"Cargo.toml\" } }", "session.store.client_cert_file", "client_key_file"),
    ("+session = { store = { redis = \"https://r.example\" } }", "session.store", "redis://host:6379"),
    ("+acr_values = [\"urn:a urn:b\"]", "acr_values", "names without spaces"),
    ("+acr_values = [\"\"]", "acr_values", "names without spaces"),
    ("+acr_order = [\"urn:a urn:b\"]", "acr_order", "the weakest first"),
    ("+acr_order = [\"1\", \"2\", \"1\"]", "acr_order", "has \"1\" twice"),
    ("+acr_order = [1, 2]", "acr_order", "array of strings"),
    // Durations and numbers.
    ("+max_age = \"2 years\"", "max_age", "from \"0s\" to \"365d\""),
    ("+max_age = \"soon\"", "max_age", "\"90s\""),
    ("+use_par = \"sometimes\"", "use_par", "bool"),
    ("+signed_userinfo = \"ES384\"", "signed_userinfo", "bool"),
    ("+http_timeout = \"soon\"", "http_timeout", "\"90s\""),
    ("+http_timeout = 0", "http_timeout", "from \"1s\" to \"120s\""),
    ("+http_timeout = \"1h\"", "http_timeout", "from \"1s\" to \"120s\""),
    ("+http_timeout = -1", "http_timeout", "number of seconds"),
    ("+http_timeout = 1.5", "http_timeout", "number of seconds"),
    ("+clock_tolerance = \"10m\"", "clock_tolerance", "from \"0s\" to \"5m\""),
    ("+session = { idle = 0 }", "session.idle", "from \"1s\" to \"365d\""),
    ("+session = { absolute = \"2 years\" }", "session.absolute", "from \"1s\" to \"365d\""),
    ("+max_concurrent_op_calls = 0", "max_concurrent_op_calls", "at least 1"),
    // Words.
    ("+id_token_alg = \"HS256\"", "id_token_alg", "`ES384`"),
    ("+id_token_alg = \"none\"", "id_token_alg", "`RS256`"),
    ("+id_token_alg = [\"ES384\", \"HS256\"]", "id_token_alg", "`ES384`"),
    ("+trusted_audiences = [\"\"]", "trusted_audiences", "other-client"),
    ("+trusted_audiences = 7", "trusted_audiences", "an array of strings"),
    ("+id_token_alg = [384]", "id_token_alg", "an array of strings"),
    ("+response_mode = \"fragment\"", "response_mode", "`query`"),
    ("+token_endpoint_auth_method = \"basic\"", "token_endpoint_auth_method", "`client_secret_basic`"),
    ("+token_endpoint_auth_method = \"client_secret_jwt\"", "token_endpoint_auth_method", "write \"private_key_jwt\" with app_key_file"),
    ("+prompt = [\"register\"]", "prompt", "`consent`"),
    // Routes.
    ("+routes = { sign_up = \"/sign-in\" }", "routes.sign_up", "must differ"),
    ("+routes = { sign_in = false }", "routes.sign_in", "cannot be turned off"),
    ("+routes = { callback = \"false\" }", "routes.callback", "cannot be turned off"),
    ("+routes = { sign_out = false }", "routes.sign_out", "cannot be turned off"),
    ("+routes = { healthz = true }", "routes.healthz", "or false"),
    ("+routes = { readyz = \"\" }", "routes.readyz", "or false"),
    (
        "+routes = { resource_metadata = \"/account\" }",
        "routes.resource_metadata",
        "/.well-known/",
    ),
    ("+routes = { sign_in = \"\" }", "routes.sign_in", "or false"),
    ("+routes = { sign_out = \"sign-out\" }", "routes.sign_out", "a path like"),
    ("+routes = { callback = \"/\" }", "routes.callback", "a path like"),
    ("+routes = { callback = \"/<any..>\" }", "routes.callback", "a path like"),
    // Files.
    ("+app_secret_file = \"/nowhere/secret\"", "app_secret_file", "cannot be read: No such file"),
    ("+ca_file = \"/nowhere/ca.pem\"", "ca_file", "cannot be read: No such file"),
    ("+ca_file = \"/\"", "ca_file", "cannot be read: Is a directory"),
    // Secrets of a wrong type, never shown.
    ("+app_secret = { value = \"hush-hush\" }", "app_secret", "text in quotes"),
    ("+app_secret = [\"hush-hush\"]", "app_secret", "text in quotes"),
    ("+app_secret = \"\"", "app_secret", "remove the key for a public client"),
    ("+app_secrets = \"hush-hush\"", "app_secrets", "`app_secret`"),
    ("+session = \"redis://u:hush-hush@h\"", "session", "must be a table"),
    ("+session = { store = \"redis://u:hush-hush@h\" }", "session.store", "{ redis = \"redis://…\" }"),
    ("+session = { store = { rediss = \"redis://u:hush-hush@h\" } }", "session.store", "{ redis = \"redis://…\" }"),
    ("+machine = \"hush-hush\"", "machine", "must be a table"),
    ("+routes = \"hush-hush\"", "routes", "must be a table"),
    ("endpoint = \"https://u:hush-hush@t.logto.app\"", "endpoint", "no user name and no password"),
    // Machines and opaque tokens.
    ("+machine.app_id = \"m\"", "machine.app_secret", "LOGTO_MACHINE_APP_SECRET"),
    ("+machine.app_secret = \"hush-hush\"", "machine.app_id", "LOGTO_MACHINE_APP_ID"),
    ("+machine = { app_id = \"m\", app_secret = \"hush-hush\", app_secret_file = \"x\" }", "machine.app_secret_file", "keep one"),
    ("+machine = { app_secrets = \"hush-hush\" }", "machine.app_secrets", "`app_secret`"),
    ("+introspect_opaque_tokens = true", "introspect_opaque_tokens", "needs app_id and app_secret"),
    ("+introspect_opaque_tokens = \"maybe\"", "introspect_opaque_tokens", "bool"),
    // The development provider.
    ("dev_provider = \"yes\"", "dev_provider", "true, false, or a table"),
    ("dev_provider = { port = -1 }", "dev_provider.port", "from 0 to 65535"),
    ("dev_provider = { port = 70000 }", "dev_provider.port", "from 0 to 65535"),
    ("dev_provider = { dynamic_registration = \"maybe\" }", "dev_provider.dynamic_registration", "bool"),
    ("id_token_alg = \"PS256\"", "id_token_alg", "\"ES384\", \"ES256\" or \"RS256\" with the development provider"),
    ("dev_provider = { usres = [] }", "dev_provider", "`users`"),
    ("dev_provider = { sign_in = { scope = [] } }", "dev_provider.sign_in.scope", "`scopes`"),
    ("dev_provider = { sign_in = \"hush-hush\" }", "dev_provider.sign_in", "must be a table"),
    ("base_url = \"https://app.example.com\"", "base_url", "would sign anybody in"),
    ("dev_provider = true\nbase_url = \"https://192.0.2.1\"", "base_url", "would sign anybody in"),
    ("redirect_uri = \"https://app.example.com/callback\"", "redirect_uri", "would sign anybody in"),
];

#[rocket::async_test]
async fn each_mistake_names_the_key_its_source_and_what_to_write() {
    let mut wrong = Vec::new();
    for (index, (table, key, hint)) in MISTAKES.iter().enumerate() {
        let table = table.replacen('+', PROVIDER, 1);
        let launch = Launch {
            toml: format!("[default.logto]\n{table}"),
            env: vec![],
        };
        let name = format!("mistake-{index}");
        let output = launch.fails(&name, &table).await;
        // What is not written anywhere cannot be in that file.
        let written = table.lines().any(|line| {
            let name = key.split('.').next().unwrap_or(key);
            line.starts_with(&format!("{name} ")) || line.starts_with(&format!("{key} "))
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
        (
            "endpoint = \"https://op.example\"\napp_id = \"a\"\nbase_url = \"http://a.example\"",
            "base_url",
            "must start with https://",
        ),
        (
            "endpoint = \"https://op.example\"\napp_id = \"a\"\nbase_url = \"http://192.168.1.7:8000\"",
            "base_url",
            "allow_insecure_base_url = true",
        ),
        (
            "endpoint = \"https://op.example\"\napp_id = \"a\"\nredirect_uri = \"http://a.example/x\"",
            "redirect_uri",
            "must start with https://",
        ),
    ];
    for (index, (table, key, hint)) in cases.iter().enumerate() {
        let launch = Launch {
            toml: format!("[release.logto]\n{table}"),
            env: release.to_vec(),
        };
        let output = launch.fails(&format!("release-{index}"), table).await;
        let key = format!("release.logto.{key}");
        assert!(output.contains(&key), "{table}: no {key}:\n{output}");
        assert!(output.contains(hint), "{table}: no {hint:?}:\n{output}");
    }
    // Written for debug, the provider does not run in release.
    let launch = Launch {
        toml: format!(
            "[debug.logto]\ndev_provider = true\n[release.logto]\n{STARTS}base_url = \"https://a.example\"\n"
        ),
        env: release.to_vec(),
    };
    let output = launch.announces("release-with-debug").await;
    assert!(!output.contains("DEVELOPMENT PROVIDER"), "{output}");
    assert!(output.contains("https://a.example/callback"), "{output}");
    // On this machine nobody is on the way.
    let launch = Launch {
        toml: format!("[release.logto]\n{STARTS}base_url = \"http://127.0.0.1:3000\"\n"),
        env: release.to_vec(),
    };
    let output = launch.announces("release-on-this-machine").await;
    assert!(output.contains("http://127.0.0.1:3000/"), "{output}");
    assert!(!output.contains("anybody on the way"), "{output}");
    // Where it is wanted, and while one develops, it is told.
    let open = format!("{STARTS}base_url = \"http://192.168.1.7:8000\"\n");
    let wanted = format!("[release.logto]\n{open}allow_insecure_base_url = true\n");
    let in_debug = format!("[debug.logto]\n{open}");
    for (name, toml, env) in [
        ("release-open", wanted, release.to_vec()),
        ("debug-open", in_debug, Vec::new()),
    ] {
        let output = Launch { toml, env }.announces(name).await;
        let told = "base_url http://192.168.1.7:8000/ is http: anybody on the way";
        assert!(output.contains(told), "{name}: {output}");
    }
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
        let launch = Launch {
            toml: format!("[default.logto]\n{PROVIDER}"),
            env: vec![variable],
        };
        let output = launch.fails(&format!("variable-{index}"), source).await;
        let named = output.to_lowercase().contains(&format!("logto.{key}"));
        assert!(named && output.contains(source), "{variable:?}:\n{output}");
    }
}

/// It is not shown, and no variable that can be read makes up for it.
#[rocket::async_test]
async fn a_variable_that_cannot_be_read_stops_the_launch() {
    for (index, text) in [
        "{app_secret=\"hush-hush\"",
        "{\"app_secret\":\"hush-hush\"}",
        "hush-hush",
    ]
    .into_iter()
    .enumerate()
    {
        let launch = Launch {
            toml: format!("[default.logto]\n{PROVIDER}"),
            env: vec![("ROCKET_LOGTO", text), ("LOGTO_APP_SECRET", "a-secret")],
        };
        let output = launch.fails(&format!("unreadable-{index}"), text).await;
        assert!(
            output.contains("logto must be a table"),
            "{text}:\n{output}"
        );
        assert!(
            output.contains("`ROCKET_` environment variable(s)"),
            "{text}:\n{output}"
        );
        assert!(!output.contains("hush-hush"), "{text}:\n{output}");
    }
}

/// Not even one whose keys could stand in for all that is in it.
#[rocket::async_test]
async fn no_variable_hides_what_stands_in_the_wrong_place() {
    let launch = Launch {
        toml: format!("[default.logto]\n{PROVIDER}machine = \"hush-hush\"\n"),
        env: vec![
            ("LOGTO_MACHINE_APP_ID", "m"),
            ("LOGTO_MACHINE_APP_SECRET", "a-secret"),
        ],
    };
    let output = launch.fails("hidden", "a machine that is text").await;
    assert!(output.contains("logto.machine must be a table"), "{output}");
}

#[rocket::async_test]
async fn a_misspelt_variable_is_warned_of_without_its_value() {
    let launch = Launch {
        toml: format!("[default.logto]\n{STARTS}"),
        env: vec![
            ("LOGTO_ENPOINT", "hush-hush"),
            ("LOGTO_QUITE_ANOTHER_THING", "hush-hush"),
            ("LOGTO_HTTP_TIMEOUT", "7"),
        ],
    };
    let output = launch.announces("misspelt").await;
    let lines: Vec<_> = output
        .lines()
        .filter(|line| line.contains("is not read"))
        .collect();
    assert_eq!(lines.len(), 2, "{output}");
    let said = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(
        said("LOGTO_ENPOINT is not read: do you mean LOGTO_ENDPOINT?"),
        "{output}"
    );
    assert!(said("LOGTO_QUITE_ANOTHER_THING is not read"), "{output}");
}

#[cfg(unix)]
#[rocket::async_test]
async fn a_secret_file_that_everybody_may_write_stops_the_launch() {
    use std::os::unix::fs::PermissionsExt;

    let path = file("writable-secret", "hush-hush\n");
    let permit = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode));
    let name = path.display();
    let keys = [
        ("app_secret_file", format!("app_secret_file = \"{name}\"\n")),
        (
            "machine.app_secret_file",
            format!("machine = {{ app_id = \"m\", app_secret_file = \"{name}\" }}\n"),
        ),
    ];
    for (index, (key, line)) in keys.iter().enumerate() {
        let launch = Launch {
            toml: format!("[default.logto]\n{STARTS}{line}"),
            env: vec![],
        };
        permit(0o606).expect("permissions");
        let output = launch.fails(&format!("writable-{index}"), key).await;
        assert!(output.contains(&format!("logto.{key}")), "{output}");
        assert!(output.contains("chmod o-w"), "{output}");
        // As Docker and Kubernetes mount them.
        permit(0o444).expect("permissions");
        launch.announces(&format!("mounted-{index}")).await;
    }
}

#[rocket::async_test]
async fn a_certificate_file_without_certificates_stops_the_launch_too() {
    let path = file(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    );
    let launch = Launch {
        toml: format!(
            "[default.logto]\n{PROVIDER}ca_file = \"{}\"",
            path.display()
        ),
        env: vec![],
    };
    let output = launch.fails("broken-pem", "broken PEM").await;
    assert!(output.contains("logto.ca_file"), "{output}");
}

/// Who has written it means that one. It says by whom it is taken, where the system tells.
#[rocket::async_test]
async fn a_port_that_the_development_provider_cannot_have_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port();
    let launch = Launch {
        toml: format!(
            "[default.logto]\nscopes = [\"urn:logto:scope:organizations\"]\n\
             [debug.logto.dev_provider]\nport = {port}\n"
        ),
        env: vec![],
    };
    let output = launch.fails("dev-provider-port", "a taken port").await;
    let said = format!("logto.dev_provider.port is {port}, which is taken by");
    assert!(output.contains(&said), "{output}");
    for text in ["or 0 for any", "/dev-provider-port.toml TOML file"] {
        assert!(output.contains(text), "no {text:?} in\n{output}");
    }
    let me = format!("(process {})", std::process::id());
    assert!(
        !cfg!(target_os = "linux") || output.contains(&me),
        "{output}"
    );
    // A panic would hide it: its backtrace may be longer than the screen.
    assert!(!output.contains("panicked at"), "{output}");
}
