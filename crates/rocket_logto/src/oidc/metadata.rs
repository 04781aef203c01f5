//! The provider's metadata, and the checks it must pass (OpenID Connect Discovery
//! 1.0 section 4.3).

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use url::Url;

use super::error::ProviderError;
use super::object;
use crate::config::parameters::OFFLINE_ACCESS;
use crate::config::{HttpHost, SigningAlg};

pub(super) const METADATA: &str = "metadata";

/// The parts of the provider's metadata that are used here (OpenID Connect
/// Discovery 1.0 section 3, RFC 8414, RFC 9207 section 3). The type in
/// `openidconnect` demands members that nothing here needs and that some providers
/// leave out.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    pub jwks_uri: Url,
    #[serde(default, deserialize_with = "members::userinfo_endpoint")]
    pub userinfo_endpoint: Option<Url>,
    #[serde(default, deserialize_with = "members::revocation_endpoint")]
    pub revocation_endpoint: Option<Url>,
    #[serde(default, deserialize_with = "members::introspection_endpoint")]
    pub introspection_endpoint: Option<Url>,
    #[serde(default, deserialize_with = "members::end_session_endpoint")]
    pub end_session_endpoint: Option<Url>,
    #[serde(
        default,
        deserialize_with = "members::pushed_authorization_request_endpoint"
    )]
    pub pushed_authorization_request_endpoint: Option<Url>,
    #[serde(default, deserialize_with = "iss_parameter")]
    pub authorization_response_iss_parameter_supported: bool,
    /// By name: most of what may stand here is not for us.
    #[serde(
        default,
        rename = "id_token_signing_alg_values_supported",
        deserialize_with = "names"
    )]
    pub announced_algs: Vec<String>,
    #[serde(default, deserialize_with = "names")]
    pub scopes_supported: Vec<String>,
    /// By name, as above: with what a client may sign its assertions.
    #[serde(
        default,
        rename = "token_endpoint_auth_signing_alg_values_supported",
        deserialize_with = "names"
    )]
    pub announced_client_algs: Vec<String>,
    /// The same of proofs (RFC 9449 section 5.1).
    #[serde(
        default,
        rename = "dpop_signing_alg_values_supported",
        deserialize_with = "names"
    )]
    pub announced_dpop_algs: Vec<String>,
}

mod members {
    use url::Url;

    use crate::oidc::tolerance::{optional_members, truth, url};

    optional_members! {
        userinfo_endpoint: Url = url;
        revocation_endpoint: Url = url;
        introspection_endpoint: Url = url;
        end_session_endpoint: Url = url;
        pushed_authorization_request_endpoint: Url = url;
        authorization_response_iss_parameter_supported: bool = truth;
    }
}

fn iss_parameter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    members::authorization_response_iss_parameter_supported(deserializer)
        .map(Option::unwrap_or_default)
}

/// The texts of a list, or one text; whatever else it is counts as nothing.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = match Value::deserialize(deserializer)? {
        Value::Array(names) => names,
        name => vec![name],
    };
    let text = |name: Value| match name {
        Value::String(text) => Some(text),
        _ => None,
    };
    Ok(names.into_iter().filter_map(text).collect())
}

/// The required member that is wrong, if these are metadata at all.
fn unusable(document: &[u8]) -> Option<&'static str> {
    let document: Map<String, Value> = object(document).ok()?;
    document.get("issuer")?.as_str()?;
    let is_url = |name: &str| Url::parse(document.get(name)?.as_str()?).ok();
    let mut required = ["authorization_endpoint", "token_endpoint", "jwks_uri"].into_iter();
    required.find(|name| is_url(name).is_none())
}

