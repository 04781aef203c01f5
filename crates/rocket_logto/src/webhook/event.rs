//! `WebhookEvent`: what Logto says in a webhook, and what follows from it.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

type Json = Map<String, Value>;

/// At so many ids Logto cuts the lists of a message about members.
const CUT_AT: usize = 5000;
/// Of more users than these it is no use to look at each.
const EACH: usize = 100;

/// What a [`Webhook`](crate::Webhook) says. What is not known here is kept as JSON, and so
/// is an event without the members that its variant has.
///
/// # Examples
///
/// ```rust
/// use rocket_logto::WebhookEvent;
///
/// let event: WebhookEvent = serde_json::from_str(r#"{
///     "event": "User.SuspensionStatus.Updated",
///     "data": { "id": "alice4hy6kz2", "isSuspended": true }
/// }"#)?;
/// let WebhookEvent::UserSuspensionStatusUpdated(user) = event else { panic!() };
/// assert_eq!(user.id, "alice4hy6kz2");
/// assert_eq!(user.is_suspended, Some(true));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum WebhookEvent {
    /// `User.Created`: somebody has signed up, or was made in the console.
    UserCreated(WebhookUser),
    /// `User.Data.Updated`: name, addresses, custom data or password have changed.
    UserDataUpdated(WebhookUser),
    /// `User.SuspensionStatus.Updated`: see [`WebhookUser::is_suspended`].
    UserSuspensionStatusUpdated(WebhookUser),
    /// `User.Deleted`.
    UserDeleted(WebhookUser),
    /// `Organization.Membership.Updated`: users or applications have come to an organization
    /// or have left it.
    OrganizationMembershipUpdated(WebhookMembership),
    /// `Organization.Created`, `.Deleted` and `.Data.Updated`: the whole message.
    Organization(Json),
    /// `Role.…`, `Scope.…`, `OrganizationRole.…` and `OrganizationScope.…`: the whole message.
    /// It says what a role or a permission is now, never who has it.
    Permissions(Json),
    /// `PostRegister`: somebody has signed up.
    PostRegister(WebhookInteraction),
    /// `PostSignIn`: somebody has signed in.
    PostSignIn(WebhookInteraction),
    /// `PostResetPassword`: somebody who had forgotten their password has a new one.
    PostResetPassword(WebhookInteraction),
    /// Anything else: the whole message.
    Other(Json),
}

/// The user that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookUser {
    /// The `sub` of the user's tokens.
    pub id: String,
    /// `isSuspended` of `data`.
    pub is_suspended: Option<bool>,
    /// All of `data`, which may be empty for a user who is deleted: `username`,
    /// `primaryEmail`, `customData`, …
    pub data: Json,
}

/// A change of an organization's members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookMembership {
    /// The organization.
    pub organization_id: String,
    /// Users who have come to it. Older versions of Logto name nobody.
    pub added_user_ids: Vec<String>,
    /// Users who have left it, in the same way.
    pub removed_user_ids: Vec<String>,
    /// Whether others may have come or left: nobody is named, or a list is as long as Logto
    /// makes them, which is 5,000.
    pub may_be_others: bool,
}

/// Somebody has signed in, signed up or got a new password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookInteraction {
    /// The `sub` of the user's tokens.
    pub user_id: String,
    /// The application they came from.
    pub application_id: Option<String>,
    /// The whole message: `user`, `userIp`, `sessionId`, `application`, …
    pub message: Json,
}

/// What follows from an event for sessions here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect<'a> {
    Nothing,
    /// All sessions of the user end.
    Ends(&'a str),
    /// Claims and access tokens are asked for anew.
    Outdates(Whose<'a>),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    These(Vec<&'a str>),
    Everybodys,
}

