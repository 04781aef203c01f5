//! What the documents say is so: the tests, modules and examples that they name.

mod conformance_document;
mod examples_run;
mod the_security_policy_names_real_tests;
