//! Self-tests of the tests' own tools: no promise of the app is in here.

mod a_page_is_read_as_a_browser_reads_it;
mod browser_jar_follows_rfc6265bis;
mod chromium_works;
mod npm_provider_works;
mod servers_and_processes_stop_when_told;
mod the_browser_does_as_fetch_says;
mod the_raw_server_misbehaves_on_demand;