impl Metadata {
    /// The metadata in `document`, which must be that of `issuer` (OpenID Connect
    /// Discovery 1.0 section 4.3). If the issuer is https, its endpoints are, except
    /// those at the hosts where plain http is allowed.
    pub(crate) fn of(
        issuer: &str,
        http_hosts: &[HttpHost],
        document: &[u8],
    ) -> Result<Metadata, ProviderError> {
        let metadata: Metadata = object(document).map_err(|error| match unusable(document) {
            Some(member) => ProviderError::Unusable(member),
            None => ProviderError::unreadable(METADATA, &error),
        })?;
        if metadata.issuer != issuer {
            return Err(ProviderError::IssuerMismatch {
                expected: issuer.to_owned(),
                found: metadata.issuer.chars().take(200).collect(),
                advice: String::new(),
            });
        }
        let secure = issuer.starts_with("https:");
        let allowed = |url: &Url| match url.scheme() {
            "https" => true,
            "http" => !secure || HttpHost::any_has(http_hosts, url),
            _ => false,
        };
        if let Some((member, url)) = metadata.members().find(|(_, url)| !allowed(url)) {
            let url = Box::new(url.clone());
            return Err(ProviderError::Insecure { member, url });
        }
        Ok(metadata)
    }

    /// Whether to ask for `offline_access` where nothing says so. A provider that does
    /// not know the scope may refuse the whole sign-in. Keycloak, known by the shape of
    /// its addresses, gives refresh tokens without it, and for it an *offline session*
    /// that neither a sign-out at the provider nor back-channel logout reaches.
    pub(crate) fn wants_offline_access(&self) -> bool {
        let announced = self
            .scopes_supported
            .iter()
            .any(|scope| scope == OFFLINE_ACCESS);
        let keycloaks = |url: &Url| url.path().contains("/protocol/openid-connect/");
        announced && !keycloaks(&self.authorization_endpoint) && !keycloaks(&self.token_endpoint)
    }

    /// The algorithms the provider signs with, as far as a signature by them proves
    /// who signed. Nothing usable is `RS256`, which each provider has to have (OpenID
    /// Connect Core section 15.1).
    pub(super) fn signing_algs(&self) -> Vec<SigningAlg> {
        let names = self.announced_algs.iter();
        let mut algs: Vec<_> = names.filter_map(|name| SigningAlg::named(name)).collect();
        if algs.is_empty() {
            algs.push(SigningAlg::RS256);
        }
        algs
    }

    /// All endpoints by name, for checks that apply to each of them.
    fn members(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        let Metadata {
            authorization_endpoint,
            token_endpoint,
            jwks_uri,
            userinfo_endpoint,
            revocation_endpoint,
            introspection_endpoint,
            end_session_endpoint,
            pushed_authorization_request_endpoint,
            issuer: _,
            authorization_response_iss_parameter_supported: _,
            announced_algs: _,
            announced_client_algs: _,
            announced_dpop_algs: _,
            scopes_supported: _,
        } = self;
        let members = [
            ("authorization_endpoint", Some(authorization_endpoint)),
            ("token_endpoint", Some(token_endpoint)),
            ("jwks_uri", Some(jwks_uri)),
            ("userinfo_endpoint", userinfo_endpoint.as_ref()),
            ("revocation_endpoint", revocation_endpoint.as_ref()),
            ("introspection_endpoint", introspection_endpoint.as_ref()),
            ("end_session_endpoint", end_session_endpoint.as_ref()),
            (
                "pushed_authorization_request_endpoint",
                pushed_authorization_request_endpoint.as_ref(),
            ),
        ];
        members
            .into_iter()
            .filter_map(|(name, url)| Some((name, url?)))
    }

    #[cfg(any(test, feature = "_internals"))]
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Url> {
        self.members().map(|(_, url)| url)
    }

