//! Redis over TLS: its certificate is checked, with its name, and ours is shown.

use rocket::figment::value::{Dict, Value};
use rocket_logto::testing::session_store_conformance;
use rocket_logto::{RedisServers, RedisStore, SessionStore, StoreError};

use crate::support::app::{ALICE, TestApp};
use crate::support::browser::Browser;
use crate::support::certificate::Certificate;
use crate::support::redis::Redis;
use crate::support::serve::free_port;
use crate::support::sessions::{rocket, session_table, signed_in, who};

/// A server with TLS at a port of its own, and in clear at another one for the test.
struct TlsRedis {
    redis: Redis,
    port: u16,
    certificate: Certificate,
    client: Certificate,
}

impl TlsRedis {
    async fn start(clients_have_certificates: bool) -> TlsRedis {
        let port = free_port();
        let certificate = Certificate::make(&format!("redis-{port}"));
        let client = Certificate::make(&format!("redis-client-{port}"));
        let path = |path: std::path::PathBuf| path.display().to_string();
        let auth = match clients_have_certificates {
            true => "yes",
            false => "no",
        };
        let redis = Redis::start_with(&[
            "--bind",
            "127.0.0.1",
            "127.0.0.2",
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &path(certificate.file()),
            "--tls-key-file",
            &path(certificate.key_file()),
            "--tls-ca-cert-file",
            &path(client.file()),
            "--tls-auth-clients",
            auth,
        ])
        .await;
        TlsRedis {
            redis,
            port,
            certificate,
            client,
        }
    }

    fn url(&self) -> String {
        format!("rediss://localhost:{}", self.port)
    }

    fn ca(&self) -> Vec<u8> {
        std::fs::read(self.certificate.file()).expect("a certificate")
    }

    fn servers(&self) -> RedisServers {
        RedisServers::one(self.url()).with_ca(self.ca())
    }

    fn with_client(&self, servers: RedisServers) -> RedisServers {
        let certificate = std::fs::read(self.client.file()).expect("a certificate");
        let key = std::fs::read(self.client.key_file()).expect("a key");
        servers.with_client_certificate(certificate, key)
    }
}

/// Why a session cannot be read.
async fn why(servers: &RedisServers) -> String {
    let store = RedisStore::at(servers, "app").expect("a store");
    match store.load("a").await {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[rocket::async_test]
async fn the_store_in_redis_with_tls_keeps_its_promises() {
    let redis = TlsRedis::start(true).await;
    let servers = redis.with_client(redis.servers());
    let store = RedisStore::at(&servers, "app").expect("a store");
    session_store_conformance(async || store.clone()).await;
}

#[rocket::async_test]
async fn a_certificate_counts_only_from_whom_it_is_and_for_its_name() {
    let redis = TlsRedis::start(false).await;
    let store = RedisStore::at(&redis.servers(), "app").expect("a store");
    assert_eq!(store.load("a").await, Ok(None));
    let valkey = redis.url().replace("rediss", "valkeys");
    let valkey = RedisServers::one(valkey).with_ca(redis.ca());
    let store = RedisStore::at(&valkey, "app").expect("a store");
    assert_eq!(store.load("a").await, Ok(None));

    let unknown = why(&RedisServers::one(redis.url())).await;
    let expected = "Redis: TLS, its certificate is signed by nobody who is trusted, see ca_file";
    assert_eq!(unknown, expected);
    let another = std::fs::read(redis.client.file()).expect("a certificate");
    let another = why(&RedisServers::one(redis.url()).with_ca(another)).await;
    assert!(another.starts_with("Redis: TLS, "), "{another}");
    let name = redis.url().replace("localhost", "127.0.0.2");
    let name = why(&RedisServers::one(name).with_ca(redis.ca())).await;
    assert_eq!(name, "Redis: TLS, its certificate is for another name");
    // As the same address has it that the certificate names.
    let named = redis.url().replace("localhost", "127.0.0.1");
    let named = RedisServers::one(named).with_ca(redis.ca());
    let store = RedisStore::at(&named, "app").expect("a store");
    assert_eq!(store.load("a").await, Ok(None));

    let in_clear = redis.redis.url().replace("redis://", "rediss://");
    let in_clear = why(&RedisServers::one(in_clear).with_ca(redis.ca())).await;
    // It waits for the end of a line that never comes.
    assert_eq!(in_clear, "Redis: timed out");
    for url in [
        format!("rediss://localhost:{}#insecure", redis.port),
        format!("valkeys://localhost:{}/#insecure", redis.port),
    ] {
        let error = RedisStore::new(&url, "app").err().expect("an error");
        assert!(error.to_string().contains("always checked"), "{error}");
    }
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
        let servers = RedisServers::one(redis.url()).with_ca(pem);
        match RedisStore::at(&servers, "app") {
            // An empty list trusts nobody.
            Ok(store) => assert!(store.load("a").await.is_err(), "{pem:?}"),
            Err(error) => assert!(error.to_string().contains("TLS"), "{error}"),
        }
    }
}

#[rocket::async_test]
async fn a_client_without_a_certificate_is_told_that_it_has_none() {
    let redis = TlsRedis::start(true).await;
    let none = why(&redis.servers()).await;
    assert!(none.starts_with("Redis: TLS, it "), "{none}");
    let key = std::fs::read(redis.certificate.key_file()).expect("a key");
    let certificate = std::fs::read(redis.client.file()).expect("a certificate");
    let mixed = redis.servers().with_client_certificate(certificate, key);
    let mixed = match RedisStore::at(&mixed, "app") {
        Ok(store) => store.load("a").await.expect_err("an error"),
        Err(error) => error,
    };
    assert!(
        mixed.to_string().contains("do not belong together"),
        "{mixed}"
    );
}

/// From the configuration, as an operator writes it.
#[rocket::async_test]
async fn a_whole_visit_over_tls() {
    let redis = TlsRedis::start(true).await;
    let file = |path: std::path::PathBuf| Value::from(path.display().to_string());
    redis.redis.command(&[
        "ACL",
        "SETUSER",
        "app",
        "on",
        ">pass:word/1",
        "~logto:*",
        "+@all",
    ]);
    let store = Dict::from([
        ("redis".to_owned(), Value::from(redis.url())),
        ("user".to_owned(), "app".into()),
        ("password".to_owned(), "pass:word/1".into()),
        ("ca_file".to_owned(), file(redis.certificate.file())),
        ("client_cert_file".to_owned(), file(redis.client.file())),
        ("client_key_file".to_owned(), file(redis.client.key_file())),
    ]);
    let app = TestApp::with(session_table("store", store), rocket()).await;
    let browser = signed_in(&app, ALICE).await;
    assert_eq!(browser.navigate(app.url("/userinfo")).await.text(), ALICE);
    assert!(redis.redis.dump().contains(":session:"));
    let ready = Browser::new().get(app.url("/readyz")).await;
    assert_eq!(ready.status(), 200, "{}", ready.text());
    let there = who(&browser, app.url("/protected")).await;
    assert_eq!(there.as_deref(), Some(ALICE));
    let listed = redis.redis.command(&["CLIENT", "LIST"]);
    assert!(listed.contains("user=app"), "{listed}");
}
