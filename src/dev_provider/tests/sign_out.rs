//! Sign-out, revocation and introspection.
