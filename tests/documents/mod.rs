//! What the documents say is so: the tests, modules and examples that they name. And the suite leaves out no file.

mod a_newcomer_follows_the_readme;
mod every_file_is_in_the_suite;
mod examples_run;
mod imports_run_one_way;
mod mistakes_are_explained_by_the_compiler;
mod the_conformance_document_names_real_tests;
mod the_dashboard_shows_what_there_is;
mod the_deployment_files_fit;
mod the_providers_table_is_what_the_tests_do;
mod the_readme_is_short_and_also_in_thai;
mod the_scale_document_is_what_was_measured;
mod the_security_policy_names_real_tests;
mod troubleshooting_quotes_real_log_lines;
