//! Tokens for an organization, or for an API resource within one, wherever the
//! request says which; a user who is no member gets none.

use logto_dev_provider::{Endpoint, SeedOrganization};
use rocket::serde::json::Value as Json;
use rocket::{Build, Request, Rocket, get, routes};
use rocket_logto::{
    ConstOrg, HeaderOrg, OrgToken, OrganizationId, ParameterName, PathOrg, QueryOrg,
};

use crate::support::app::{ALICE, BOB, TestApp};
use crate::support::browser::Browser;
use crate::support::clock::clock;
use crate::support::log::reason_of;
use crate::support::targets::{ACME, GLOBEX, Globex, ORDERS, ORGANIZATIONS};
use crate::support::token_app::{TokenApp, shown, table};

struct Tenant;

impl ParameterName for Tenant {
    const NAME: &'static str = "tenant";
}

struct XOrg;

impl ParameterName for XOrg {
    const NAME: &'static str = "X-Org";
}

/// `/mine/...-reports` is about the organization before the dash.
struct FirstWord;

impl OrganizationId for FirstWord {
    fn organization_id(request: &Request<'_>) -> Option<String> {
        let last = request.uri().path().segments().last()?;
        Some(last.split_once('-')?.0.to_owned())
    }
}

#[get("/organizations/<org_id>")]
fn by_path(org_id: &str, token: OrgToken<PathOrg>) -> Json {
    assert_eq!(org_id, token.organization_id());
    shown(&token)
}

#[get("/of/<_>/t/<tenant>/<_..>")]
fn by_other_name(tenant: &str, token: OrgToken<PathOrg<Tenant>>) -> Json {
    assert_eq!(tenant, token.organization_id());
    shown(&token)
}

#[get("/query")]
fn by_query(token: OrgToken<QueryOrg>) -> Json {
    shown(&token)
}

#[get("/query-tenant")]
fn by_other_query(token: OrgToken<QueryOrg<Tenant>>) -> Json {
    shown(&token)
}

#[get("/header")]
fn by_header(token: OrgToken<HeaderOrg<XOrg>>) -> Json {
    shown(&token)
}

#[get("/globex")]
fn constant(token: OrgToken<ConstOrg<Globex>>) -> Json {
    shown(&token)
}

#[get("/mine/<_>")]
fn by_own_source(token: OrgToken<FirstWord>) -> Json {
    shown(&token)
}

/// Compiles, and launches because another route has `<org_id>`. It cannot work.
#[get("/forgotten")]
fn without_id(token: OrgToken<PathOrg>) -> Json {
    shown(&token)
}

fn rocket() -> Rocket<Build> {
    let of_base = routes![
        by_path,
        by_other_name,
        by_query,
        by_other_query,
        by_header,
        constant,
        by_own_source,
        without_id
    ];
    rocket::build()
        .mount("/", of_base.clone())
        .mount("/deep/base", of_base)
}

async fn app() -> (TestApp, Browser) {
    let app = TestApp::with(table(), rocket()).await;
    let browser = Browser::new();
    let path = format!("/organizations/{ACME}");
    let page = app.sign_in(&browser, &path, ALICE).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    (app, browser)
}

#[rocket::async_test]
async fn an_organization_token_names_the_organization_and_the_roles_scopes() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let token = app.json(&alice, &format!("/organizations/{ACME}")).await;
    let claims = &token["claims"];
    assert_eq!(claims["aud"], format!("urn:logto:organization:{ACME}"));
    assert!(claims.get("organization_id").is_none(), "{claims}");
    let scopes = serde_json::json!(["manage:members", "view:reports"]);
    assert_eq!(token["scopes"], scopes);
    let token = app.json(&alice, &format!("/organizations/{GLOBEX}")).await;
    assert_eq!(token["scopes"], serde_json::json!(["view:reports"]));
    assert_eq!(app.refreshes().len(), 2, "one of each organization");
}

