//! The names that Logto reserves.

/// The scope that names a user's organizations.
pub(crate) const ORGANIZATIONS_SCOPE: &str = "urn:logto:scope:organizations";
/// The scope that names a user's roles in organizations.
pub(crate) const ORGANIZATION_ROLES_SCOPE: &str = "urn:logto:scope:organization_roles";
/// The scope for which the Account API shows a user's sessions.
pub(crate) const SESSIONS_SCOPE: &str = "urn:logto:scope:sessions";
/// The resource whose scopes are those of organization roles.
pub(crate) const ORGANIZATIONS_RESOURCE: &str = "urn:logto:resource:organizations";
/// The Management API, which is there without being registered.
pub(crate) const MANAGEMENT_API: &str = "https://default.logto.app/api";
/// Its one scope.
pub(crate) const MANAGEMENT_SCOPE: &str = "all";
/// The role that gives this scope.
pub(crate) const MANAGEMENT_ROLE: &str = "Logto Management API access";

/// The audience of an organization token.
pub(crate) fn organization_audience(id: &str) -> String {
    format!("urn:logto:organization:{id}")
}
