//! Every answer of the app carries its security headers, once each.
