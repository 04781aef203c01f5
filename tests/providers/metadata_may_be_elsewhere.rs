//! `discovery_url`: metadata that are not below the issuer (Azure AD B2C, UAA), and what
//! the log says without that key. `http_hosts`: endpoints without TLS behind an issuer
//! with it.

use logto_dev_provider::{DevProvider, Endpoint, Settings};
use rocket::figment::value::{Dict, Value};
use serde_json::json;

use crate::support::app::{ALICE, TestApp, absent, keys, settings};
use crate::support::browser::Browser;
use crate::support::eventually::eventually;
use crate::support::log::{lines_with, reason_of};
use crate::support::nginx::Nginx;
use crate::support::pages::pages;
use crate::support::raw_server::{RawServer, Step};
use crate::support::refusal::reference;
use crate::support::serve::{Served, free_port};

async fn provider(settings: Settings) -> DevProvider {
    let provider = DevProvider::start(settings).await.expect("a provider");
    provider.hooks().sign_in_as(Some(ALICE));
    provider
}

/// Publishes the metadata of `provider` at the path `/elsewhere` of another server.
async fn elsewhere(provider: &DevProvider) -> RawServer {
    let issuer = provider.issuer();
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/auth"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "id_token_signing_alg_values_supported": ["ES384"],
    })
    .to_string();
    RawServer::start(move |request| {
        let (status, body) = match request.path().split('?').next() {
            Some("/elsewhere") => ("200 OK", metadata.as_str()),
            _ => ("404 Not Found", "{}"),
        };
        vec![Step::text(format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        ))]
    })
    .await
}

async fn app(issuer: &str, more: Dict) -> Served {
    let mut logto = keys([("endpoint", absent()), ("issuer", issuer.into())]);
    logto.extend(more);
    TestApp::serve(free_port(), "http://localhost:1", logto, pages()).await
}

async fn signs_in(app: &Served, provider: &DevProvider, browser: &Browser, case: &str) {
    provider.set_redirect_uris([app.url("/callback")]);
    let hops = browser.navigate_following(app.url("/protected"), 10).await;
    let page = hops.last().expect("a page");
    assert_eq!(page.status(), 200, "{case}: {}", page.text());
    assert_eq!(page.text(), ALICE, "{case}");
}

/// Nobody signs in, and the log says why in one line.
async fn tells(app: &Served, parts: &[&str]) {
    let page = Browser::new().navigate(app.url("/sign-in")).await;
    assert_eq!(page.status(), 503, "{}", page.text());
    let told = async || {
        let lines = lines_with("provider not ready");
        lines
            .iter()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    };
    eventually(&format!("{parts:?} in the log"), told).await;
    let reason = reason_of(&reference(&page));
    for part in parts {
        assert!(reason.contains(part), "{part}: {reason}");
        assert!(!page.page().text.contains(part), "the page has {part}");
    }
}

#[rocket::async_test]
async fn metadata_are_read_where_the_configuration_says() {
    for (issuer_path, query) in [
        ("/oidc", ""),
        ("/oauth/token", ""),
        ("/tfp/0a1b/b2c_1_susi/v2.0/", "?p=B2C_1_susi&x=a%20b"),
    ] {
        let mut settings = settings();
        settings.issuer_path = issuer_path.into();
        settings.response_iss = false;
        let provider = provider(settings).await;
        let elsewhere = elsewhere(&provider).await;
        let address = elsewhere.url(&format!("/elsewhere{query}"));
        let app = app(
            &provider.issuer(),
            keys([("discovery_url", address.into())]),
        )
        .await;
        signs_in(&app, &provider, &Browser::new(), issuer_path).await;
        assert_eq!(elsewhere.count("/elsewhere"), 1);
        let asked = &elsewhere.requests()[0];
        assert_eq!(asked.path(), format!("/elsewhere{query}"));
        assert_eq!(provider.requests_to(Endpoint::Discovery).len(), 0);
    }
}

