//! Logto's names for organizations.

/// The scope with which a sign-in is about organizations, too; without it Logto
/// gives no organization token.
pub const ORGANIZATIONS_SCOPE: &str = "urn:logto:scope:organizations";

/// The scope with which Logto puts the user's roles in organizations into the ID token.
pub(crate) const ORGANIZATION_ROLES_SCOPE: &str = "urn:logto:scope:organization_roles";

/// The scope with which Logto puts the user's own roles there.
pub(crate) const ROLES_SCOPE: &str = "roles";

/// The resource that stands for the organizations themselves. The crate asks
/// for it wherever it asks for [`ORGANIZATIONS_SCOPE`].
pub const ORGANIZATIONS_RESOURCE: &str = "urn:logto:resource:organizations";

/// What the `aud` of an organization's own token begins with; its id follows.
pub(crate) const ORGANIZATION: &str = "urn:logto:organization:";
