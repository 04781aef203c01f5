//! A provider of many tenants, as Entra ID: its metadata name the issuer by a template,
//! and each token has the id of its own tenant in that place. What one tenant issues is
//! nothing to the users of another.

use std::sync::{Arc, Mutex};

use logto_dev_provider::{DevProvider, Endpoint, Signing};
use rocket::figment::value::{Dict, Value};
use rocket::{State, get, post, routes};
use rocket_logto::{Bearer, Error, Logto, MemoryStore, Sessions, Subject, User};
use serde_json::json;

use crate::support::api_app::call;
use crate::support::app::{ALICE, CLIENT_ID, TestApp, absent, keys, settings};
use crate::support::browser::Browser;
use crate::support::clock::{Clock, clock};
use crate::support::log::lines_with;
use crate::support::refusal::{NOBODY, Refusal, Trial, rocket, who_is};
use crate::support::targets::{Read, SHOPPING};

const CONTOSO: &str = "5f6d4c1e-0b52-4c0f-8d0c-6a0e8b1f2a3b";
const FABRIKAM: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

#[get("/cart")]
fn cart(caller: Bearer<Read>) -> String {
    caller.sub().to_owned()
}

/// How many sessions the user has.
#[get("/sessions")]
async fn sessions(user: User, sessions: &State<Sessions>) -> Result<String, Error> {
    Ok(sessions.of(&user).await?.len().to_string())
}

#[post("/operator/<sub>?<tenant>")]
async fn end_sessions(sub: &str, tenant: Option<&str>, logto: &State<Logto>) -> Result<(), Error> {
    match tenant {
        Some(tenant) => logto.end_sessions_of(Subject::in_tenant(tenant, sub)).await,
        None => logto.end_sessions_of(sub).await,
    }
}

/// What the provider puts into its next tokens; null leaves the claim out.
#[derive(Clone)]
struct Named {
    iss: serde_json::Value,
    tid: serde_json::Value,
}

struct Tenants {
    app: TestApp,
    named: Arc<Mutex<Named>>,
    template: String,
}

impl Tenants {
    async fn start() -> Tenants {
        Tenants::with(keys([])).await
    }

    async fn with(more: Dict) -> Tenants {
        Tenants::at(more, Logto::fairing()).await
    }

    async fn at(more: Dict, fairing: rocket_logto::LogtoFairing) -> Tenants {
        let mut settings = settings();
        settings.response_iss = false;
        let provider = DevProvider::start(settings).await.expect("a provider");
        let endpoint = provider.endpoint();
        let template = format!("{}/{{tenantid}}/v2.0", endpoint.trim_end_matches('/'));
        let hooks = provider.hooks();
        hooks.sign_in_as(Some(ALICE));
        let said = template.clone();
        hooks.respond(Endpoint::Discovery, move |_, reply| {
            reply.edit_json(|metadata| metadata["issuer"] = said.clone().into());
        });
        let named = Arc::new(Mutex::new(Named {
            iss: json!(null),
            tid: json!(null),
        }));
        let of_id_token = named.clone();
        let put = move |named: &Mutex<Named>, claims: &mut serde_json::Map<_, _>| {
            let Named { iss, tid } = named.lock().expect("no panic").clone();
            for (name, value) in [("iss", iss), ("tid", tid)] {
                match value.is_null() {
                    true => claims.remove(name),
                    false => claims.insert(name.to_owned(), value),
                };
            }
        };
        hooks.id_token(move |_, claims| put(&of_id_token, claims));
        let of_access_token = named.clone();
        hooks.access_token(move |_, claims| put(&of_access_token, claims));
        let mut logto = keys([
            ("endpoint", absent()),
            ("issuer", template.clone().into()),
            (
                "discovery_url",
                format!("{}/.well-known/openid-configuration", provider.issuer()).into(),
            ),
            ("prompt", Value::from(vec!["consent"])),
            ("resources", Value::from(vec![SHOPPING])),
            ("scopes", Value::from(vec!["read"])),
        ]);
        logto.extend(more);
        let port = crate::support::serve::free_port();
        let base = rocket().mount("/", routes![cart, sessions, end_sessions]);
        let endpoint = provider.endpoint();
        let app = TestApp::serve_with(fairing, port, &endpoint, logto, base).await;
        provider.set_redirect_uris([app.url("/callback")]);
        let tenants = Tenants {
            app: TestApp { app, provider },
            named,
            template,
        };
        tenants.names(CONTOSO);
        tenants
    }

    fn issuer(&self, tenant: &str) -> String {
        self.template.replace("{tenantid}", tenant)
    }