#[rocket::async_test]
async fn a_token_for_a_resource_within_an_organization_names_both() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    for (id, scopes) in [
        (ACME, vec!["orders:read", "orders:write"]),
        (GLOBEX, vec!["orders:read"]),
    ] {
        let token = app
            .json(&alice, &format!("/organizations/{id}/orders"))
            .await;
        assert_eq!(token["claims"]["aud"], ORDERS);
        assert_eq!(token["claims"]["organization_id"], id);
        assert_eq!(token["scopes"], serde_json::json!(scopes), "{id}");
    }
}

#[rocket::async_test]
async fn the_id_comes_from_where_the_type_says() {
    let (app, alice) = app().await;
    let cases = [
        (format!("/organizations/{ACME}"), ACME),
        (format!("/organizations/{GLOBEX}?org_id={ACME}"), GLOBEX),
        (format!("/of/{GLOBEX}/t/{ACME}/more/{GLOBEX}"), ACME),
        (format!("/query?org_id={ACME}"), ACME),
        (
            format!("/query-tenant?org_id={ACME}&tenant={GLOBEX}"),
            GLOBEX,
        ),
        ("/header".to_owned(), GLOBEX),
        (format!("/globex?org_id={ACME}"), GLOBEX),
        (format!("/mine/{ACME}-reports"), ACME),
        // Decoded once, as the handler's own parameter is.
        (ACME.replacen('a', "/organizations/%61", 1), ACME),
        (ACME.replacen('a', "/query?org_id=%61", 1), ACME),
    ];
    for base in ["", "/deep/base"] {
        for (path, id) in &cases {
            let request = alice.request(reqwest::Method::GET, app.url(&format!("{base}{path}")));
            let answer = request.fetch().header("X-Org", GLOBEX).send().await;
            assert_eq!(answer.status(), 200, "{base}{path}: {}", answer.text());
            let token: Json = answer.json();
            let audience = format!("urn:logto:organization:{id}");
            assert_eq!(token["claims"]["aud"], audience, "{base}{path}");
        }
    }
}

/// An id is the provider's to judge: whatever it holds, it arrives as it is.
#[rocket::async_test]
async fn odd_ids_arrive_at_the_provider_as_they_are() {
    let (app, alice) = app().await;
    let odd = "a b/c&resource=x#ü%2F";
    app.provider.edit_seed(|seed| {
        let mut organization = SeedOrganization::new(odd, "Odd");
        organization.members.insert("alice".to_owned(), vec![]);
        seed.organizations.push(organization);
    });
    let encoded = "a%20b%2Fc%26resource%3Dx%23%C3%BC%252F";
    for path in [
        format!("/organizations/{encoded}"),
        format!("/query?org_id={encoded}"),
    ] {
        let answer = alice.fetch_json(app.url(&path)).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let token: Json = answer.json();
        let audience = format!("urn:logto:organization:{odd}");
        assert_eq!(token["claims"]["aud"], audience, "{path}");
    }
}

#[rocket::async_test]
async fn a_non_member_gets_403_page_or_json() {
    let app = TokenApp::start(clock!()).await;
    let bob = app.signed_in(BOB).await;
    assert_eq!(
        app.json(&bob, &format!("/organizations/{ACME}")).await["claims"]["sub"],
        BOB
    );
    for (case, id) in [("no member", GLOBEX), ("unknown", "nowhere")] {
        for path in [
            format!("/organizations/{id}"),
            format!("/organizations/{id}/orders"),
        ] {
            let answer = app.fetch(&bob, &path).await;
            assert_eq!(answer.status(), 403, "{case}: {path}: {}", answer.text());
            let body: Json = answer.json();
            assert_eq!(body["code"], "oidc.access_denied", "{case}: {path}");
            assert!(
                body["hint"].as_str().unwrap().contains("not a member"),
                "{body}"
            );
            let page = app.navigate(&bob, &path).await;
            assert_eq!(page.status(), 403, "{case}: {path}");
            assert!(page.text().contains("not a member"), "{}", page.text());
        }
    }
    assert_eq!(
        app.fetch(&bob, "/me").await.status(),
        200,
        "still signed in"
    );
}

