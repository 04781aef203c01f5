//! Every key of the `logto` table, once. From these entries follow what serde
//! reads, the table in the documentation of `LogtoConfig`, the defaults, the
//! bounds and the names of the environment variables (`key_table.rs` says how).
//! A new key is one entry here, and its use in `rules/`.

use std::path::PathBuf;

use figment::value::Value;
use serde::Serialize;

use super::parameters::Prompt;
use super::values::{
    AtLeastOne, AuthMethod, EndSession, Parameters, Port, SecretKeys, SigningAlgs, Span, Store,
    Text, TextList, path_or_off,
};
use super::{AssertionAudience, ResponseMode, SigningAlg};

keys! {
    #[serde(deny_unknown_fields, expecting = "a table of keys")]
    pub(super) struct Raw "" {
        /// Logto's base URL; the issuer is `{endpoint}/oidc`
        endpoint: Option<String>, env LOGTO_ENDPOINT;
        /// instead of `endpoint`: any OpenID provider, compared byte for byte. `{tenantid}` in its
        /// path stands for the tenant of the user, as in the metadata of Entra ID: a token's `iss`
        /// must have its own `tid` there
        issuer: Option<String>, env LOGTO_ISSUER;
        /// where the provider's metadata are; they must name the issuer all the same
        discovery_url: Option<String>,
            otherwise "below the issuer; for `{tenantid}` below `common`",
            env LOGTO_DISCOVERY_URL;
        /// with `{tenantid}` in `issuer`: ids of the tenants whose users are let in; empty: all
        tenants: TextList = [], env LOGTO_TENANTS;
        /// hosts, with or without a port, at which the provider's endpoints may be plain http
        /// although the issuer is https
        http_hosts: TextList = [], env LOGTO_HTTP_HOSTS;
        /// the `client_id`
        app_id: Option<Text>, env LOGTO_APP_ID;
        /// the client secret; none makes a public client
        app_secret: Option<Text>, env LOGTO_APP_SECRET;
        /// instead of `app_secret`: a file that holds it, which other users may not write
        app_secret_file: Option<PathBuf>, env LOGTO_APP_SECRET_FILE;
        /// instead of a secret (`private_key_jwt`, RFC 7523): a file with the private key, in PEM
        /// (PKCS #8, SEC1, PKCS #1) or as a JWK, which other users may not write. It is read at
        /// launch: a new one takes effect at the next
        app_key_file: Option<PathBuf>, env LOGTO_APP_KEY_FILE;
        /// what the provider knows the key by (`kid`)
        app_key_id: Option<Text>,
            otherwise "the `kid` of the JWK, else the key's RFC 7638 thumbprint",
            env LOGTO_APP_KEY_ID;
        /// the algorithm it signs with: `ES256`, `ES384`, `EdDSA`, `RS256`, `PS256`, …
        app_key_alg: Option<SigningAlg>,
            otherwise "the `alg` of the JWK, else what the key's type has and the provider announces, `RS256` first",
            env LOGTO_APP_KEY_ALG;
        /// whom the key's assertions name as `aud`: the issuer, or at every endpoint
        /// `"token_endpoint"`, its URL
        client_assertion_audience: AssertionAudience = "issuer", env LOGTO_CLIENT_ASSERTION_AUDIENCE;
        /// `true`: [`Bearer`](crate::Bearer) asks the provider about tokens that are no JWTs
        /// (RFC 7662)
        introspect_opaque_tokens: bool = false;
        /// ids of clients whose access tokens [`Bearer`](crate::Bearer) takes although they name
        /// no audience, for any [`Resource`](crate::Resource): AWS Cognito's
        clients_without_audience: TextList = [], env LOGTO_CLIENTS_WITHOUT_AUDIENCE;
        /// `true`: [`Bearer`](crate::Bearer) takes access tokens that look like ID tokens, and with
        /// them every ID token of that audience: Dex's
        bearer_takes_id_tokens: bool = false;
        /// the app's public address, with a path where the app lives below one
        /// (`https://example.com/app`); required in other profiles than debug, and https there
        /// unless it is on this machine
        base_url: Option<String>,
            otherwise "`http://localhost:<port>` in the debug profile, `https` with Rocket's `tls`",
            env LOGTO_BASE_URL;
        /// `true`: `base_url` may be http in any profile and at any host, where nobody else is on
        /// the network. Its cookies have neither `Secure` nor a prefix
        allow_insecure_base_url: bool = false;
        /// the app's name, as its users know it, on the pages of the library
        app_name: Option<String>,
            otherwise "the host of `base_url`",
            env LOGTO_APP_NAME;
        /// its icon beside the name: a path of the app, like `/static/icon.svg`, or an https URL
        app_icon: Option<String>, env LOGTO_APP_ICON;
        /// whether the proxy takes the path of `base_url` off before requests reach the app;
        /// `false`: they come with it, the fairing mounts its routes below it, and so must the app
        proxy_strips_path: bool = true;
        /// as Logto's samples have it, without query and fragment: its path takes the place of
        /// `routes.callback`, even where that is set; its origin stands in for `base_url`, and
        /// must be below a `base_url` that is set
        redirect_uri: Option<String>, env LOGTO_REDIRECT_URI;
        /// asked for besides `openid offline_access profile`. With `issuer`, `offline_access` is
        /// among those three only where the provider's metadata announce it, and not at a Keycloak
        scopes: TextList = [], env LOGTO_SCOPES;
        /// `false` leaves those three out (`openid` always stays)
        include_reserved_scopes: bool = true;
        /// API resource indicators (RFC 8707)
        resources: TextList = [], env LOGTO_RESOURCES;
        /// Logto gives a refresh token only with `consent`
        prompt: Option<Vec<Prompt>>,
            otherwise "`[\"consent\"]`, with `issuer` none",
            env LOGTO_PROMPT;
        /// more parameters of every authorization request, by name: `{ audience = "…" }`
        extra_params: Parameters = {}, env LOGTO_EXTRA_PARAMS;
        /// how long ago the user may have authenticated at the provider; the ID token's
        /// `auth_time` is checked, with `clock_tolerance` added
        max_age: Option<Span>, from "0s" to "365d", env LOGTO_MAX_AGE;
        /// in what ways; the ID token's `acr` must be one of them, or stronger than one of them
        acr_values: TextList = [], env LOGTO_ACR_VALUES;
        /// which `acr` of the provider is stronger than which, the weakest first: a stronger one
        /// meets the demand for a weaker one. `[]`: none is
        acr_order: Option<TextList>,
            otherwise "Logto's, `[\"urn:logto:acr:1fa\", \"urn:logto:acr:mfa\"]`",
            env LOGTO_ACR_ORDER;
        /// the signature algorithms of tokens that are accepted, one or a list; asymmetric ones
        /// only. The development provider has `ES384`, `ES256` and `RS256`
        id_token_alg: Option<SigningAlgs>,
            otherwise "what the provider announces, `RS256` where that is nothing usable",
            env LOGTO_ID_TOKEN_ALG;
        /// who may be in the audience of an ID token beside this client (OpenID Connect Core
        /// section 3.1.3.7): ids of other clients or projects
        trusted_audiences: TextList = [], env LOGTO_TRUSTED_AUDIENCES;
        /// or `client_secret_post`, `private_key_jwt`; it decides where there is a secret and a key
        token_endpoint_auth_method: Option<AuthMethod>,
            otherwise "`\"client_secret_basic\"`, with a key `\"private_key_jwt\"`, with neither `\"none\"`",
            env LOGTO_TOKEN_ENDPOINT_AUTH_METHOD;
        /// or `form_post` (https only)
        response_mode: ResponseMode = "query", env LOGTO_RESPONSE_MODE;
        /// pushed authorization requests (RFC 9126) when the provider offers them; `false`: never
        use_par: bool = true;
        /// `true`: the userinfo endpoint must answer with a JWT, signed as ID tokens are
        signed_userinfo: bool = false;
        /// PEM file with an extra root certificate for a private provider
        ca_file: Option<PathBuf>, env LOGTO_CA_FILE;
        /// leeway for `exp`, `iat`, `nbf` and `auth_time`
        clock_tolerance: Span = "60s", from "0s" to "5m", env LOGTO_CLOCK_TOLERANCE;
        /// for one whole exchange with the provider
        http_timeout: Span = "5s", from "1s" to "120s", env LOGTO_HTTP_TIMEOUT;
        /// calls to the provider at the same time; at least 1
        max_concurrent_op_calls: AtLeastOne = 64;
        /// after it `User` refreshes first, so that a suspended user is out within that time, if
        /// the sign-in gave a refresh token
        claims_max_age: Span = "1h", from "1s" to "14d";
        /// how long after `claims_max_age` the old claims may serve while the provider cannot be
        /// reached; after that `User` fails until it can be
        claims_max_staleness: Span = "1d", from "0s" to "365d";
        /// for one call of a hook of the app
        /// ([`on_sign_in`](crate::LogtoFairing::on_sign_in) and the others)
        hook_timeout: Span = "5s", from "1s" to "60s";
        /// where the browser goes after signing out: a path of the app, or an absolute URL
        post_sign_out: Option<String>, otherwise "`\"/\"`";
        /// as Logto's samples have it: stands in for `post_sign_out` where that is not set
        post_logout_redirect_uri: Option<String>, env LOGTO_POST_LOGOUT_REDIRECT_URI;
        /// more parameters of the sign-out request, by name: `{ logout_uri = "…" }`; one of ours by
        /// the same name is replaced, and an empty value leaves it out
        sign_out_params: Parameters = {}, env LOGTO_SIGN_OUT_PARAMS;
        /// where the browser goes to sign out at the provider, or `false`: sign out here only
        end_session_endpoint: Option<EndSession>, otherwise "what the provider announces",
            env LOGTO_END_SESSION_ENDPOINT;
        /// `true`, `false`, or a table with the keys below and `users`, `machines`,
        /// `organizations`, `resources`; refused in other profiles, and beside a `base_url` that
        /// is https and not on this machine
        dev_provider: Option<Value>,
            otherwise "on in the debug profile when no provider is named";

        table machine: RawMachine;
        table session: RawSession;
        table webhook: RawWebhook;
        table routes: RoutePaths;
    }

    #[serde(deny_unknown_fields, expecting = "a table of keys")]
    pub(super) struct RawMachine "machine." {
        /// the client that gets tokens for this app itself
        /// ([`MachineToken`](crate::MachineToken)); at Logto an application of the type
        /// *Machine-to-machine*
        app_id: Option<Text>, otherwise "`app_id`", env LOGTO_MACHINE_APP_ID;
        /// its secret
        app_secret: Option<Text>, otherwise "`app_secret`", env LOGTO_MACHINE_APP_SECRET;
        /// instead of `machine.app_secret`: a file that holds it
        app_secret_file: Option<PathBuf>, env LOGTO_MACHINE_APP_SECRET_FILE;
        /// instead of `machine.app_secret`: a file with its private key, as `app_key_file`
        app_key_file: Option<PathBuf>, env LOGTO_MACHINE_APP_KEY_FILE;
        /// as `app_key_id`
        app_key_id: Option<Text>, env LOGTO_MACHINE_APP_KEY_ID;
        /// as `app_key_alg`
        app_key_alg: Option<SigningAlg>, env LOGTO_MACHINE_APP_KEY_ALG;
    }

    #[serde(deny_unknown_fields, expecting = "a table of keys")]
    pub(super) struct RawSession "session." {
        /// a session ends when it was not used for this long; not longer than `session.absolute`
        idle: Span = "1d", from "1s" to "365d";
        /// a session ends when it is this old
        absolute: Span = "14d", from "1s" to "365d";
        /// with sessions in cookies: the most users of whom it is remembered which sessions ended
        /// within `session.idle`. Beyond it, the end of a session may end another user's, too: of
        /// one in a million for each. 100,000 take 23 MB, and 170 MB if each ended 64 sessions
        max_ended_users: AtLeastOne = 100_000;
        /// or `{ redis = "redis://…" }` (cargo feature `redis`): several instances share
        /// sessions. `rediss://` has TLS; a Redis Cluster is `{ redis_cluster = ["redis://…"] }`,
        /// Sentinels are `{ redis_sentinel = ["redis://…"], service = "mymaster" }`; beside them
        /// `user`, `password` (`password_file`), `ca_file`, `client_cert_file`, `client_key_file`:
        /// section *Redis* of the guide to production
        store: Store = "cookie";
        /// how many sessions a user may have, from 1 to 100: at a sign-in beyond that the oldest one
        /// ends. Needs a store that instances share (`session.store`)
        max_per_user: Option<AtLeastOne>, otherwise "any number";
        /// the name of the session's cookie, before any `__Host-` or `__Secure-`: at most 64
        /// characters of a token (RFC 9110 section 5.6.2). Sign-ins under way have names that begin
        /// with it, so of two apps at one host none may have a name that begins with the other's
        cookie_name: Option<String>, otherwise "derived from the issuer and `app_id`";
        /// old values of Rocket's `secret_key` that still open cookies
        previous_secret_keys: SecretKeys = [];
    }

    #[serde(deny_unknown_fields, expecting = "a table of keys")]
    pub(super) struct RawWebhook "webhook." {
        /// the *Signing key* of the webhook at Logto; two while it is being changed, in any order.
        /// Without one there is no route for webhooks
        signing_keys: TextList = [], env LOGTO_WEBHOOK_SIGNING_KEYS;
        /// instead of `webhook.signing_keys`: a file with one of them in each line, which other
        /// users may not write
        signing_keys_file: Option<PathBuf>, env LOGTO_WEBHOOK_SIGNING_KEYS_FILE;
    }

    /// Paths of the routes the fairing mounts.
    /// What they do is told at [`Logto::fairing()`](crate::Logto::fairing).
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[serde(deny_unknown_fields, expecting = "a table of keys")]
    #[non_exhaustive]
    pub struct RoutePaths "routes." {
        /// starts a sign-in
        sign_in: String = "/sign-in", read "path_or_off";
        /// starts a sign-in on the provider's registration screen; or `false`: there is no such route, and this is empty
        sign_up: String = "/sign-up", read "path_or_off";
        /// receives the authorization response
        callback: String = "/callback", read "path_or_off";
        /// ends the session
        sign_out: String = "/sign-out", read "path_or_off";
        /// starts a sign-in that somebody else began; or `false`: there is no such route, and this is empty
        initiate_login: String = "/initiate-login", read "path_or_off";
        /// receives logout tokens from the provider; or `false`: there is no such route, and this is empty
        backchannel_logout: String = "/backchannel-logout", read "path_or_off";
        /// receives Logto's webhooks, where there is a `webhook.signing_keys`; or `false`: there is no such route, and this is empty
        webhooks: String = "/webhooks/logto", read "path_or_off";
        /// whether the process is alive; or `false`: there is no such route, and this is empty
        healthz: String = "/healthz", read "path_or_off";
        /// whether people can sign in; or `false`: there is no such route, and this is empty
        readyz: String = "/readyz", read "path_or_off";
        /// what the API resources are, for clients that find their way by themselves; below it the path of
        /// each resource, and always at the root of the host (RFC 9728); or `false`: there is no such
        /// route, and this is empty
        resource_metadata: String = "/.well-known/oauth-protected-resource", read "path_or_off";
    }

    // Users, organizations and so on stand beside these; the provider reads them.
    #[serde(expecting = "a table of keys")]
    pub(super) struct RawDevProvider "dev_provider." {
        /// where it listens; `0`: at any free port
        port: Option<Port>, otherwise "`3001`, where that is taken the next free one";
        /// a file that keeps across restarts who has signed up there, what was changed on its
        /// control page, its signing keys, and who is signed in there. Not for version control
        state_file: Option<PathBuf>, otherwise "nothing is kept";
        /// whether clients, such as those of MCP, may register themselves there (RFC 7591)
        dynamic_registration: bool = false;

        table sign_in: RawDevSignIn;
    }

    #[serde(deny_unknown_fields, expecting = "a table")]
    pub(super) struct RawDevSignIn "dev_provider.sign_in." {
        /// asked for besides `scopes` while the development provider is in use: a real tenant may
        /// not know them
        scopes: TextList = [];
        /// the same for `resources`
        resources: TextList = [];
    }
}

