//! What users and operators do at Logto itself: account pages, sessions there, the Management
//! API.

mod account_pages_lead_back;
mod the_management_api_is_typed;
mod users_see_their_sessions_at_logto;
