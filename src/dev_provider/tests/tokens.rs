//! The token and userinfo endpoints.

use super::*;
