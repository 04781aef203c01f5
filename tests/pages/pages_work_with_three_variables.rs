//! The app's own pages for organizations, API resources and the session, as a
//! tenant sees them: `LOGTO_ENDPOINT` and its two friends are set, nothing else.

use logto_dev_provider::{Endpoint, Reply};
use reqwest::Method;
use rocket_logto::logto_acr;

use crate::support::app::{ALICE, BOB};
use crate::support::browser::{Browser, CROSS_SITE};
use crate::support::targets::{ORDERS, SHOPPING};
use crate::support::tenant::Tenant;

const ORGANIZATIONS: &str = "urn:logto:resource:organizations";

/// What the tenant's operator adds for the seeded resources.
const CONFIGURED: &[(&str, &str)] = &[
    (
        "LOGTO_RESOURCES",
        "https://shopping.your-app.com/api https://orders.your-app.com/api",
    ),
    (
        "LOGTO_SCOPES",
        "urn:logto:scope:organizations urn:logto:scope:organization_roles read write orders:read \
         orders:write manage:members view:reports",
    ),
];

#[rocket::async_test]
async fn a_fresh_tenant_signs_in_with_nothing_else_configured() {
    let tenant = Tenant::start(&[]).await;
    tenant.provider.edit_seed(|seed| {
        seed.resources.clear();
        seed.organizations.clear();
    });
    let browser = tenant.signed_in(ALICE).await;
    let asked = &tenant.provider.requests_to(Endpoint::Auth)[0];
    let resources = asked.query.iter().filter(|(name, _)| name == "resource");
    let resources: Vec<_> = resources.map(|(_, value)| value.as_str()).collect();
    assert_eq!(resources, [ORGANIZATIONS]);

    for (path, expected) in [
        ("/organizations", "You do not belong to any organization."),
        ("/resources", "No API resource is configured."),
        ("/session", "You are signed in as Alice Example"),
    ] {
        let (status, text) = tenant.read(&browser, path).await;
        assert_eq!(status, 200, "{path}");
        assert!(text.contains(expected), "{path}: {text}");
    }
    assert!(
        !tenant
            .read(&browser, "/session")
            .await
            .1
            .contains("suspend yourself")
    );
    assert_eq!(tenant.read(&browser, "/resources/1").await.0, 404);
}

#[rocket::async_test]
async fn each_member_sees_what_their_roles_allow() {
    let tenant = Tenant::start(CONFIGURED).await;
    let alice = tenant.signed_in(ALICE).await;
    let bob = tenant.signed_in(BOB).await;
    let none = "Scopes None Expires";
    for (user, path, expected) in [
        (
            &alice,
            "/organizations",
            "Acme GmbH Makes everything admin Globex Ltd member",
        ),
        (
            &bob,
            "/organizations",
            "Acme GmbH Makes everything Member without a role",
        ),
        (
            &alice,
            "/organizations/acme5obvzg01",
            "Scopes manage:members view:reports Expires",
        ),
        (
            &alice,
            "/organizations/globexfrcji1",
            "Scopes view:reports Expires",
        ),
        (&bob, "/organizations/acme5obvzg01", none),
        (
            &alice,
            "/organizations/acme5obvzg01/resources/2",
            "orders:read orders:write Expires",
        ),
        (
            &alice,
            "/organizations/globexfrcji1/resources/2",
            "Scopes orders:read Expires",
        ),
        (&bob, "/organizations/acme5obvzg01/resources/2", none),
        (&alice, "/resources", "https://shopping.your-app.com/api"),
        (&alice, "/resources/1", "Scopes read write Expires"),
        (&bob, "/resources/1", "Scopes read Expires"),
        (&alice, "/protected/organizations", ""),
    ] {
        let hops = user.navigate_following(tenant.url(path), 2).await;
        let page = hops.last().expect("a page");
        let text = page.page().text;
        assert_eq!(page.status(), 200, "{path}: {text}");
        assert!(text.contains(expected), "{path}: {text}");
        assert!(!page.text().contains("eyJ"), "a token at {path}");
        assert_eq!(page.header("Cache-Control"), Some("no-store"), "{path}");
    }
    let flask = alice.navigate(tenant.url("/protected/organizations")).await;
    assert_eq!(flask.location().unwrap().path(), "/organizations");

    let (_, claims) = tenant.read(&alice, "/organizations/acme5obvzg01").await;
    assert!(
        claims.contains("aud urn:logto:organization:acme5obvzg01"),
        "{claims}"
    );
    let (_, claims) = tenant
        .read(&alice, "/organizations/acme5obvzg01/resources/2")
        .await;
    assert!(claims.contains(&format!("aud {ORDERS}")), "{claims}");
    assert!(claims.contains("organization_id acme5obvzg01"), "{claims}");
}

