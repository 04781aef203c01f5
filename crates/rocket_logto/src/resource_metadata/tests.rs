//! Which document is where.

use super::ProtectedResources;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const ISSUER: &str = "https://tenant.logto.app/oidc";

fn resources(indicators: &[&str]) -> ProtectedResources {
    let resources = ProtectedResources::at(WELL_KNOWN);
    for indicator in indicators {
        resources.declare(indicator, None, &["read"]);
    }
    resources
}

/// The resource of the document there.
fn at(resources: &ProtectedResources, after: &str, host: Option<&str>) -> Option<String> {
    let asked = format!("{WELL_KNOWN}{after}");
    let document = resources.document(&asked, host, ISSUER)?;
    document["resource"].as_str().map(str::to_owned)
}

#[test]
fn the_address_is_made_as_the_standard_says() {
    for (indicator, address) in [
        (
            "https://a.example",
            "https://a.example/.well-known/oauth-protected-resource",
        ),
        (
            "https://a.example/",
            "https://a.example/.well-known/oauth-protected-resource",
        ),
        (
            "https://a.example/mcp",
            "https://a.example/.well-known/oauth-protected-resource/mcp",
        ),
        (
            "https://a.example/mcp/",
            "https://a.example/.well-known/oauth-protected-resource/mcp/",
        ),
        (
            "http://localhost:8000/a/b?c=d",
            "http://localhost:8000/.well-known/oauth-protected-resource/a/b?c=d",
        ),
        (
            "https://[::1]:8443/x",
            "https://[::1]:8443/.well-known/oauth-protected-resource/x",
        ),
    ] {
        let resources = resources(&[indicator]);
        assert_eq!(resources.address_of(indicator).as_deref(), Some(address));
        let (_, asked) = address.split_once("/.well-known").unwrap();
        let asked = format!("/.well-known{asked}");
        let document = resources.document(&asked, None, ISSUER).unwrap();
        assert_eq!(document["resource"], indicator);
    }
}

#[test]
fn what_is_no_address_has_no_document() {
    for indicator in [
        "urn:example:api",
        "shopping",
        "https://a.example/x#y",
        "file:///etc/passwd",
        "",
    ] {
        let resources = resources(&[indicator]);
        assert_eq!(resources.address_of(indicator), None, "{indicator}");
        assert_eq!(at(&resources, "", None), None, "{indicator}");
    }
    let resources = resources(&["https://a.example/api"]);
    assert_eq!(resources.address_of("https://b.example/api"), None);
    let off = ProtectedResources::at("");
    assert!(!off.declare("https://a.example/api", None, &[]));
    assert_eq!(off.address_of("https://a.example/api"), None);
}

#[test]
fn the_root_is_that_without_a_path_or_the_only_one() {
    let only = resources(&["https://a.example/api"]);
    for root in ["", "/"] {
        assert_eq!(
            at(&only, root, None).as_deref(),
            Some("https://a.example/api")
        );
    }
    assert_eq!(at(&only, "/other", None), None);
    let two = resources(&["https://a.example/api", "https://a.example/mcp"]);
    assert_eq!(at(&two, "", None), None);
    let and_root = resources(&["https://a.example/api", "https://a.example"]);
    assert_eq!(
        at(&and_root, "", None).as_deref(),
        Some("https://a.example")
    );
}

#[test]
fn of_two_on_one_path_the_host_decides() {
    let two = resources(&[
        "https://a.example/api",
        "https://b.example/api",
        "https://b.example:8443/api",
    ]);
    for (host, resource) in [
        (Some("a.example"), "https://a.example/api"),
        (Some("b.example"), "https://b.example/api"),
        (Some("b.example:8443"), "https://b.example:8443/api"),
        (Some("c.example"), "https://a.example/api"),
        (None, "https://a.example/api"),
    ] {
        assert_eq!(
            at(&two, "/api", host).as_deref(),
            Some(resource),
            "{host:?}"
        );
    }
}

#[test]
fn scopes_of_all_permissions_are_told_once_and_a_name() {
    let resources = ProtectedResources::at(WELL_KNOWN);
    let api = "https://a.example/api";
    resources.declare(api, None, &["write", "read"]);
    resources.declare(api, Some("Shop"), &["read"]);
    resources.declare(api, None, &[]);
    let document = resources.document(WELL_KNOWN, None, ISSUER).unwrap();
    let expected = serde_json::json!({
        "resource": api,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "resource_name": "Shop",
        "scopes_supported": ["read", "write"],
    });
    assert_eq!(document, expected);
    let none = ProtectedResources::at(WELL_KNOWN);
    none.declare(api, None, &[]);
    let document = none.document(WELL_KNOWN, None, ISSUER).unwrap();
    for member in ["scopes_supported", "resource_name"] {
        assert_eq!(document.get(member), None);
    }
}
