//! What Logto tells by itself: only Logto is believed, each message once, and what follows
//! from it has happened with the next request, at every instance.

mod each_message_counts_once;
mod instances_hear_of_it_together;
mod only_logto_is_believed;
mod the_development_provider_tells;
mod what_logto_tells_is_done;
