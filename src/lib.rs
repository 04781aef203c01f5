//! Sign-in with Logto (and any OpenID Connect provider) for Rocket.
