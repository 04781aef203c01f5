//! The app with the test kit of `rocket_logto`: no provider, no port, no network.

use rocket::http::{Accept, ContentType, Header, Status};
use rocket::local::blocking::{Client, LocalResponse};
use rocket_logto::testing::{TestUser, offline};

/// The app as it runs, with notes of its own.
fn client() -> Client {
    let figment = super::configuration().merge(("web.database", ""));
    Client::tracked(offline(super::app(figment))).expect("the app launches")
}

/// Somebody else's browser.
fn page(client: &Client, path: &'static str) -> String {
    let response = client.get(path).header(Accept::HTML).dispatch();
    assert_eq!(response.status(), Status::Ok, "{path}");
    response.into_string().expect("a page")
}

fn send<'c>(client: &'c Client, path: &'static str, form: &'static str) -> LocalResponse<'c> {
    let request = client.post(path).header(ContentType::Form).body(form);
    let own = Header::new("Sec-Fetch-Site", "same-origin");
    request.header(own).dispatch()
}

#[test]
fn a_note_is_there_until_it_is_deleted() {
    let client = client();
    TestUser::new("ada").name("Ada").sign_in(&client);
    let added = send(&client, "/notes", "text=Milk");
    assert_eq!(added.status(), Status::SeeOther);
    assert!(page(&client, "/notes").contains("Milk"));
    send(&client, "/notes/delete", "note=1");
    assert!(!page(&client, "/notes").contains("Milk"));
}

#[test]
fn a_team_is_for_its_members_and_an_admin_may_delete() {
    let client = client();
    TestUser::new("bob")
        .organization("acme", &["member"])
        .sign_in(&client);
    send(&client, "/teams/acme", "text=of+Bob");
    let elsewhere = send(&client, "/teams/globex", "text=of+Bob");
    assert_eq!(elsewhere.status(), Status::Forbidden);
    drop(elsewhere);

    TestUser::new("cy")
        .organization("acme", &["member"])
        .sign_in(&client);
    assert!(page(&client, "/teams/acme").contains("of Bob"));
    let deleted = send(&client, "/teams/acme/delete", "note=1");
    assert_eq!(deleted.status(), Status::Forbidden);
    drop(deleted);

    TestUser::new("ada")
        .organization("acme", &["admin"])
        .sign_in(&client);
    send(&client, "/teams/acme/delete", "note=1");
    assert!(!page(&client, "/teams/acme").contains("of Bob"));
}

#[test]
fn who_is_renamed_has_the_new_name_beside_old_notes() {
    let client = client();
    let ada = TestUser::new("ada").name("Ada").organization("acme", &[]);
    ada.sign_in(&client);
    send(&client, "/teams/acme", "text=early");
    ada.name("Ada Lovelace").sign_in(&client);
    assert!(page(&client, "/teams/acme").contains("<bdi>Ada Lovelace</bdi>"));
}

#[test]
fn pages_of_the_app_and_of_the_library_speak_the_same_language() {
    let client = client();
    for path in ["/nowhere", "/sign-out", "/callback"] {
        let thai = Header::new("Accept-Language", "th, en;q=0.5");
        let response = client
            .get(path)
            .header(Accept::HTML)
            .header(thai)
            .dispatch();
        let text = response.into_string().expect("a page");
        assert!(text.contains("<html lang=\"th\">"), "{path}: {text}");
        assert!(text.contains("บันทึกของทีม"), "{path}: {text}");
    }
}