    /// Origins that a form POST of the app may be redirected to.
    pub(crate) fn browser_origins(&self) -> Vec<String> {
        let mut origins = vec![self.authorization_endpoint.origin().ascii_serialization()];
        if let Some(url) = &self.end_session_endpoint {
            let origin = url.origin().ascii_serialization();
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example/oidc";
    const ENDPOINTS: [&str; 8] = [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "end_session_endpoint",
        "pushed_authorization_request_endpoint",
    ];

    fn read(issuer: &str, name: &str, address: &str) -> Result<Metadata, ProviderError> {
        let mut document = serde_json::json!({ "issuer": issuer });
        for endpoint in ENDPOINTS {
            document[endpoint] = format!("https://id.example/{endpoint}").into();
        }
        document[name] = address.into();
        Metadata::of(issuer, &[], document.to_string().as_bytes())
    }

    #[test]
    fn a_secure_issuer_has_secure_endpoints() {
        for name in ENDPOINTS {
            for address in [
                "http://id.example/",
                "http://localhost/",
                "file:///etc/passwd",
                "javascript:alert(1)",
            ] {
                let refused = read(ISSUER, name, address);
                assert!(
                    matches!(&refused, Err(ProviderError::Insecure { member, url })
                        if *member == name && url.as_str() == address),
                    "{name} {address}: {refused:?}"
                );
            }
            // On another host, as with several large providers.
            assert!(
                read(ISSUER, name, "https://api.example.com/").is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn an_issuer_without_tls_may_have_endpoints_without() {
        let local = "http://localhost:3001/oidc";
        for name in ENDPOINTS {
            assert!(
                read(local, name, "http://localhost:3001/").is_ok(),
                "{name}"
            );
            assert!(read(local, name, "file:///etc/passwd").is_err(), "{name}");
        }
    }

    #[test]
    fn what_nobody_needs_may_be_anything() {
        let read = |name: &str, value: &Value| {
            let mut document = serde_json::json!({ "issuer": ISSUER });
            for endpoint in &ENDPOINTS[..3] {
                document[*endpoint] = format!("https://id.example/{endpoint}").into();
            }
            document[name] = value.clone();
            Metadata::of(ISSUER, &[], document.to_string().as_bytes())
        };
        let odd = serde_json::json!([
            null,
            "",
            7,
            true,
            [],
            {},
            "no address",
            ["https://a.example"]
        ]);
        for value in odd.as_array().unwrap() {
            for name in &ENDPOINTS[3..] {
                let metadata = read(name, value).expect("metadata");
                assert_eq!(metadata.endpoints().count(), 3, "{name} {value}");
            }
            for name in ["scopes_supported", "id_token_signing_alg_values_supported"] {
                assert!(read(name, value).is_ok(), "{name} {value}");
            }
            for name in [
                "issuer",
                "authorization_endpoint",
                "token_endpoint",
                "jwks_uri",
            ] {
                assert!(read(name, value).is_err(), "{name} {value}");
            }
        }
        for (value, supported) in [
            ("true", true),
            ("\"true\"", true),
            ("\"True\"", true),
            ("false", false),
            ("null", false),
            ("7", false),
            ("[]", false),
        ] {
            let value = serde_json::from_str(value).unwrap();
            let metadata = read("authorization_response_iss_parameter_supported", &value);
            let metadata = metadata.expect("metadata");
            assert_eq!(
                metadata.authorization_response_iss_parameter_supported, supported,
                "{value}"
            );
        }
    }

    #[test]
    fn offline_access_is_wanted_where_it_is_announced_but_not_at_a_keycloak() {
        let wants = |scopes: Value, at: &str| {
            let document = serde_json::json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("https://id.example{at}/auth"),
                "token_endpoint": format!("https://id.example{at}/token"),
                "jwks_uri": "https://id.example/keys",
                "scopes_supported": scopes,
            });
            let metadata = Metadata::of(ISSUER, &[], document.to_string().as_bytes());
            metadata.expect("metadata").wants_offline_access()
        };
        let both = serde_json::json!(["openid", "offline_access"]);
        assert!(wants(both.clone(), "/oauth2"));
        assert!(!wants(both, "/realms/staff/protocol/openid-connect"));
        for none in [
            serde_json::json!(["openid"]),
            serde_json::json!(["openid", "Offline_Access", "offline"]),
            serde_json::json!({ "offline_access": true }),
            Value::Null,
        ] {
            assert!(!wants(none.clone(), "/oauth2"), "{none}");
        }
    }
}
