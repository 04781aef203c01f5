//! A private key that cannot be used for `private_key_jwt` stops the launch. What is
//! told is the key of the configuration, the file and what is wrong with it, and never
//! anything of the file.

use std::os::unix::fs::PermissionsExt;

use crate::support::client_key::ClientKey;
use crate::support::launch::Launch;
use rocket::serde::json::json;

const PROVIDER: &str = "[default.logto]\nendpoint = \"https://tenant.logto.app\"\napp_id = \"app\"\n\
                        scopes = [\"urn:logto:scope:organizations\"]\n";

async fn refused(case: &str, table: &str, words: &[&str]) {
    let launch = Launch {
        toml: format!("{PROVIDER}{table}"),
        env: vec![],
    };
    let name = format!(
        "broken-key-{}",
        case.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
    );
    let output = launch.fails(&name, case).await;
    for word in words {
        assert!(output.contains(word), "{case}: no {word:?} in\n{output}");
    }
}

#[rocket::async_test]
async fn whatever_is_wrong_with_it() {
    let (ec, rsa) = (ClientKey::make("ES256"), ClientKey::make("RS256"));
    ec.openssl(&["pkey", "-in", "pkcs8.pem", "-pubout", "-out", "public.pem"]);
    let encrypted = [
        "pkcs8",
        "-topk8",
        "-in",
        "pkcs8.pem",
        "-passout",
        "pass:hush-hush",
    ];
    ec.openssl(&[&encrypted[..], &["-out", "encrypted.pem"]].concat());
    let old = [
        "rsa",
        "-in",
        "pkcs8.pem",
        "-traditional",
        "-aes128",
        "-passout",
        "pass:hush-hush",
    ];
    rsa.openssl(&[&old[..], &["-out", "encrypted.pem"]].concat());
    rsa.openssl(&[
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:1024",
        "-out",
        "small.pem",
    ]);
    let curve = [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-521",
    ];
    ec.openssl(&[&curve[..], &["-out", "p521.pem"]].concat());
    ec.openssl(&["genpkey", "-algorithm", "X25519", "-out", "x25519.pem"]);
    let path = |key: &ClientKey, name: &str| key.path(name).to_str().expect("UTF-8").to_owned();
    let pem = ec.text("pkcs8.pem");
    let mut without_primes = rsa.jwk(json!({}));
    without_primes
        .as_object_mut()
        .expect("an object")
        .remove("p");
    let mut of_another = ec.jwk(json!({}));
    of_another["x"] = ClientKey::make("ES256").jwk(json!({}))["x"].clone();
    let files = [
        (
            "a public key",
            path(&ec, "public.pem"),
            "holds a public key",
        ),
        (
            "an encrypted key",
            path(&ec, "encrypted.pem"),
            "is encrypted",
        ),
        (
            "an encrypted old key",
            path(&rsa, "encrypted.pem"),
            "is encrypted",
        ),
        ("a small key", path(&rsa, "small.pem"), "2048"),
        ("another curve", path(&ec, "p521.pem"), "P-256 or P-384"),
        ("a key for agreement", path(&ec, "x25519.pem"), "can sign"),
        (
            "two keys",
            ec.file("two.pem", format!("{pem}{pem}")),
            "several private keys",
        ),
        (
            "a cut key",
            ec.file("cut.pem", pem.replacen("MI", "M", 1)),
            "cut off or damaged",
        ),
        (
            "half a key",
            ec.file("half.pem", &pem[..60]),
            "no private key",
        ),
        (
            "OpenSSH",
            ec.file(
                "ssh.pem",
                "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            ),
            "OpenSSH",
        ),
        ("no key", ec.file("no.pem", "hush-hush"), "neither PEM"),
        ("an empty file", ec.file("empty.pem", ""), "neither PEM"),
        ("no JSON", ec.file("no.jwk", "{hush-hush"), "not JSON"),
        (
            "a public JWK",
            ec.file("public.jwk", ec.public_jwk().to_string()),
            "without \"d\"",
        ),
        (
            "a secret",
            ec.file(
                "oct.jwk",
                json!({ "kty": "oct", "k": "hush-hush" }).to_string(),
            ),
            "client_secret_jwt is not supported",
        ),
        (
            "a JWK for encryption",
            ec.file("enc.jwk", ec.jwk(json!({ "use": "enc" })).to_string()),
            "not for signing",
        ),
        (
            "a JWK for another algorithm",
            ec.file("alg.jwk", ec.jwk(json!({ "alg": "RS256" })).to_string()),
            "\"RS256\"",
        ),
        (
            "an algorithm for encryption",
            rsa.file(
                "oaep.jwk",
                rsa.jwk(json!({ "alg": "RSA-OAEP" })).to_string(),
            ),
            "\"RSA-OAEP\"",
        ),
        (
            "another type",
            ec.file(
                "akp.jwk",
                json!({ "kty": "AKP", "d": "hush-hush" }).to_string(),
            ),
            "can sign",
        ),
        (
            "no primes",
            rsa.file("primes.jwk", without_primes.to_string()),
            "\"p\"",
        ),
        (
            "numbers that do not fit",
            ec.file("mixed.jwk", of_another.to_string()),
            "do not belong together",
        ),
        (
            "an empty set",
            ec.file("set.jwk", json!({ "keys": [] }).to_string()),
            "without a private key",
        ),
    ];
    for (case, file, words) in files {
        let table = format!("app_key_file = {file:?}\n");
        refused(
            case,
            &table,
            &["logto.app_key_file", &file, words, ".toml TOML file"],
        )
        .await;
    }
    let machine = format!(
        "machine = {{ app_id = \"m\", app_key_file = {:?} }}\n",
        path(&ec, "public.pem")
    );
    refused(
        "of a machine",
        &machine,
        &["logto.machine.app_key_file", "holds a public key"],
    )
    .await;
    let pinned = format!("app_key_file = {:?}\napp_key_alg = \"ES384\"\n", ec.pkcs8());
    let words = [
        "logto.app_key_file",
        &ec.pkcs8(),
        "cannot sign with ES384, only with ES256",
    ];
    refused("another algorithm", &pinned, &words).await;
    // The rules for a file with a secret.
    let open = ec.file("open.pem", &pem);
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o602)).expect("a mode");
    let table = format!("app_key_file = {open:?}\n");
    refused(
        "a file for all",
        &table,
        &["logto.app_key_file", "chmod o-w"],
    )
    .await;
    refused(
        "no file",
        "app_key_file = \"/nowhere/key.pem\"\n",
        &["cannot be read"],
    )
    .await;
    // The key in the place of its file is not shown.
    let pasted = "app_key_file = \"-----BEGIN PRIVATE KEY-----hush-hush\"\n";
    refused(
        "the key itself",
        pasted,
        &["logto.app_key_file", "cannot be read"],
    )
    .await;
}

