//! What the tests share. A promise uses a part of it, never the whole.
#![allow(dead_code)]

pub mod api_app;
pub mod app;
pub mod attacks;
pub mod backchannel;
pub mod basic_modules;
pub mod bearer_api;
pub mod beside;
pub mod browser;
pub mod certificate;
pub mod chromium;
pub mod clock;
pub mod conformance;
pub mod cookie_date;
pub mod cookie_jar;
pub mod demo;
pub mod eventually;
pub mod exchange;
pub mod html;
pub mod instances;
pub mod launch;
pub mod leaks;
pub mod log;
pub mod nginx;
pub mod npm_provider;
pub mod pages;
pub mod person;
pub mod raw_server;
pub mod redis;
pub mod refusal;
pub mod serve;
pub mod sessions;
pub mod signer;
pub mod tenant;
pub mod tls_app;
pub mod token_app;
