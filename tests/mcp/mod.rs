//! The MCP server of `examples/mcp_server`, used by the official client.

mod a_client_finds_its_way;
mod a_session_is_one_users;
mod other_pages_get_nothing;
mod the_newest_revision_has_no_sessions;
mod tokens_are_renewed;
