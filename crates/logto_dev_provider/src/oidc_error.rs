//! Error answers in Logto's words: the OAuth fields, and Logto's own `code`
//! and `message` beside them.

use serde_json::json;

use crate::wire::Reply;

#[derive(Clone, Debug)]
pub(crate) struct OidcError {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: String,
    pub(crate) scope: Option<String>,
    challenge: Option<String>,
    dpop_nonce: Option<String>,
}

impl OidcError {
    pub(crate) fn new(status: u16, error: &'static str, description: &str) -> OidcError {
        let description = description.to_owned();
        OidcError {
            status,
            error,
            description,
            scope: None,
            challenge: None,
            dpop_nonce: None,
        }
    }

    pub(crate) fn invalid_request(description: &str) -> OidcError {
        OidcError::new(400, "invalid_request", description)
    }

    pub(crate) fn provided_twice(name: &str) -> OidcError {
        let description = format!("'{name}' parameter must not be provided twice");
        OidcError::invalid_request(&description)
    }

    /// A client that is not registered.
    pub(crate) fn unknown_client(id: &str) -> OidcError {
        OidcError::new(400, "invalid_client", &format!("invalid client {id}"))
    }

    /// Does not tell the client why, as at Logto: the reason is in the log.
    pub(crate) fn invalid_grant(why: &str) -> OidcError {
        log::debug!("development provider: invalid_grant: {why}");
        OidcError::new(400, "invalid_grant", "grant request is invalid")
    }

    /// The user may not use the application.
    pub(crate) fn no_access() -> OidcError {
        OidcError::new(400, "access_denied", "Access denied.")
    }

    /// A grant that the client is not registered for.
    pub(crate) fn grant_not_allowed() -> OidcError {
        OidcError::invalid_request("requested grant type is not allowed for this client")
    }

    pub(crate) fn invalid_target() -> OidcError {
        OidcError::new(
            400,
            "invalid_target",
            "resource indicator is missing, or unknown",
        )
    }

    pub(crate) fn invalid_client() -> OidcError {
        OidcError::new(401, "invalid_client", "client authentication failed")
    }

    /// A bearer token that is not good here (RFC 6750, section 3).
    pub(crate) fn invalid_token(issuer: &str) -> OidcError {
        let error = OidcError::new(401, "invalid_token", "invalid token provided");
        error.challenged("Bearer", issuer)
    }

    pub(crate) fn scope(mut self, scope: &str) -> OidcError {
        self.scope = Some(scope.to_owned());
        self
    }

    pub(crate) fn challenged(mut self, scheme: &str, realm: &str) -> OidcError {
        let OidcError {
            error, description, ..
        } = &self;
        self.challenge = Some(format!(
            r#"{scheme} realm="{realm}", error="{error}", error_description="{description}""#
        ));
        self
    }

    /// A bare challenge: no token at all came (RFC 6750, section 3.1).
    pub(crate) fn bare_challenge(mut self, realm: &str) -> OidcError {
        self.challenge = Some(format!(r#"Bearer realm="{realm}""#));
        self
    }

    /// With the nonce that a proof must have (RFC 9449, section 8).
    pub(crate) fn with_dpop_nonce(mut self, nonce: &str) -> OidcError {
        self.dpop_nonce = Some(nonce.to_owned());
        self
    }

    /// The same as the answer of a protected resource.
    pub(crate) fn of_resource(mut self) -> OidcError {
        self.status = 401;
        self
    }

    fn message(&self) -> &'static str {
        match self.error {
            "invalid_grant" => "Grant request is invalid.",
            "invalid_client" => "An OIDC error occurred: oidc.invalid_client.",
            "invalid_scope" => "Invalid scope: {{error_description}}.",
            "invalid_target" => "Invalid resource indicator.",
            "access_denied" => "Access denied.",
            "insufficient_scope" => "Token missing scope `{{scope}}`.",
            "unsupported_token_type" => "An OIDC error occurred: oidc.unsupported_token_type.",
            "unsupported_grant_type" => "Unsupported `grant_type` requested.",
            "invalid_token" => "Invalid token provided.",
            "invalid_redirect_uri" => {
                "`redirect_uri` did not match any of the client's registered `redirect_uris`."
            }
            _ => "Request is invalid.",
        }
    }

    /// The JSON page of an error that is not sent to the client by redirect.
    pub(crate) fn reply(&self) -> Reply {
        let mut body = json!({
            "code": format!("oidc.{}", self.error),
            "message": self.message(),
            "error": self.error,
            "error_description": self.description,
        });
        if self.error == "invalid_grant" {
            body["error_uri"] = json!("https://openid.sh/debug/invalid_grant");
        }
        if let Some(scope) = &self.scope {
            body["scope"] = json!(scope);
        }
        let mut reply = Reply::json(self.status, &body);
        if let Some(nonce) = &self.dpop_nonce {
            reply.set_header("dpop-nonce", nonce);
        }
        match &self.challenge {
            Some(challenge) => reply.with("www-authenticate", challenge),
            None => reply,
        }
    }
}