/// Whether the value of `key` is any number of things, and so may be none.
pub(super) fn is_list(key: &str) -> bool {
    const LISTS: [&str; 4] = ["TextList", "Vec", "SigningAlgs", "Parameters"];
    let of =
        |(known, of): &(&str, &str)| *known == key && LISTS.iter().any(|list| of.contains(list));
    TYPES.iter().any(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_the_name_of_its_key() {
        for (variable, key) in VARIABLES {
            let name = key.replace('.', "_").to_uppercase();
            assert_eq!(*variable, format!("LOGTO_{name}"));
        }
    }

    /// An empty variable clears them.
    #[test]
    fn lists_are_known_as_lists() {
        for key in [
            "scopes",
            "resources",
            "prompt",
            "acr_values",
            "acr_order",
            "trusted_audiences",
            "id_token_alg",
            "extra_params",
            "tenants",
            "http_hosts",
        ] {
            assert!(is_list(key), "{key}");
        }
        for key in ["endpoint", "app_id", "app_secret", "base_url", "max_age"] {
            assert!(!is_list(key), "{key}");
        }
    }

    #[test]
    fn bounds_are_durations() {
        for (key, min, max) in RANGES {
            assert!(Span::parse(min) < Span::parse(max), "{key}");
        }
    }

    #[test]
    fn the_documentation_has_a_row_for_each_key() {
        let rows: Vec<_> = key_rows!().lines().collect();
        assert_eq!(rows.len(), KEYS.len());
        assert!(rows.contains(
            &"| `http_timeout` | `\"5s\"` | `LOGTO_HTTP_TIMEOUT` | for one whole exchange with the \
              provider; from `1s` to `120s` |"
        ));
    }
}
