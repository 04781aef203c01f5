//! What the application does about a change, and when: said after each of them. About
//! an application with rocket_logto; its guide to sessions says the same.

/// What the application is told of.
#[derive(Clone, Copy)]
pub(super) struct Told {
    /// A back-channel logout URI is registered.
    pub(super) of_sign_outs: bool,
    /// A webhook is.
    pub(super) of_changes: bool,
}

/// After a change of a user.
pub(super) fn of_user(done: &str, told: Told) -> Option<&'static str> {
    Some(match (done, told.of_changes, told.of_sign_outs) {
        ("suspended", true, _) => {
            "Suspended: their sessions and tokens here are gone, and a webhook is on its way, as at \
             Logto: the application signs them out in all browsers with the next request."
        }
        ("suspended", false, _) => {
            "Suspended: their sessions and tokens here are gone, and the application is not told, as \
             at Logto. It signs them out when it next asks: to refresh the claims \
             (claims_max_age, one hour unless set), for a token, or for userinfo. A webhook \
             would tell it at once, and none is registered."
        }
        ("back", ..) => {
            "Brought back: they can sign in again. Sessions that ended do not come back."
        }
        ("taken", ..) => {
            "Access to the application is taken back, and the application is not told. When it next \
             asks for a token or refreshes the claims (claims_max_age, one hour unless set), the \
             answer is access_denied: it shows the user that they have no access, and their session \
             stays. Userinfo goes on answering, as at Logto."
        }
        ("given", ..) => {
            "They have access to the application again. A session that stayed goes on with the next \
             request."
        }
        ("roles", true, _) => {
            "Saved. Of memberships that have changed a webhook is on its way, and the application \
             asks for claims and tokens anew with the next request. Who has which role is no event \
             at Logto: that shows at the next refresh of the claims (claims_max_age, one hour unless \
             set), and in userinfo at once. For more scopes of an API than were granted, the user \
             signs in again."
        }
        ("roles", false, _) => {
            "Saved. The application sees it at the next refresh of the claims (claims_max_age, one \
             hour unless set), and in userinfo at once. Access tokens keep their scopes until they \
             expire; for more scopes of an API than were granted, the user signs in again."
        }
        ("ended", _, true) => {
            "Ended, and a logout token is on its way: the application signs them out in all browsers \
             with the next request. Refresh tokens with offline_access outlive this at the provider, \
             as at Logto."
        }
        ("ended", _, false) => {
            "Ended here. No back-channel logout URI is registered, so the application is not told: \
             its own sessions go on."
        }
        _ => return None,
    })
}

/// After another change. `is_told`: a webhook is registered.
pub(super) fn of_provider(done: &str, is_told: bool) -> Option<&'static str> {
    Some(match done {
        "deleted" if is_told => {
            "Deleted: their sessions and tokens here are gone, and a webhook is on its way, as at \
             Logto: the application signs them out in all browsers with the next request."
        }
        "deleted" => {
            "Deleted: their sessions and tokens here are gone, and the application is not told, as at \
             Logto. It signs them out when it next asks: to refresh the claims (claims_max_age, one \
             hour unless set), for a token, or for userinfo."
        }
        "rotated" => {
            "Rotated. At the next sign-in, refresh or token the application meets a key it does not \
             know, and fetches the key set: nobody is signed out."
        }
        "type" => {
            "The type of key has changed. At the next sign-in, refresh or token the application meets \
             a key it does not know, and fetches the key set and the metadata: nobody is signed out, \
             unless id_token_alg names the old algorithm only. Then nobody can sign in."
        }
        _ => return None,
    })
}

/// For eyes and screen readers.
pub(super) fn status(text: Option<&str>) -> String {
    let shown = |text| format!(r#"<p class="done" role="status">{text}</p>"#);
    text.map(shown).unwrap_or_default()
}
