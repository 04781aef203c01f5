//! Runs the examples: their own tests, and each as the process that `cargo run` starts.

// Each has a `main` as well.
#![allow(dead_code)]

#[path = "../../api_and_spa/main.rs"]
mod api_and_spa;
#[path = "../../machine_client.rs"]
mod machine_client;
#[path = "../../organizations.rs"]
mod organizations;
#[path = "../../own_database.rs"]
mod own_database;
#[path = "../../roles.rs"]
mod roles;
#[path = "../../sign_in.rs"]
mod sign_in;
#[path = "../../single_page_app/main.rs"]
mod single_page_app;

mod processes;
mod readme;
