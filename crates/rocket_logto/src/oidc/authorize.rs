//! What one sign-in asks of the provider beside the configuration, as the
//! parameters of an authorization request.

use super::authentication::RequestedAuthentication;
use crate::config::parameters::{DirectSignIn, FirstScreen, Identifier, Prompt};

/// Everything about one sign-in request that is not configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthorizeOptions {
    pub first_screen: Option<FirstScreen>,
    pub identifiers: Vec<Identifier>,
    pub direct_sign_in: Option<DirectSignIn>,
    pub login_hint: Option<String>,
    pub one_time_token: Option<String>,
    pub ui_locales: Option<String>,
    pub organization_id: Option<String>,
    pub prompt: Option<Vec<Prompt>>,
    pub max_age: Option<u32>,
    pub acr_values: Vec<String>,
    pub extra: Vec<(String, String)>,
}

impl AuthorizeOptions {
    /// What of the authentication is asked for in so many words.
    pub(crate) fn asked(&self) -> RequestedAuthentication {
        RequestedAuthentication {
            max_age: self.max_age,
            acr_values: self.acr_values.clone(),
            since: None,
        }
    }

    /// Logto's extra parameters, then the free ones, in the order they are sent.
    pub(crate) fn extra_params(&self) -> Vec<(String, String)> {
        let mut params = Vec::new();
        let mut push = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                params.push((name.to_owned(), value));
            }
        };
        push(
            "first_screen",
            self.first_screen.map(|screen| screen.as_str().to_owned()),
        );
        if self.first_screen.is_some_and(FirstScreen::takes_identifier) {
            let identifiers: Vec<_> = self.identifiers.iter().map(|id| id.as_str()).collect();
            push(
                "identifier",
                (!identifiers.is_empty()).then(|| identifiers.join(" ")),
            );
        }
        push(
            "direct_sign_in",
            self.direct_sign_in.as_ref().map(DirectSignIn::to_param),
        );
        push("login_hint", self.login_hint.clone());
        push("one_time_token", self.one_time_token.clone());
        push("ui_locales", self.ui_locales.clone());
        push("organization_id", self.organization_id.clone());
        params.extend(self.extra.iter().cloned());
        params
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_goes_only_where_logto_knows_it() {
        let mut options = AuthorizeOptions {
            first_screen: Some(FirstScreen::Register),
            identifiers: vec![Identifier::Email, Identifier::Phone],
            ..Default::default()
        };
        assert_eq!(
            options.extra_params(),
            [("first_screen".into(), "register".into())]
        );
        options.first_screen = Some(FirstScreen::IdentifierRegister);
        assert!(
            options
                .extra_params()
                .contains(&("identifier".into(), "email phone".into()))
        );
    }
}