    /// The next tokens are of this tenant.
    fn names(&self, tenant: &str) {
        self.claims(json!(self.issuer(tenant)), json!(tenant));
    }

    fn claims(&self, iss: serde_json::Value, tid: serde_json::Value) {
        *self.named.lock().expect("no panic") = Named { iss, tid };
    }

    async fn refuses(&self, case: &str, reason: &str) {
        let reason = format!("id_token_{reason}");
        let trial = Trial::new(&self.app, case);
        trial.refuses(Refusal::after_exchange(&reason)).await;
    }

    async fn signed_in(&self, tenant: &str) -> Browser {
        self.names(tenant);
        let trial = Trial::new(&self.app, tenant);
        trial.accepts(ALICE).await;
        trial.browser
    }
}

#[rocket::async_test]
async fn a_user_of_any_tenant_signs_in_by_the_issuer_of_their_own() {
    let tenants = Tenants::start().await;
    for tenant in [CONTOSO, FABRIKAM] {
        tenants.signed_in(tenant).await;
    }
    let contoso = tenants.issuer(CONTOSO);
    let cases = [
        ("another's tid", json!(contoso), json!(FABRIKAM), "iss"),
        ("no tid", json!(contoso), json!(null), "missing_tid"),
        (
            "a tid of another type",
            json!(contoso),
            json!([CONTOSO]),
            "missing_tid",
        ),
        (
            "the template itself",
            json!(tenants.template),
            json!(CONTOSO),
            "iss",
        ),
        (
            "the template as a tid",
            json!(tenants.template),
            json!("{tenantid}"),
            "iss",
        ),
        (
            "a slash more",
            json!(format!("{contoso}/")),
            json!(CONTOSO),
            "iss",
        ),
        (
            "a tid with a path",
            json!(tenants.issuer("a/b")),
            json!("a/b"),
            "iss",
        ),
        ("an empty tid", json!(tenants.issuer("")), json!(""), "iss"),
        (
            "another host",
            json!(contoso.replace("localhost", "evil.example")),
            json!(CONTOSO),
            "iss",
        ),
    ];
    for (case, iss, tid, reason) in cases {
        tenants.claims(iss, tid);
        tenants.refuses(case, reason).await;
    }
    let told = lines_with(&format!("iss is \"{contoso}\" and tid \"{FABRIKAM}\""));
    assert!(told.iter().all(|line| line.contains("logto.issuer")));
    assert_ne!(told, [""; 0]);
}

#[rocket::async_test]
async fn only_tenants_on_the_list_are_let_in() {
    let list = Value::from(vec![CONTOSO.to_uppercase()]);
    let tenants = Tenants::with(keys([("tenants", list)])).await;
    let alice = tenants.signed_in(CONTOSO).await;
    tenants.names(FABRIKAM);
    tenants.refuses("not on the list", "tid").await;
    let told = lines_with(&format!("tid is \"{FABRIKAM}\", which logto.tenants"));
    assert_ne!(told, [""; 0]);
    assert_eq!(who_is(&tenants.app, &alice).await, ALICE);
}

impl Tenants {
    /// Signs with a new key, which the app has to fetch, and says that it is this issuer's.
    fn publishes_key_of(&self, issuer: &serde_json::Value) {
        let (hooks, issuer) = (self.app.provider.hooks(), issuer.clone());
        hooks.rotate_keys();
        hooks.respond(Endpoint::Jwks, move |_, reply| {
            reply.edit_json(|jwks| {
                for key in jwks["keys"].as_array_mut().into_iter().flatten() {
                    key["issuer"] = issuer.clone();
                }
            });
        });
    }
}

/// Entra ID says of each key whose it is.
#[rocket::async_test]
async fn a_key_is_for_the_tenant_that_it_names() {
    let tenants = Tenants::start().await;
    let template = tenants.template.clone();
    for good in [json!(template), json!(7), json!(tenants.issuer(CONTOSO))] {
        tenants.publishes_key_of(&good);
        Trial::new(&tenants.app, format!("a key of {good}"))
            .accepts(ALICE)
            .await;
    }
    tenants.names(FABRIKAM);
    tenants.refuses("of another tenant", "key_issuer").await;
    assert_ne!(
        lines_with("its key is published for another issuer"),
        [""; 0]
    );

    let tenants = Tenants::start().await;
    let template = tenants.template.clone();
    for bad in [
        "https://evil.example/{tenantid}/v2.0",
        "x",
        &format!("{template}/"),
    ] {
        tenants.publishes_key_of(&json!(bad));
        let case = format!("a key of {bad}");
        tenants.refuses(&case, "key_issuer").await;
    }
}