#[rocket::async_test]
async fn others_are_turned_away() {
    let tenant = Tenant::start(CONFIGURED).await;
    let bob = tenant.signed_in(BOB).await;
    for (path, status) in [
        ("/organizations/globexfrcji1", 403),
        ("/organizations/globexfrcji1/resources/1", 403),
        ("/organizations/nobody-knows-it", 403),
        ("/organizations/acme5obvzg01/resources/0", 404),
        ("/organizations/acme5obvzg01/resources/3", 404),
        ("/resources/3", 404),
    ] {
        assert_eq!(tenant.read(&bob, path).await.0, status, "{path}");
    }
    let nobody = Browser::new();
    for path in [
        "/organizations",
        "/organizations/acme5obvzg01",
        "/organizations/acme5obvzg01/resources/1",
        "/resources",
        "/resources/1",
        "/resources/userinfo",
        "/resources/cart",
        "/session",
    ] {
        let answer = nobody.navigate(tenant.url(path)).await;
        let to = answer.location().unwrap_or_else(|| panic!("{path}"));
        assert_eq!((answer.status(), to.path()), (303, "/sign-in"), "{path}");
        assert_eq!(answer.location_query("return_to").as_deref(), Some(path));
    }
}

/// A tenant may hold `organization_data` back; ids are in the ID token.
#[rocket::async_test]
async fn organizations_without_data_are_known_by_their_ids() {
    let tenant = Tenant::start(CONFIGURED).await;
    let browser = tenant.signed_in(ALICE).await;
    for (about, edit) in [
        ("claims missing", without_data as fn(&mut Reply)),
        ("provider down", |reply| reply.status = 503),
    ] {
        let hooks = tenant.provider.hooks();
        hooks.respond(Endpoint::UserInfo, move |_, reply| edit(reply));
        let (status, text) = tenant.read(&browser, "/organizations").await;
        assert_eq!(status, 200, "{about}");
        assert!(
            text.contains("acme5obvzg01 admin globexfrcji1 member"),
            "{about}: {text}"
        );
        let (status, text) = tenant.read(&browser, "/organizations/acme5obvzg01").await;
        assert_eq!(status, 200, "{about}");
        assert!(text.contains("manage:members"), "{about}: {text}");
    }
}

fn without_data(reply: &mut Reply) {
    reply.edit_json(|claims| {
        let claims = claims.as_object_mut().expect("an object");
        claims.remove("organization_data");
    });
}

#[rocket::async_test]
async fn names_cannot_write_markup_into_the_pages() {
    const NAME: &str = "<img src=x onerror=alert(1)>&\"'";
    let tenant = Tenant::start(CONFIGURED).await;
    tenant.provider.edit_seed(|seed| {
        let organization = &mut seed.organizations[0];
        organization.name = NAME.into();
        organization.description = Some(NAME.into());
        let scopes = organization.roles.get_mut("admin").expect("the role");
        scopes.push("<b>scope</b>".into());
    });
    let browser = tenant.signed_in(ALICE).await;
    for path in ["/organizations", "/organizations/acme5obvzg01"] {
        let page = browser.navigate(tenant.url(path)).await;
        assert!(page.page().text.contains(NAME), "{path}: {}", page.text());
        assert!(
            !page.text().contains("<img src=x"),
            "{path}: {}",
            page.text()
        );
        assert!(!page.text().contains("<b>scope"), "{path}: {}", page.text());
    }
}

