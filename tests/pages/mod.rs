//! The web app's own pages, and what every page carries.

mod organizations_resources_and_session;
mod pages_carry_security_headers;