#[rocket::async_test]
async fn what_does_not_go_together_is_told() {
    let key = ClientKey::make("ES256");
    let file = format!("app_key_file = {:?}\n", key.pkcs8());
    let in_machine = |more: &str| {
        format!(
            "machine = {{ app_id = \"m\", app_key_file = {:?}{more} }}\n",
            key.pkcs8()
        )
    };
    let cases = [
        (
            "both",
            format!("{file}app_secret = \"hush-hush\"\n"),
            "logto.app_key_file",
            "say which counts",
        ),
        (
            "both of a machine",
            in_machine(", app_secret = \"hush-hush\""),
            "logto.machine.app_key_file",
            "beside machine.app_secret",
        ),
        (
            "none",
            format!("{file}token_endpoint_auth_method = \"none\"\n"),
            "logto.token_endpoint_auth_method",
            "remove one of them",
        ),
        (
            "a secret's method",
            format!("{file}token_endpoint_auth_method = \"client_secret_basic\"\n"),
            "logto.app_secret",
            "token_endpoint_auth_method needs it",
        ),
        (
            "no key",
            "token_endpoint_auth_method = \"private_key_jwt\"\n".into(),
            "logto.app_key_file",
            "LOGTO_APP_KEY_FILE",
        ),
        (
            "a secret for a key",
            "token_endpoint_auth_method = \"private_key_jwt\"\napp_secret = \"hush-hush\"\n".into(),
            "logto.app_key_file",
            "private key",
        ),
        (
            "an HMAC",
            "token_endpoint_auth_method = \"client_secret_jwt\"\napp_secret = \"hush-hush\"\n"
                .into(),
            "logto.token_endpoint_auth_method",
            "\"client_secret_jwt\" is not supported: write \"private_key_jwt\" with app_key_file",
        ),
        (
            "mutual TLS",
            "token_endpoint_auth_method = \"tls_client_auth\"\n".into(),
            "logto.token_endpoint_auth_method",
            "not supported",
        ),
        (
            "a name without a key",
            "app_key_id = \"k\"\n".into(),
            "logto.app_key_file",
            "app_key_id is about the key in it",
        ),
        (
            "an algorithm without a key",
            "app_key_alg = \"ES256\"\n".into(),
            "logto.app_key_file",
            "app_key_alg is about the key in it",
        ),
        (
            "an empty name",
            format!("{file}app_key_id = \"\"\n"),
            "logto.app_key_id",
            "is empty",
        ),
        (
            "a wrong algorithm",
            format!("{file}app_key_alg = \"HS256\"\n"),
            "logto.app_key_alg",
            "`ES256`",
        ),
        (
            "a wrong audience",
            format!("{file}client_assertion_audience = \"https://x.example\"\n"),
            "logto.client_assertion_audience",
            "`token_endpoint`",
        ),
        (
            "a machine without a name",
            format!("machine = {{ app_key_file = {:?} }}\n", key.pkcs8()),
            "logto.machine.app_id",
            "LOGTO_MACHINE_APP_ID",
        ),
        (
            "no client without audience",
            "clients_without_audience = [\"\"]\n".into(),
            "logto.clients_without_audience",
            "ids of clients",
        ),
    ];
    for (case, table, key, words) in cases {
        refused(case, &table, &[key, words]).await;
    }
}
