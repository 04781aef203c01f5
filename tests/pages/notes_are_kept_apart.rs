//! Notes of the web app: each where it was written, whoever asks.

use reqwest::Method;

use crate::support::app::{ALICE, BOB};
use crate::support::browser::{Browser, CROSS_SITE};
use crate::support::tenant::Tenant;

const TEAMS: (&str, &str) = (
    "LOGTO_SCOPES",
    "urn:logto:scope:organizations urn:logto:scope:organization_roles",
);

/// Writes a note on the page `path`.
async fn write(tenant: &Tenant, browser: &Browser, path: &str, text: &str) -> u16 {
    let answer = browser.post_form(tenant.url(path), &[("text", text)]).await;
    answer.status()
}

async fn delete(tenant: &Tenant, browser: &Browser, path: &str, note: &str) -> u16 {
    let url = tenant.url(&format!("{path}/delete"));
    let answer = browser.post_form(url, &[("note", note)]).await;
    answer.status()
}

#[rocket::async_test]
async fn nobody_reaches_the_notes_of_others() {
    let tenant = Tenant::start(&[TEAMS]).await;
    let (alice, bob) = (tenant.signed_in(ALICE).await, tenant.signed_in(BOB).await);
    let (acme, globex) = ("/teams/acme5obvzg01", "/teams/globexfrcji1");
    assert_eq!(
        write(&tenant, &alice, "/notes", "of Alice alone").await,
        303
    );
    assert_eq!(write(&tenant, &alice, globex, "of Globex").await, 303);
    assert_eq!(write(&tenant, &alice, acme, "of Acme").await, 303);

    for (path, own) in [("/notes", false), (acme, true)] {
        let (status, text) = tenant.read(&bob, path).await;
        assert_eq!(status, 200, "{path}");
        assert!(!text.contains("of Alice alone"), "{path}: {text}");
        assert!(!text.contains("of Globex"), "{path}: {text}");
        assert_eq!(text.contains("of Acme"), own, "{path}: {text}");
    }
    for path in [globex, "/teams/no-such-team", "/teams/%2e%2e%2fnotes"] {
        assert_eq!(tenant.read(&bob, path).await.0, 403, "{path}");
        assert_eq!(write(&tenant, &bob, path, "from Bob").await, 403, "{path}");
        assert_eq!(delete(&tenant, &bob, path, "2").await, 403, "{path}");
    }
    // The number of a note that is elsewhere finds nothing.
    for note in ["1", "2", "3"] {
        assert_eq!(delete(&tenant, &bob, "/notes", note).await, 303);
    }
    for note in ["1", "2"] {
        assert_eq!(delete(&tenant, &bob, acme, note).await, 303);
        assert_eq!(delete(&tenant, &alice, acme, note).await, 303);
    }
    assert_eq!(delete(&tenant, &bob, acme, "3").await, 403);
    for (path, expected) in [
        ("/notes", "of Alice alone"),
        (globex, "of Globex"),
        (acme, "of Acme"),
    ] {
        let (_, text) = tenant.read(&alice, path).await;
        assert!(text.contains(expected), "{path}: {text}");
    }
}

#[rocket::async_test]
async fn forms_of_others_write_and_delete_nothing() {
    let tenant = Tenant::start(&[]).await;
    let alice = tenant.signed_in(ALICE).await;
    assert_eq!(write(&tenant, &alice, "/notes", "stays").await, 303);
    for (path, form) in [
        ("/notes", [("text", "forged")]),
        ("/notes/delete", [("note", "1")]),
        ("/language", [("language", "th")]),
    ] {
        let request = alice.request(Method::POST, tenant.url(path));
        let request = request.navigation().initiator(CROSS_SITE).form(&form);
        let cookies = alice.cookie_header(tenant.url(path)).expect("cookies");
        let answer = request.cookie_header_override(cookies).send().await;
        assert_eq!(answer.status(), 403, "{path}");
    }
    let (_, text) = tenant.read(&alice, "/notes").await;
    assert!(text.contains("stays") && !text.contains("forged"), "{text}");
}

/// The session may end while somebody writes.
#[rocket::async_test]
async fn who_is_not_signed_in_writes_nothing() {
    let tenant = Tenant::start(&[TEAMS]).await;
    let nobody = Browser::new();
    for path in ["/notes", "/teams/acme5obvzg01"] {
        assert_eq!(write(&tenant, &nobody, path, "lost").await, 401, "{path}");
        assert_eq!(delete(&tenant, &nobody, path, "1").await, 401, "{path}");
    }
    let alice = tenant.signed_in(ALICE).await;
    let (_, text) = tenant.read(&alice, "/notes").await;
    assert!(text.contains("There is no note yet."), "{text}");
}

#[rocket::async_test]
async fn a_name_in_a_message_is_only_text() {
    let tenant = Tenant::start(&[TEAMS]).await;
    tenant
        .provider
        .edit_seed(|seed| seed.users[0].name = Some("<b>Al</b>".into()));
    let alice = tenant.signed_in(ALICE).await;
    write(&tenant, &alice, "/teams/acme5obvzg01", "<i>text</i>").await;
    for path in ["/session", "/teams/acme5obvzg01"] {
        let page = alice.navigate(tenant.url(path)).await;
        assert!(
            page.page().text.contains("<b>Al</b>"),
            "{path}: {}",
            page.text()
        );
        assert!(!page.text().contains("<b>Al"), "{path}: {}", page.text());
        assert!(!page.text().contains("<i>text"), "{path}: {}", page.text());
    }
}

/// In the file that the configuration names, for the same user at the same provider.
#[rocket::async_test]
async fn notes_survive_a_restart_and_belong_to_one_provider() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("notes-{}.sqlite3", std::process::id()));
    let web = format!("{{database=\"{}\"}}", file.display());
    let more = [("ROCKET_WEB", web.as_str()), TEAMS];
    let first = Tenant::start(&more).await;
    let alice = first.signed_in(ALICE).await;
    write(&first, &alice, "/notes", "kept for later").await;
    write(&first, &alice, "/teams/acme5obvzg01", "kept in the team").await;
    let Tenant { provider, app, .. } = first;
    drop(app);

    let again = Tenant::at(provider, &more).await;
    let alice = again.signed_in(ALICE).await;
    let (_, text) = again.read(&alice, "/notes").await;
    assert!(text.contains("kept for later"), "{text}");
    drop(again);

    // Another provider's Alice, with the same id, is somebody else.
    let other = Tenant::start(&more).await;
    let alice = other.signed_in(ALICE).await;
    for path in ["/notes", "/teams/acme5obvzg01"] {
        let (status, text) = other.read(&alice, path).await;
        assert!(status == 200 && !text.contains("kept"), "{path}: {text}");
    }
    drop(other);
    std::fs::remove_file(&file).expect("the database was there");
}