#[rocket::async_test]
async fn only_a_picture_over_https_is_shown() {
    let tenant = Tenant::start(&[]).await;
    for (picture, is_shown) in [
        ("https://pictures.example/alice.png", true),
        ("http://pictures.example/alice.png", false),
        ("javascript:alert(1)", false),
        ("data:image/svg+xml,<svg onload=alert(1)>", false),
    ] {
        tenant.provider.edit_seed(|seed| {
            let alice = seed.users.iter_mut().find(|user| user.id == ALICE);
            alice.expect("she is there").picture = Some(picture.into());
        });
        let browser = tenant.signed_in(ALICE).await;
        let home = browser.navigate(tenant.url("/")).await.text();
        assert!(home.contains("Alice Example"), "{picture}: {home}");
        assert_eq!(
            home.contains("data-initial="),
            is_shown,
            "{picture}: {home}"
        );
    }
}

#[rocket::async_test]
async fn the_app_calls_an_api_with_the_token() {
    let tenant = Tenant::start(CONFIGURED).await;
    tenant.provider.hooks().token_prefix("canary-");
    let browser = tenant.signed_in(ALICE).await;
    tenant.provider.clear_requests();
    let page = browser.navigate(tenant.url("/resources/userinfo")).await;
    assert_eq!(page.status(), 200);
    let text = page.page().text;
    assert!(text.contains("The answer: 200 sub alice4hy6kz2"), "{text}");
    assert!(!page.text().contains("canary-"), "the token is on the page");

    let calls = tenant.provider.requests_to(Endpoint::UserInfo);
    assert_eq!(calls.len(), 1);
    let authorization = calls[0].header("Authorization").unwrap_or_default();
    assert!(authorization.starts_with("Bearer canary-"));
}

/// From the browser to a page, from the page to the API, and back.
#[rocket::async_test]
async fn the_app_calls_its_own_api_with_the_token() {
    let tenant = Tenant::start(CONFIGURED).await;
    for (user, may_write) in [(ALICE, "true"), (BOB, "false")] {
        let browser = tenant.signed_in(user).await;
        let page = browser.navigate(tenant.url("/resources/cart")).await;
        assert_eq!(page.status(), 200, "{}", page.text());
        let text = page.page().text;
        assert!(text.contains("/api/cart in your name"), "{text}");
        assert!(text.contains("The answer: 200"), "{text}");
        assert!(text.contains(&format!("cart_of {user}")), "{text}");
        assert!(
            text.contains(&format!("may_change_it {may_write}")),
            "{text}"
        );
        // The browser's session is no key to the API itself.
        let api = browser.navigate(tenant.url("/api/cart")).await;
        assert_eq!(api.status(), 401, "{}", api.text());
    }
}

/// The same for an organization: what the API says depends on the role there.
#[rocket::async_test]
async fn the_app_calls_its_own_api_with_an_organization_token() {
    let tenant = Tenant::start(CONFIGURED).await;
    let browser = tenant.signed_in(ALICE).await;
    for (id, manages) in [("acme5obvzg01", "true"), ("globexfrcji1", "false")] {
        let organization = browser
            .navigate(tenant.url(&format!("/organizations/{id}")))
            .await;
        let page = browser
            .click(&organization, "A call to the app’s own API")
            .await;
        let text = page.page().text;
        assert!(text.contains("The answer: 200"), "{text}");
        assert!(text.contains(&format!("reports_of {id}")), "{text}");
        let manages = format!("may_manage_members {manages}");
        assert!(text.contains(&manages), "{text}");
    }
    // Bob belongs to Acme, where he has no role, and not to Globex.
    let bob = tenant.signed_in(BOB).await;
    let reports = |id: &str| tenant.url(&format!("/organizations/{id}/reports"));
    let text = bob.navigate(reports("acme5obvzg01")).await.page().text;
    assert!(text.contains("The answer: 403"), "{text}");
    assert!(text.contains("insufficient_scope"), "{text}");
    assert_eq!(bob.navigate(reports("globexfrcji1")).await.status(), 403);
}

#[rocket::async_test]
async fn refresh_now_asks_the_provider_once() {
    let tenant = Tenant::start(CONFIGURED).await;
    let browser = tenant.signed_in(ALICE).await;
    tenant
        .provider
        .edit_seed(|seed| seed.users[0].name = Some("Alice Renamed".into()));

    let answer = tenant.press(&browser, "Refresh now").await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    let page = browser.follow(&answer).await.page().text;
    assert!(page.contains("Alice Renamed"), "{page}");
    assert!(page.contains("your claims are up to date"), "{page}");
    assert_eq!(tenant.token_calls(), 1);
}

