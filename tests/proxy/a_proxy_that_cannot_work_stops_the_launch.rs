//! What is wrong with a proxy is told at launch, with what to write instead.

use rocket::error::ErrorKind;
use rocket::figment::value::{Dict, Value};
use rocket_logto::{AccessToken, Logto, LogtoConfig, LogtoFairing, OrgToken, PathOrg, Proxy};

use crate::support::app::configuration;
use crate::support::log::lines_with;
use crate::support::proxy_app::proxy_keys;
use crate::support::serve::free_port;
use crate::support::targets::{Orders, Shopping};
use crate::support::token_app::table;

type Shop = AccessToken<Shopping>;

fn rocket(logto: Dict, fairing: LogtoFairing) -> rocket::Rocket<rocket::Build> {
    let figment = rocket::Config::figment();
    let figment = configuration(&figment, free_port(), "http://127.0.0.1:9", logto);
    rocket::custom(figment.merge(("port", 0))).attach(fairing)
}

async fn stops(logto: Dict, fairing: LogtoFairing) {
    let error = rocket(logto, fairing).ignite().await;
    let error = error.expect_err("it starts");
    assert!(matches!(error.kind(), ErrorKind::FailedFairings(_)));
}

#[rocket::async_test]
async fn and_says_what_to_write() {
    let at = |path: &str, address: &str| Logto::fairing().proxy(path, Proxy::<Shop>::to(address));
    const GOOD: &str = "https://shop.internal";
    let cases = [
        (at("api/shop", GOOD), "the path must be like"),
        (at("/", GOOD), "the path must be like"),
        (at("/api/shop/", GOOD), "the path must be like"),
        (at("/api//shop", GOOD), "the path must be like"),
        (at("/<all>", GOOD), "the path must be like"),
        (at("/api/<all..>", GOOD), "the path must be like"),
        (at("/api/../shop", GOOD), "the path must be like"),
        (at("/api/shop?a", GOOD), "the path must be like"),
        (at("/a-1", "shop.internal"), "must be the absolute URL"),
        (
            at("/a-2", "ftp://shop.internal"),
            "must be the absolute URL",
        ),
        (
            at("/a-3", "https://user:pass@shop.internal"),
            "must be the absolute URL",
        ),
        (
            at("/a-4", "https://shop.internal/?a=b"),
            "must be the absolute URL",
        ),
        (
            at("/a-5", "https://shop.internal/#a"),
            "must be the absolute URL",
        ),
        (
            at("/a-6", "https://shop.internal//v1"),
            "must be the absolute URL",
        ),
        (
            Logto::fairing().proxy("/a-7", Proxy::<Shop>::to_upstream("shop")),
            "add proxy.upstreams = { shop = \"https://…\" }",
        ),
        (
            Logto::fairing().proxy("/a-8", Proxy::<OrgToken<PathOrg, Orders>>::to(GOOD)),
            "its path has no <org_id>",
        ),
    ];
    for (fairing, expected) in cases {
        let before = lines_with(expected).len();
        stops(table(), fairing).await;
        assert_eq!(lines_with(expected).len(), before + 1, "{expected}");
    }
    let fairing = at("/a-9", GOOD).proxy(
        "/a/<org_id>/b",
        Proxy::<OrgToken<PathOrg, Orders>>::to(GOOD),
    );
    assert!(rocket(table(), fairing).ignite().await.is_ok());
}

#[rocket::async_test]
async fn a_token_that_is_never_asked_for_is_told() {
    let shop = || Proxy::<Shop>::to("https://shop.internal");
    let fairing = Logto::fairing().proxy("/b-1", shop());
    stops(Dict::new(), fairing).await;
    assert_eq!(lines_with(".proxy(\"/b-1\", …) needs a token for").len(), 1);
    let fairing = Logto::fairing().proxy(
        "/b-2/<org_id>",
        Proxy::<OrgToken<PathOrg>>::to("https://a.internal"),
    );
    stops(Dict::new(), fairing).await;
    assert_eq!(
        lines_with(".proxy(\"/b-2/<org_id>\", …) needs an organization token: add scopes").len(),
        1
    );
}

/// Over http anybody on the way reads the tokens.
#[rocket::async_test]
async fn an_open_way_is_warned_of() {
    let fairing = Logto::fairing().proxy("/c-1", Proxy::<AccessToken>::to("http://open.internal"));
    assert!(rocket(Dict::new(), fairing).ignite().await.is_ok());
    assert_eq!(lines_with("http://open.internal/, which is http").len(), 1);
    let fairing = Logto::fairing().proxy("/c-2", Proxy::<AccessToken>::to("http://localhost:4"));
    assert!(rocket(Dict::new(), fairing).ignite().await.is_ok());
    assert!(lines_with("http://localhost:4/, which is http").is_empty());
}

/// Another profile has another upstream.
#[test]
fn upstreams_are_those_of_the_profile() {
    let figment = |address: &str| {
        let figment = rocket::Config::figment();
        configuration(&figment, 1, "http://127.0.0.1:9", proxy_keys(address, &[]))
    };
    let other = Dict::from([("shop".to_owned(), Value::from("https://shop.example"))]);
    let figment_of_release = figment("https://shop.internal").merge(
        rocket::figment::providers::Serialized::global("logto.proxy.upstreams", other),
    );
    assert!(LogtoConfig::from_figment(&figment_of_release).is_ok());
    for wrong in [
        "shop.internal",
        "https://a:b@shop.internal",
        "https://shop.internal/?a",
    ] {
        let error = LogtoConfig::from_figment(&figment(wrong))
            .expect_err(wrong)
            .to_string();
        assert!(
            error.contains("logto.proxy.upstreams.shop must be the absolute URL"),
            "{error}"
        );
    }
}