#[rocket::async_test]
async fn a_refresh_keeps_the_issuer_of_the_sign_in() {
    let clock: Clock = clock!();
    let fairing = Logto::fairing().with_clock(clock.read);
    let tenants = Tenants::at(keys([("claims_max_age", 600.into())]), fairing).await;
    let alice = tenants.signed_in(CONTOSO).await;
    clock.advance(&tenants.app.provider, 600);
    assert_eq!(who_is(&tenants.app, &alice).await, ALICE, "her own tenant");
    tenants.names(FABRIKAM);
    clock.advance(&tenants.app.provider, 600);
    assert_eq!(who_is(&tenants.app, &alice).await, NOBODY, "another one");

    let clock: Clock = clock!();
    let fairing = Logto::fairing().with_clock(clock.read);
    let logto = keys([
        ("claims_max_age", 600.into()),
        ("tenants", Value::from(vec![CONTOSO])),
    ]);
    let tenants = Tenants::at(logto, fairing).await;
    let alice = tenants.signed_in(CONTOSO).await;
    tenants.names(FABRIKAM);
    clock.advance(&tenants.app.provider, 600);
    assert_eq!(who_is(&tenants.app, &alice).await, NOBODY, "not let in");
}

/// So does what a third party says of the issuer (OpenID Connect Core section 4).
#[rocket::async_test]
async fn a_third_party_names_the_issuer_of_one_tenant() {
    let list = Value::from(vec![CONTOSO]);
    let tenants = Tenants::with(keys([("tenants", list)])).await;
    for (iss, status) in [
        (tenants.issuer(CONTOSO), 303),
        (tenants.issuer(FABRIKAM), 400),
        (tenants.template.clone(), 400),
        (format!("{}/", tenants.issuer(CONTOSO)), 400),
    ] {
        let mut url = url::Url::parse(&tenants.app.url("/initiate-login")).expect("an address");
        url.query_pairs_mut().append_pair("iss", &iss);
        let page = Browser::new().navigate(url.as_str()).await;
        assert_eq!(page.status(), status, "{iss}: {}", page.text());
    }
}

#[rocket::async_test]
async fn one_tenants_logout_ends_no_session_of_another() {
    let tenants = Tenants::start().await;
    let [of_contoso, of_fabrikam] = [
        tenants.signed_in(CONTOSO).await,
        tenants.signed_in(FABRIKAM).await,
    ];
    let provider = &tenants.app.provider;
    let send = async |iss: String, tid: Option<&str>| {
        let mut claims = provider.logout_claims(Some(ALICE), None);
        claims.insert("iss".into(), iss.into());
        if let Some(tid) = tid {
            claims.insert("tid".into(), tid.into());
        }
        let token = provider
            .hooks()
            .forge(&Signing::Key, "logout+jwt", claims, |_, _| {});
        let url = tenants.app.url("/backchannel-logout");
        let op = Browser::new();
        let request = op.request(reqwest::Method::POST, &url);
        request
            .form(&[("logout_token", &token)])
            .send()
            .await
            .status()
    };
    let [contoso, fabrikam] = [CONTOSO, FABRIKAM].map(|tenant| tenants.issuer(tenant));
    assert_eq!(send(contoso.clone(), Some(FABRIKAM)).await, 400);
    assert_eq!(send(contoso, None).await, 400);
    assert_eq!(send(tenants.template.clone(), Some(CONTOSO)).await, 400);
    for browser in [&of_contoso, &of_fabrikam] {
        assert_eq!(who_is(&tenants.app, browser).await, ALICE);
    }
    assert_eq!(send(fabrikam, Some(FABRIKAM)).await, 200);
    assert_eq!(who_is(&tenants.app, &of_fabrikam).await, NOBODY);
    assert_eq!(who_is(&tenants.app, &of_contoso).await, ALICE);
}

#[rocket::async_test]
async fn signed_userinfo_is_of_the_tenant_of_the_session() {
    let tenants = Tenants::with(keys([("signed_userinfo", true.into())])).await;
    let alice = tenants.signed_in(CONTOSO).await;
    for (tenant, status) in [(CONTOSO, 200), (FABRIKAM, 502)] {
        let iss = tenants.issuer(tenant);
        let hooks = tenants.app.provider.hooks();
        hooks.sign_userinfo(Signing::Key, move |_, claims| {
            claims.insert("iss".into(), iss.clone().into());
        });
        let page = alice.navigate(tenants.app.url("/userinfo")).await;
        assert_eq!(page.status(), status, "{tenant}: {}", page.text());
    }
}

