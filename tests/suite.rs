//! All over-the-wire tests, in one binary: a folder for each topic, in it a module
//! for each promise, named after it.
// Tables of cases hold functions.
#![allow(clippy::type_complexity)]
mod support;

mod account;
mod api;
mod browser;
mod claims;
mod configuration;
mod conformance;
mod documents;
mod guards;
mod hooks;
mod mcp;
mod operations;
mod pages;
mod parsers;
mod providers;
mod proxy;
mod session;
mod sign_in;
mod sign_out;
mod testing;
mod tokens;
mod tools;
mod webhooks;