impl WebhookEvent {
    fn of(message: Json) -> WebhookEvent {
        let name = text(&message, "event").unwrap_or_default();
        let kind = name.split('.').next().unwrap_or_default();
        let found = match (name, kind) {
            ("User.Created", _) => user(&message).map(WebhookEvent::UserCreated),
            ("User.Data.Updated", _) => user(&message).map(WebhookEvent::UserDataUpdated),
            ("User.SuspensionStatus.Updated", _) => {
                user(&message).map(WebhookEvent::UserSuspensionStatusUpdated)
            }
            ("User.Deleted", _) => user(&message).map(WebhookEvent::UserDeleted),
            ("Organization.Membership.Updated", _) => {
                membership(&message).map(WebhookEvent::OrganizationMembershipUpdated)
            }
            ("PostRegister", _) => interaction(&message).map(WebhookEvent::PostRegister),
            ("PostSignIn", _) => interaction(&message).map(WebhookEvent::PostSignIn),
            ("PostResetPassword", _) => interaction(&message).map(WebhookEvent::PostResetPassword),
            (_, "Organization") => return WebhookEvent::Organization(message),
            (_, "Role" | "Scope" | "OrganizationRole" | "OrganizationScope") => {
                return WebhookEvent::Permissions(message);
            }
            _ => None,
        };
        found.unwrap_or(WebhookEvent::Other(message))
    }

    pub(super) fn effect(&self, name: &str) -> Effect<'_> {
        match self {
            WebhookEvent::UserDeleted(user) => Effect::Ends(&user.id),
            WebhookEvent::UserSuspensionStatusUpdated(user) if user.is_suspended == Some(true) => {
                Effect::Ends(&user.id)
            }
            WebhookEvent::UserDataUpdated(user) => Effect::Outdates(Whose::These(vec![&user.id])),
            WebhookEvent::OrganizationMembershipUpdated(members) => members.effect(),
            // Nobody has it yet.
            WebhookEvent::Organization(_) | WebhookEvent::Permissions(_)
                if name.ends_with(".Created") =>
            {
                Effect::Nothing
            }
            WebhookEvent::Organization(_) | WebhookEvent::Permissions(_) => {
                Effect::Outdates(Whose::Everybodys)
            }
            _ => Effect::Nothing,
        }
    }
}

impl WebhookMembership {
    fn effect(&self) -> Effect<'_> {
        let named = self.added_user_ids.iter().chain(&self.removed_user_ids);
        let mut named: Vec<&str> = named.map(String::as_str).collect();
        named.sort_unstable();
        named.dedup();
        match self.may_be_others || named.len() > EACH {
            true => Effect::Outdates(Whose::Everybodys),
            false if named.is_empty() => Effect::Nothing,
            false => Effect::Outdates(Whose::These(named)),
        }
    }
}

impl<'de> Deserialize<'de> for WebhookEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WebhookEvent, D::Error> {
        Json::deserialize(deserializer).map(WebhookEvent::of)
    }
}

fn text<'m>(message: &'m Json, name: &str) -> Option<&'m str> {
    message.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The user in `data`. A message about a deletion may have none there; then the path of the
/// call to the Management API that has caused it says who it was.
fn user(message: &Json) -> Option<WebhookUser> {
    let object = |name| message.get(name).and_then(Value::as_object);
    let data = object("data").cloned().unwrap_or_default();
    let of_data = text(&data, "id");
    let of_path = || object("params").and_then(|params| text(params, "userId"));
    let id = of_data.or_else(of_path)?.to_owned();
    Some(WebhookUser {
        id,
        is_suspended: data.get("isSuspended").and_then(Value::as_bool),
        data,
    })
}

fn membership(message: &Json) -> Option<WebhookMembership> {
    let ids = |name| {
        let ids = message.get(name).and_then(Value::as_array);
        let ids = ids.into_iter().flatten().filter_map(Value::as_str);
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    let lists = [
        ids("addedUserIds"),
        ids("removedUserIds"),
        ids("addedApplicationIds"),
        ids("removedApplicationIds"),
    ];
    let may_be_others =
        lists.iter().all(Vec::is_empty) || lists.iter().any(|list| list.len() >= CUT_AT);
    let [added_user_ids, removed_user_ids, ..] = lists;
    Some(WebhookMembership {
        organization_id: text(message, "organizationId")?.to_owned(),
        added_user_ids,
        removed_user_ids,
        may_be_others,
    })
}

fn interaction(message: &Json) -> Option<WebhookInteraction> {
    let application = message.get("application").and_then(Value::as_object);
    let application = application.and_then(|application| text(application, "id"));
    let application = text(message, "applicationId").or(application);
    Some(WebhookInteraction {
        user_id: text(message, "userId")?.to_owned(),
        application_id: application.map(str::to_owned),
        message: message.clone(),
    })
}