#[rocket::async_test]
async fn forgotten_tokens_are_fetched_again() {
    let tenant = Tenant::start(CONFIGURED).await;
    let browser = tenant.signed_in(ALICE).await;
    let path = "/resources/1";
    tenant.read(&browser, path).await;
    tenant.provider.clear_requests();
    tenant.read(&browser, path).await;
    assert_eq!(tenant.token_calls(), 0, "the token is kept");

    let answer = tenant.press(&browser, "Forget cached tokens").await;
    let page = browser.follow(&answer).await.page().text;
    assert!(page.contains("The cached tokens are forgotten."), "{page}");
    tenant.read(&browser, path).await;
    let calls = tenant.provider.requests_to(Endpoint::Token);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].form_value("resource"), Some(SHOPPING));
}

/// Another port of this machine is the same site, so it has the cookie with it.
#[rocket::async_test]
async fn forms_of_others_change_nothing() {
    let tenant = Tenant::start(CONFIGURED).await;
    let browser = tenant.signed_in(ALICE).await;
    tenant.read(&browser, "/resources/1").await;
    tenant.provider.clear_requests();
    let neighbour = tenant.provider.endpoint();
    for path in ["/session/refresh", "/session/forget"] {
        for from in [neighbour.as_str(), CROSS_SITE] {
            let request = browser.request(Method::POST, tenant.url(path));
            let answer = request.navigation().initiator(from).send().await;
            assert_eq!(answer.status(), 403, "{path} from {from}");
        }
        for (name, value) in [
            ("Origin", neighbour.as_str()),
            ("Origin", "null"),
            ("X", "y"),
        ] {
            let request = browser.request(Method::POST, tenant.url(path));
            let answer = request.header(name, value).send().await;
            assert_eq!(answer.status(), 403, "{path} with {name}: {value}");
        }
    }
    tenant.read(&browser, "/resources/1").await;
    assert_eq!(tenant.token_calls(), 0);

    // An older browser, without Sec-Fetch-Site.
    let own = tenant.url("");
    let request = browser.request(Method::POST, tenant.url("/session/refresh"));
    let answer = request.header("Origin", &own).send().await;
    assert_eq!((answer.status(), tenant.token_calls()), (303, 1));
}

#[rocket::async_test]
async fn a_suspended_user_is_out_at_the_refresh() {
    let tenant = Tenant::start(CONFIGURED).await;
    let browser = tenant.signed_in(ALICE).await;
    assert!(tenant.provider.suspend(ALICE, true));
    let (status, _) = tenant.read(&browser, "/protected").await;
    assert_eq!(status, 200, "the claims are still fresh enough");

    let answer = tenant.press(&browser, "Refresh now").await;
    let page = browser.follow(&answer).await;
    assert!(
        page.page().text.contains("You have been signed out"),
        "{}",
        page.text()
    );
    assert_eq!(tenant.read(&browser, "/protected").await.0, 303);
}

#[rocket::async_test]
async fn a_provider_that_is_down_signs_nobody_out() {
    let tenant = Tenant::start(CONFIGURED).await;
    let browser = tenant.signed_in(ALICE).await;
    let hooks = tenant.provider.hooks();
    hooks.respond(Endpoint::Token, |_, reply| reply.status = 503);
    let answer = tenant.press(&browser, "Refresh now").await;
    assert_eq!(answer.status(), 502);
    let text = answer.page().text;
    assert!(text.contains("You are still signed in"), "{text}");
    assert_eq!(tenant.read(&browser, "/session").await.0, 200);
}

