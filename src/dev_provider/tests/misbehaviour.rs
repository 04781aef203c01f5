//! Hooks: what a test can make the provider do wrong.
