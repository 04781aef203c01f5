//! What a page tells its reader about one case, as data: `response` says it in the reader's
//! language. The English here is for programs and for the log.

use std::borrow::Cow;

/// What can be done where the provider refuses a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    NoMember,
    ScopeNotAskedFor,
    ScopesNotGranted,
    ResourceUnknown,
    NoRefreshToken,
    SubjectTokenUnusable,
    UserNoMember,
    NoAccess,
    UserNoAccess,
    NotVerified,
}

impl Advice {
    #[cfg(any(test, feature = "_internals"))]
    pub(crate) const ALL: [Advice; 10] = [
        Advice::NoMember,
        Advice::ScopeNotAskedFor,
        Advice::ScopesNotGranted,
        Advice::ResourceUnknown,
        Advice::NoRefreshToken,
        Advice::SubjectTokenUnusable,
        Advice::UserNoMember,
        Advice::NoAccess,
        Advice::UserNoAccess,
        Advice::NotVerified,
    ];

    pub(crate) fn english(self) -> &'static str {
        match self {
            Advice::NoMember => "You are not a member of this organization, or it does not exist.",
            Advice::ScopeNotAskedFor => {
                "A scope was not asked for at sign-in: add it to logto.scopes and sign in again."
            }
            Advice::ScopesNotGranted => "These scopes were not granted at sign-in.",
            Advice::ResourceUnknown => {
                "This API resource is unknown, or was not asked for at sign-in: add it to \
                 logto.resources and sign in again."
            }
            Advice::NoRefreshToken => {
                "Signing in gave no refresh token: keep the scope offline_access and prompt = \
                 [\"consent\"]"
            }
            Advice::SubjectTokenUnusable => {
                "This token is unknown, used up or expired, or its user is suspended."
            }
            Advice::UserNoMember => {
                "The user is not a member of this organization, or it does not exist."
            }
            Advice::NoAccess => {
                "It may have been taken back. Whoever manages this app at the sign-in service can \
                 give it again."
            }
            Advice::UserNoAccess => {
                "The user of this token has no access to this app at the sign-in service."
            }
            Advice::NotVerified => {
                "Confirm first that it is you: that has not happened, or more than ten minutes ago."
            }
        }
    }
}

/// Which authentication could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    SecondFactor,
    /// By the names that the provider has for it.
    Way(String),
    Recency,
}

impl Missing {
    #[cfg(any(test, feature = "_internals"))]
    pub(crate) fn all() -> [Missing; 3] {
        let way = Missing::Way("urn:a, urn:b".to_owned());
        [Missing::SecondFactor, way, Missing::Recency]
    }
}

/// What the user is told besides what the kind of the error says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The app's own words.
    Words(String),
    /// What it takes to see a page: one of these roles, or only to be a member.
    Needs {
        roles: &'static [&'static str],
        in_organization: bool,
    },
    Missing(Missing),
}

impl Told {
    /// The app's own.
    pub(crate) fn words(&self) -> Option<&str> {
        match self {
            Told::Words(words) => Some(words),
            Told::Needs { .. } | Told::Missing(_) => None,
        }
    }

    pub(crate) fn english(&self) -> Cow<'_, str> {
        let (roles, place) = match self {
            Told::Words(words) => return Cow::Borrowed(words),
            Told::Missing(Missing::SecondFactor) => {
                return Cow::Borrowed(
                    "It needs a second factor, such as a code from an app or a passkey: set one \
                     up in your account there, then try again.",
                );
            }
            Told::Missing(Missing::Way(names)) => {
                return Cow::Owned(format!("It needs a sign-in of this kind: “{names}”."));
            }
            Told::Missing(Missing::Recency) => {
                return Cow::Borrowed("It needs a sign-in that is more recent.");
            }
            Told::Needs {
                roles,
                in_organization,
            } => match in_organization {
                true => (*roles, " in this organization"),
                false => (*roles, ""),
            },
        };
        Cow::Owned(match roles {
            [] => format!("You need to be a member{place}."),
            [role] => format!("You need the role “{role}”{place}."),
            roles => format!("You need one of the roles “{}”{place}.", roles.join("”, “")),
        })
    }
}
