//! Parsers of what strangers send, called without a server (`rocket_logto::internals`).

mod every_seed_keeps_its_property;