/// The scope is in the configuration, but this sign-in did not grant it.
#[rocket::async_test]
async fn a_scope_missing_at_sign_in_is_403_with_logtos_code() {
    let app = TokenApp::start(clock!()).await;
    let alice = Browser::new();
    let provider = app.navigate(&alice, "/sign-in").await.location().unwrap();
    // As if the person had unticked it at the provider.
    let scope = crate::support::browser::query(&provider, "scope").unwrap();
    let fewer = scope.replace(ORGANIZATIONS, "email");
    assert_ne!(scope, fewer);
    let pairs = provider.query_pairs().map(|(name, value)| match &*name {
        "scope" => (name, fewer.clone().into()),
        _ => (name, value),
    });
    let mut changed = provider.clone();
    changed.query_pairs_mut().clear().extend_pairs(pairs);
    let page = alice.navigate(&changed).await;
    let signed_in = alice.submit(&page, ALICE, &[]).await;
    alice.follow_all(signed_in, 5).await;

    let answer = app.fetch(&alice, &format!("/organizations/{ACME}")).await;
    assert_eq!(answer.status(), 403, "{}", answer.text());
    let body: Json = answer.json();
    assert_eq!(body["code"], "oidc.insufficient_scope");
    assert!(
        body["hint"].as_str().unwrap().contains("logto.scopes"),
        "{body}"
    );
}

#[rocket::async_test]
async fn a_stranger_is_sent_to_sign_in_before_anything_else() {
    let (app, _) = app().await;
    let stranger = Browser::new();
    for path in ["/forgotten", "/query", "/organizations/nowhere"] {
        assert_eq!(
            stranger.navigate(app.url(path)).await.status(),
            303,
            "{path}"
        );
        assert_eq!(
            stranger.fetch_json(app.url(path)).await.status(),
            401,
            "{path}"
        );
    }
}

#[rocket::async_test]
async fn a_request_that_names_no_organization_is_500() {
    let (app, alice) = app().await;
    for path in [
        "/forgotten",
        "/query",
        "/query?org_id=",
        "/header",
        "/mine/x",
    ] {
        let answer = alice.fetch_json(app.url(path)).await;
        assert_eq!(answer.status(), 500, "{path}: {}", answer.text());
        assert_eq!(answer.json::<Json>()["error"], "No organization", "{path}");
        let page = alice.navigate(app.url(path)).await;
        assert_eq!(page.status(), 500, "{path}");
        assert!(page.text().contains("developer can fix that"), "{path}");
    }
}

/// A provider that knows no organizations ignores what was asked (RFC 6749
/// section 3.2), and says nothing of a membership.
#[rocket::async_test]
async fn a_token_for_something_else_is_no_membership() {
    let app = TokenApp::start(clock!()).await;
    let alice = app.alice().await;
    let hooks = app.at.provider.hooks();
    let (plain, orders) = (
        format!("/organizations/{ACME}"),
        format!("/organizations/{ACME}/orders"),
    );
    let refused = async |path: &str, case: &str| {
        let answer = app.fetch(&alice, path).await;
        assert_eq!(answer.status(), 502, "{case}: {}", answer.text());
        let body: Json = answer.json();
        let reason = reason_of(body["reference"].as_str().expect("a reference"));
        assert_eq!(reason, "token_is_not_within_the_organization", "{case}");
    };
    hooks.access_token(|_, claims| {
        claims.insert(
            "aud".into(),
            format!("urn:logto:organization:{GLOBEX}").into(),
        );
        claims.insert("organization_id".into(), GLOBEX.into());
    });
    refused(&plain, "another one").await;
    refused(&orders, "another one, for an API").await;
    hooks.access_token(|_, claims| {
        claims.insert("aud".into(), ORDERS.into());
        claims.remove("organization_id");
    });
    refused(&plain, "an API").await;
    refused(&orders, "an API, for all").await;
    hooks.access_token(|_, _| {});
    hooks.respond(Endpoint::Token, |_, reply| {
        reply.edit_json(|body| {
            body["access_token"] = "opaque".into();
            body["id_token"].take();
        });
    });
    refused(&plain, "an opaque one").await;
    // The session has nothing to do with it.
    hooks.behave(Endpoint::Token);
    for path in [&plain, &orders] {
        assert_eq!(app.fetch(&alice, path).await.status(), 200, "{path}");
    }
}
