//! The names of the messages that belong to no certain kind of page. Those that do are
//! named after it: [`PageKind::title`](crate::response::page::PageKind::title).

use super::Key;

macro_rules! messages {
    ($($name:ident = $id:literal $(. $attribute:literal)?;)*) => {
        $(pub(crate) const $name: Key = Key {
            id: $id,
            attribute: messages!(@attribute $($attribute)?),
        };)*

        #[cfg(test)]
        pub(super) const ALL: &[Key] = &[$($name,)*];
    };
    (@attribute) => { None };
    (@attribute $attribute:literal) => { Some($attribute) };
}

messages! {
    SHARED_DEVICE = "signed-out"."shared-device";
    SIGN_IN_BY_LINK_AS = "sign-in-by-link"."as";
    CAREFUL = "sign-in-by-link"."careful";
    SWITCH_ACCOUNT_AS = "switch-account"."as";
    NOT_CARRIED_OUT = "not-carried-out";
    NEEDS_MEMBER = "needs-member";
    NEEDS_MEMBER_HERE = "needs-member"."here";
    NEEDS_ROLE = "needs-role";
    NEEDS_ROLE_HERE = "needs-role"."here";
    NEEDS_ONE_ROLE = "needs-one-role";
    NEEDS_ONE_ROLE_HERE = "needs-one-role"."here";
    QUOTED = "quoted";
    NEEDS_SECOND_FACTOR = "needs-second-factor";
    NEEDS_KIND_OF_SIGN_IN = "needs-kind-of-sign-in";
    NEEDS_RECENT_SIGN_IN = "needs-recent-sign-in";
    STILL_SIGNED_IN = "still-signed-in";
    NO_MEMBER = "no-member";
    SCOPE_NOT_ASKED_FOR = "scope-not-asked-for";
    SCOPES_NOT_GRANTED = "scopes-not-granted";
    RESOURCE_UNKNOWN = "resource-unknown";
    NO_REFRESH_TOKEN = "no-refresh-token";
    SUBJECT_TOKEN_UNUSABLE = "subject-token-unusable";
    USER_NO_MEMBER = "user-no-member";
    GIVEN_AGAIN = "no-access"."again";
    USER_NO_ACCESS = "user-no-access";
    NOT_VERIFIED = "not-verified";
    SIGN_IN = "action-sign-in";
    SIGN_IN_AGAIN = "action-sign-in-again";
    SIGN_IN_AS_SOMEONE_ELSE = "action-sign-in-as-someone-else";
    HOME = "action-home";
    TRY_AGAIN = "action-try-again";
    SIGN_OUT = "action-sign-out";
    STAY_SIGNED_IN = "action-stay-signed-in";
    STAY_SIGNED_IN_AS = "action-stay-signed-in-as";
    CONTINUE = "action-continue";
    CANCEL = "action-cancel";
    REFERENCE = "reference";
    FOR_THE_DEVELOPER = "for-the-developer";
    FOR_THE_DEVELOPER_TEXT = "for-the-developer"."text";
}
