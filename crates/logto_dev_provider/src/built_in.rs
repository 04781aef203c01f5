//! The built-in [`Seed`]: what there is when the configuration names nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::seed::{
    Seed, SeedAddress, SeedMachine, SeedOrganization, SeedProfile, SeedResource, SeedUser,
    default_created_at,
};

impl Default for Seed {
    /// Alice has everything, Bob next to nothing, and Zoë a name that needs escaping.
    fn default() -> Seed {
        Seed {
            users: users(),
            machines: machines(),
            organizations: organizations(),
            resources: resources(),
        }
    }
}

fn users() -> Vec<SeedUser> {
    let text = |text: &str| Some(text.to_owned());
    let Value::Object(custom_data) =
        json!({ "plan": "pro", "tags": ["a", "b"], "cart": { "items": 3 }, "nothing": null })
    else {
        return Vec::new();
    };
    let alice = SeedUser {
        id: "alice4hy6kz2".into(),
        username: text("alice"),
        name: text("Alice Example"),
        picture: text("https://www.example.com/alice.png"),
        email: text("alice@example.com"),
        phone_number: text("15555550101"),
        profile: SeedProfile {
            family_name: text("Example"),
            given_name: text("Alice"),
            preferred_username: text("ali"),
            birthdate: text("1990-02-03"),
            zoneinfo: text("Europe/Berlin"),
            locale: text("de-DE"),
            address: Some(SeedAddress {
                formatted: text("Musterstr. 1\n10115 Berlin"),
                street_address: text("Musterstr. 1"),
                locality: text("Berlin"),
                postal_code: text("10115"),
                country: text("DE"),
                region: None,
            }),
            ..SeedProfile::default()
        },
        custom_data,
        roles: vec!["shopper".into()],
        personal_access_tokens: vec!["pat_alice_known_to_everyone".into()],
        created_at: default_created_at(),
        ..SeedUser::default()
    };
    let bob = SeedUser {
        id: "bob7d4dc6y32".into(),
        username: text("bob"),
        roles: vec!["reader".into()],
        created_at: default_created_at(),
        ..SeedUser::default()
    };
    let zoe = SeedUser {
        id: "zoe9rsidux5q".into(),
        username: text("zoe"),
        name: text("Zoë <b>O'Hara</b> & \"Söhne\" 🦀"),
        email: text("zoe+test@example.com"),
        created_at: default_created_at(),
        ..SeedUser::default()
    };
    vec![alice, bob, zoe]
}

fn machines() -> Vec<SeedMachine> {
    vec![SeedMachine {
        id: "dev-machine".into(),
        secret: "dev-machine-secret-known-to-everyone".into(),
        roles: vec!["shopper".into(), "Logto Management API access".into()],
    }]
}

fn organizations() -> Vec<SeedOrganization> {
    let roles = map(&[
        ("admin", &["manage:members", "view:reports"]),
        ("member", &["view:reports"]),
    ]);
    vec![
        SeedOrganization {
            id: "acme5obvzg01".into(),
            name: "Acme GmbH".into(),
            description: Some("Makes everything".into()),
            roles: roles.clone(),
            members: map(&[("alice", &["admin"]), ("bob", &[])]),
            machines: map(&[("dev-machine", &["member"])]),
        },
        SeedOrganization {
            id: "globexfrcji1".into(),
            name: "Globex Ltd".into(),
            description: None,
            roles,
            members: map(&[("alice", &["member"])]),
            machines: BTreeMap::new(),
        },
    ]
}

fn resources() -> Vec<SeedResource> {
    vec![
        SeedResource {
            indicator: "https://shopping.your-app.com/api".into(),
            scopes: map(&[("read", &["shopper", "reader"]), ("write", &["shopper"])]),
            organization_scopes: BTreeMap::new(),
        },
        SeedResource {
            indicator: "https://orders.your-app.com/api".into(),
            scopes: BTreeMap::new(),
            organization_scopes: map(&[
                ("orders:read", &["admin", "member"]),
                ("orders:write", &["admin"]),
            ]),
        },
    ]
}

fn map(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    pairs
        .iter()
        .map(|(key, values)| ((*key).to_owned(), owned(values)))
        .collect()
}
