//! What the tests share. A promise uses a part of it, never the whole.
#![allow(dead_code)]

pub mod app;
pub mod backchannel;
pub mod browser;
pub mod chromium;
pub mod cookie_date;
pub mod cookie_jar;
pub mod demo;
pub mod exchange;
pub mod html;
pub mod npm_provider;
pub mod person;
pub mod raw_server;
pub mod redis;
pub mod serve;
pub mod sessions;
