//! The issuer as it is configured: one name, or the template that a provider of many
//! tenants calls itself by. The metadata of Entra ID name the issuer
//! `https://login.microsoftonline.com/{tenantid}/v2.0`, with the braces; in a token the
//! id of the user's tenant, its claim `tid`, stands in their place.

use std::borrow::Cow;

/// What stands for the id of a tenant.
pub(crate) const TENANT: &str = "{tenantid}";
/// What Entra ID publishes its metadata under for users of any tenant.
const ANY_TENANT: &str = "common";

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

pub(crate) fn is_template(issuer: &str) -> bool {
    issuer.contains(TENANT)
}

/// The issuer of the tenant with this id; `None` for what cannot be an id.
pub(crate) fn of_tenant(template: &str, tenant: &str) -> Option<String> {
    let proper = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_id = !tenant.is_empty() && tenant.len() <= 64 && tenant.chars().all(proper);
    is_id.then(|| template.replace(TENANT, tenant))
}

/// The id of the tenant whose issuer this is, if it is that of one.
pub(crate) fn tenant_of<'a>(template: &str, issuer: &'a str) -> Option<&'a str> {
    let (before, after) = template.split_once(TENANT)?;
    let tenant = issuer.strip_prefix(before)?.strip_suffix(after)?;
    of_tenant(template, tenant).map(|_| tenant)
}

/// Whether users of this tenant may sign in; an empty list lets in all.
pub(crate) fn lets_in(tenants: &[String], tenant: &str) -> bool {
    // The ids are UUIDs, whose letters mean the same in either case (RFC 9562 section 4).
    let is_it = |known: &String| known.eq_ignore_ascii_case(tenant);
    tenants.is_empty() || tenants.iter().any(is_it)
}

/// What a token calls somebody or something, made unique among all tenants: each names
/// its own users and sessions.
pub(crate) fn unique<'a>(tenant: Option<&str>, name: &'a str) -> Cow<'a, str> {
    match tenant {
        // No tenant's id has a slash.
        Some(tenant) => format!("{tenant}/{name}").into(),
        None => name.into(),
    }
}

/// Where the metadata of an issuer are (OpenID Connect Discovery 1.0 section 4): a
/// terminating slash is removed before the well-known path is appended.
pub(crate) fn metadata_address(issuer: &str) -> String {
    let issuer = issuer.replace(TENANT, ANY_TENANT);
    format!(
        "{}{WELL_KNOWN}",
        issuer.strip_suffix('/').unwrap_or(&issuer)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";

    #[test]
    fn an_id_takes_the_place_of_the_braces_and_nothing_else_does() {
        let one = "https://login.example/9188040d-6c67/v2.0";
        assert_eq!(of_tenant(TEMPLATE, "9188040d-6c67").as_deref(), Some(one));
        assert_eq!(tenant_of(TEMPLATE, one), Some("9188040d-6c67"));
        for odd in [
            "",
            "a/b",
            "a?b",
            "a#b",
            "{tenantid}",
            "a b",
            "ü",
            "a@b",
            "a%2fb",
        ] {
            assert_eq!(of_tenant(TEMPLATE, odd), None, "{odd}");
            let issuer = format!("https://login.example/{odd}/v2.0");
            assert_eq!(tenant_of(TEMPLATE, &issuer), None, "{odd}");
        }
        assert_eq!(of_tenant(TEMPLATE, &"a".repeat(65)), None);
        for other in [
            "https://login.example/a/v2.0/",
            "https://login.example/a",
            "http://login.example/a/v2.0",
            "https://login.example.evil/a/v2.0",
        ] {
            assert_eq!(tenant_of(TEMPLATE, other), None, "{other}");
        }
        // Shorter than both parts together.
        assert_eq!(tenant_of("https://a/a{tenantid}a/a", "https://a/a/a"), None);
    }

    #[test]
    fn metadata_are_below_the_issuer() {
        for (issuer, address) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/b/",
                "https://a.example/b/.well-known/openid-configuration",
            ),
            (
                TEMPLATE,
                "https://login.example/common/v2.0/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(metadata_address(issuer), address);
        }
    }

    #[test]
    fn an_empty_list_lets_in_all() {
        let list = ["AB-1".to_owned()];
        assert!(lets_in(&[], "x") && lets_in(&list, "ab-1") && !lets_in(&list, "ab-12"));
    }
}