/// The provider said nothing of when Alice signed in there until it was asked.
#[rocket::async_test]
async fn a_page_that_needs_a_recent_sign_in_gets_one() {
    let tenant = Tenant::start(&[]).await;
    let browser = tenant.signed_in(ALICE).await;
    let (_, text) = tenant.read(&browser, "/session").await;
    assert!(!text.contains("Last authenticated"), "{text}");
    let session = browser.navigate(tenant.url("/session")).await;
    let link = "Open a page that needs a sign-in within the last five minutes";
    let page = browser.click(&session, link).await;
    let hops = browser.follow_all(page, 10).await;
    let page = hops.last().expect("a page");
    assert_eq!(page.url().path(), "/session/recent", "{}", page.text());
    let text = page.page().text;
    assert!(text.contains("It is you"), "{text}");
    assert!(text.contains("Last authenticated"), "{text}");
    let asked = tenant.provider.requests_to(Endpoint::Auth);
    let max_age = asked
        .last()
        .and_then(|request| request.query_value("max_age"));
    assert_eq!(max_age, Some("300"));
    let (_, text) = tenant.read(&browser, "/session").await;
    assert!(text.contains("Last authenticated"), "{text}");
}

/// By the button of the session's page, as Bob, who has none, and as Alice.
#[rocket::async_test]
async fn a_page_that_needs_a_second_factor_asks_for_it() {
    let tenant = Tenant::start(&[]).await;
    let opens = async |browser: &Browser| {
        let session = browser.navigate(tenant.url("/session")).await;
        let page = browser.click(&session, "Ask for a second factor").await;
        browser.follow_all(page, 10).await.pop().expect("a page")
    };
    let bob = tenant.signed_in(BOB).await;
    let page = opens(&bob).await;
    assert_eq!(page.status(), 403, "{}", page.text());
    assert!(
        page.page()
            .text
            .contains("You are still signed in to this app as before.")
    );
    assert_eq!(tenant.read(&bob, "/session").await.0, 200);

    let alice = tenant.signed_in(ALICE).await;
    let mut page = opens(&alice).await;
    if page.url().path() != "/session/second-factor" {
        let accepted = alice.submit(&page, "accept", &[]).await;
        page = alice.follow_all(accepted, 10).await.pop().expect("a page");
    }
    assert_eq!(
        page.url().path(),
        "/session/second-factor",
        "{}",
        page.text()
    );
    let text = page.page().text;
    for part in ["Two factors", logto_acr::MFA, "otp", "Last authenticated"] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    // It stays so.
    assert_eq!(tenant.read(&alice, "/session/second-factor").await.0, 200);
}

#[rocket::async_test]
async fn the_menu_says_whether_it_leads_to_this_page_or_to_one_above() {
    let tenant = Tenant::start(CONFIGURED).await;
    let browser = tenant.signed_in(ALICE).await;
    for (path, link, current) in [
        ("/protected", "/protected", "page"),
        ("/session", "/session", "page"),
        ("/session/recent", "/session", "true"),
        ("/resources", "/resources", "page"),
        ("/resources/1", "/resources", "true"),
        ("/resources/userinfo", "/resources", "true"),
        ("/organizations", "/organizations", "page"),
        ("/organizations/acme5obvzg01", "/organizations", "true"),
        (
            "/organizations/acme5obvzg01/resources/1",
            "/organizations",
            "true",
        ),
    ] {
        let hops = browser.navigate_following(tenant.url(path), 10).await;
        let html = hops.last().expect("a page").text();
        let expected = format!("<a href=\"{link}\" aria-current=\"{current}\">");
        assert!(html.contains(&expected), "{path}: {html}");
        // The pages for developers are below an entry of the first menu, too.
        let developer = "<a href=\"/developer\" aria-current=\"true\">";
        let above = usize::from(html.contains(developer));
        assert_eq!(above == 1, !link.starts_with("/session"), "{path}");
        assert_eq!(html.matches("aria-current").count(), 1 + above, "{path}");
    }
}

#[rocket::async_test]
async fn a_long_claim_that_can_be_focused_has_its_name() {
    let tenant = Tenant::start(&[]).await;
    let long = "long ".repeat(200);
    tenant.provider.hooks().id_token(move |_, claims| {
        claims.insert("a\"b".into(), long.clone().into());
    });
    let browser = tenant.signed_in(ALICE).await;
    let html = browser.navigate(tenant.url("/protected")).await.text();
    let expected = "tabindex=\"0\" role=\"group\" aria-label=\"a&quot;b\"><bdi>long long";
    assert!(html.contains(expected), "{html}");
    assert!(!html.contains("<dd tabindex"), "{html}");
}
