//! What the program says when it listens.

use std::fmt::Write;

use logto_dev_provider::{DevProvider, Settings};

/// Where it is, how an app reaches it, and who can sign in there.
pub fn text(provider: &DevProvider, settings: &Settings) -> String {
    let seed = &settings.seed;
    let secret = settings.client_secret.as_deref();
    let users = seed.users.iter();
    let users = users.map(|user| user.username.as_ref().unwrap_or(&user.id).clone());
    let machines = seed.machines.iter();
    let machines = machines.map(|machine| match machine.secret.as_str() {
        "" => format!("{} (signs with its own key)", machine.id),
        secret => format!("{} (secret {secret})", machine.id),
    });
    let organizations = seed.organizations.iter();
    let organizations = organizations.map(|found| format!("{} ({})", found.id, found.name));
    let resources = seed.resources.iter();
    let resources = resources.map(|resource| resource.indicator.clone());
    let rows = [
        ("Address", vec![provider.endpoint()]),
        (
            "Control page",
            vec![format!("{}/ (users, roles, keys)", provider.endpoint())],
        ),
        ("Issuer", vec![provider.issuer()]),
        ("Client id", vec![settings.client_id.clone()]),
        (
            "Client secret",
            vec![secret.unwrap_or("none: a public client, with PKCE").into()],
        ),
        (
            "Redirect URIs",
            uris(&settings.redirect_uris, settings.any_loopback_redirect_uri),
        ),
        (
            "After sign-out",
            uris(
                &settings.post_logout_redirect_uris,
                settings.any_loopback_post_logout_redirect_uri,
            ),
        ),
        ("Registration", registration(provider, settings)),
        (
            "Logout tokens",
            settings.backchannel_logout_uri.iter().cloned().collect(),
        ),
        (
            "Webhooks",
            settings
                .webhook
                .iter()
                .map(|webhook| webhook.url.clone())
                .collect(),
        ),
        (
            "Changes kept in",
            settings
                .state_file
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
        ),
        ("Users", vec![users.collect::<Vec<_>>().join(", ")]),
        ("Machines", machines.collect()),
        ("Organizations", organizations.collect()),
        ("API resources", resources.collect()),
    ];
    let mut text = String::from(
        "\n\
         *** DEVELOPMENT PROVIDER: anybody signs in as anybody, without a password. ***\n\
         *** Never use it in production.                                            ***\n\n",
    );
    for (label, values) in rows {
        for (index, value) in values.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let _ = writeln!(text, "{label:<17}{value}");
        }
    }
    text + "\nListening on the loopback interface only. Stop it with Ctrl-C.\n\n"
}

/// Where clients register themselves, if they may.
fn registration(provider: &DevProvider, settings: &Settings) -> Vec<String> {
    let at = format!("{}/register", provider.issuer());
    settings
        .dynamic_registration
        .then_some(at)
        .into_iter()
        .collect()
}

fn uris(registered: &[String], any_loopback: bool) -> Vec<String> {
    match any_loopback {
        false => registered.to_vec(),
        true => {
            vec!["any http(s)://localhost:*, http(s)://127.0.0.1:* and http(s)://[::1]:*".into()]
        }
    }
}