#[rocket::async_test]
async fn a_response_names_the_tenant_that_the_id_token_names() {
    let tenants = Tenants::start().await;
    let hooks = tenants.app.provider.hooks();
    let respond = |iss: String| {
        hooks.authorization_response(move |params| {
            params.retain(|(name, _)| name != "iss");
            params.push(("iss".into(), iss.clone()));
        });
    };
    respond(tenants.issuer(CONTOSO));
    Trial::new(&tenants.app, "its own").accepts(ALICE).await;
    for wrong in [
        tenants.template.clone(),
        tenants.issuer("a/b"),
        "https://evil.example".to_owned(),
    ] {
        respond(wrong.clone());
        Trial::new(&tenants.app, wrong)
            .refuses(Refusal::before_exchange("iss_mismatch"))
            .await;
    }
    respond(tenants.issuer(FABRIKAM));
    Trial::new(&tenants.app, "another tenant's")
        .refuses(Refusal::after_exchange("id_token_iss_mismatch"))
        .await;

    let list = Value::from(vec![CONTOSO]);
    let tenants = Tenants::with(keys([("tenants", list)])).await;
    let iss = tenants.issuer(FABRIKAM);
    let hooks = tenants.app.provider.hooks();
    hooks.authorization_response(move |params| params.push(("iss".into(), iss.clone())));
    Trial::new(&tenants.app, "not on the list")
        .refuses(Refusal::before_exchange("iss_mismatch"))
        .await;
}

#[rocket::async_test]
async fn callers_of_an_api_come_with_tokens_of_their_own_tenant() {
    let list = Value::from(vec![CONTOSO]);
    let tenants = Tenants::with(keys([("tenants", list)])).await;
    let hooks = tenants.app.provider.hooks();
    let now = rocket::time::OffsetDateTime::now_utc().unix_timestamp();
    let status = async |iss: String, tid: serde_json::Value| {
        let claims = json!({
            "iss": iss, "sub": ALICE, "aud": SHOPPING, "client_id": CLIENT_ID, "iat": now,
            "exp": now + 600, "scope": "read", "tid": tid,
        });
        let claims = claims.as_object().cloned().expect("an object");
        let access_token = hooks.forge(&Signing::Key, "at+jwt", claims, |_, _| {});
        call(&tenants.app.url("/cart"), &access_token)
            .await
            .status()
    };
    let [contoso, fabrikam] = [CONTOSO, FABRIKAM].map(|tenant| tenants.issuer(tenant));
    assert_eq!(status(contoso.clone(), json!(CONTOSO)).await, 200);
    assert_eq!(status(contoso.clone(), json!(FABRIKAM)).await, 401);
    assert_eq!(status(contoso, json!(null)).await, 401);
    assert_eq!(
        status(fabrikam, json!(FABRIKAM)).await,
        401,
        "not on the list"
    );
}

/// Tenants name their users by themselves, so a `sub` may be anybody's.
#[rocket::async_test]
async fn sessions_are_listed_and_ended_for_a_user_of_one_tenant() {
    for store in [None, Some(MemoryStore::new(100))] {
        let is_listed = store.is_some();
        let fairing = match store {
            Some(store) => Logto::fairing().session_store(store),
            None => Logto::fairing(),
        };
        let tenants = Tenants::at(keys([]), fairing).await;
        let contoso = tenants.signed_in(CONTOSO).await;
        let fabrikam = tenants.signed_in(FABRIKAM).await;
        if is_listed {
            let listed = contoso.navigate(tenants.app.url("/sessions")).await;
            assert_eq!(listed.text(), "1");
        }
        let end = async |user: &str| {
            let url = tenants.app.url(&format!("/operator/{user}"));
            Browser::new().post_form(url, &[]).await.status()
        };
        let before = lines_with("reason=subject_without_tenant").len();
        assert_eq!(end(ALICE).await, 500);
        let said = lines_with("reason=subject_without_tenant").split_off(before);
        assert!(said[0].contains("Subject::in_tenant"), "{said:?}");
        assert_eq!(end(&format!("{ALICE}?tenant=another")).await, 200);
        for browser in [&contoso, &fabrikam] {
            assert_eq!(who_is(&tenants.app, browser).await, ALICE);
        }
        assert_eq!(end(&format!("{ALICE}?tenant={CONTOSO}")).await, 200);
        assert_eq!(who_is(&tenants.app, &contoso).await, NOBODY);
        assert_eq!(who_is(&tenants.app, &fabrikam).await, ALICE);
    }
}