#[rocket::async_test]
async fn what_they_call_the_issuer_is_compared_all_the_same() {
    let provider = provider(settings()).await;
    let elsewhere = elsewhere(&provider).await;
    let address = elsewhere.url("/elsewhere?secret=canary");
    for wrong in [
        format!("{}/", provider.issuer()),
        "http://evil.example".to_owned(),
    ] {
        let app = app(&wrong, keys([("discovery_url", address.clone().into())])).await;
        let found = format!("issuer is {:?}", provider.issuer());
        let configured = format!("configured is {wrong:?}");
        tells(
            &app,
            &[&found, &configured, "logto.issuer and logto.discovery_url"],
        )
        .await;
    }
    let gone = elsewhere.url("/gone?secret=canary");
    let issuer = provider.issuer();
    let app = app(&issuer, keys([("discovery_url", gone.into())])).await;
    let url = elsewhere.url("/gone");
    tells(&app, &["404", &url, "logto.discovery_url"]).await;
    assert_eq!(lines_with("secret=canary"), [""; 0], "a query is not told");
}

#[rocket::async_test]
async fn without_the_key_the_log_names_it_and_both_values() {
    // UAA: the issuer is an address of its own, and the metadata are at the root.
    let mut uaa = settings();
    uaa.issuer_path = "/oauth/token".into();
    let provider = provider(uaa).await;
    let root = provider.endpoint();
    let below = format!("{}/elsewhere", root.trim_end_matches('/'));
    let app_at = app(&below, keys([])).await;
    let url = format!("{below}/.well-known/openid-configuration");
    tells(
        &app_at,
        &["404", &url, "logto.issuer", "logto.discovery_url"],
    )
    .await;

    // Its metadata are found, and call it otherwise.
    let hooks = provider.hooks();
    for (found, advice) in [
        (
            "https://login.example/{tenantid}/v2.0".to_owned(),
            "logto.discovery_url = ",
        ),
        (format!("{}/", provider.issuer()), "write logto.issuer = "),
    ] {
        let said = found.clone();
        hooks.respond(Endpoint::Discovery, move |_, reply| {
            reply.edit_json(|metadata| metadata["issuer"] = said.clone().into());
        });
        let issuer = provider.issuer();
        let app = app(&issuer, keys([])).await;
        let found = format!("issuer is {found:?}");
        let configured = format!("configured is {issuer:?}");
        tells(&app, &[&found, &configured, "logto.issuer = ", advice]).await;
    }
}

/// A provider with TLS at the front, whose own machines speak without among themselves.
#[rocket::async_test]
async fn plain_http_is_for_the_hosts_that_are_named() {
    let port = free_port();
    let mut settings = settings();
    settings.public_origin = Some(format!("https://localhost:{port}"));
    let provider = provider(settings).await;
    let in_front = Nginx::in_front_of(port, provider.port()).await;
    let inside = format!("127.0.0.1:{}", provider.port());
    let at = inside.clone();
    provider
        .hooks()
        .respond(Endpoint::Discovery, move |_, reply| {
            reply.edit_json(|metadata| {
                for member in ["token_endpoint", "jwks_uri"] {
                    let url = metadata[member].as_str().unwrap_or_default();
                    let mut url = url::Url::parse(url).expect("an address");
                    url.set_scheme("http").expect("http");
                    url.set_ip_host("127.0.0.1".parse().unwrap())
                        .expect("a host");
                    let port = at.rsplit(':').next().and_then(|port| port.parse().ok());
                    url.set_port(port).expect("a port");
                    metadata[member] = url.as_str().into();
                }
            });
        });
    let ca_file = in_front.certificate().file().display().to_string();
    let with = |hosts: Vec<&str>| {
        keys([
            ("ca_file", ca_file.clone().into()),
            ("http_hosts", Value::from(hosts)),
        ])
    };
    let issuer = provider.issuer();
    assert!(issuer.starts_with("https:"), "{issuer}");
    for hosts in [vec![], vec!["localhost"], vec!["127.0.0.1:1", "0.0.0.1"]] {
        let app = app(&issuer, with(hosts.clone())).await;
        let url = format!("token_endpoint http://{inside}/");
        tells(&app, &[&url, "not https", "logto.http_hosts"]).await;
    }
    for hosts in [vec!["127.0.0.1"], vec!["other", &inside]] {
        let app = app(&issuer, with(hosts.clone())).await;
        let browser = Browser::trusting([in_front.certificate().trusted()]);
        signs_in(&app, &provider, &browser, &format!("{hosts:?}")).await;
    }
    // Nothing else is let through there.
    provider.hooks().respond(Endpoint::Discovery, |_, reply| {
        reply.edit_json(|metadata| metadata["token_endpoint"] = "ftp://127.0.0.1/token".into());
    });
    let app = app(&issuer, with(vec!["127.0.0.1"])).await;
    tells(&app, &["token_endpoint ftp://127.0.0.1/token", "not https"]).await;
}
