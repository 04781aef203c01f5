//! `keys!`, which reads the entries of `keys.rs`. An entry is a field of a
//! struct that serde fills, and what has to be known of that key besides:
//!
//! ```text
//! /// What it means.
//! name: Type = default, otherwise "in words", from "1s" to "2m", env LOGTO_NAME;
//! ```
//!
//! All after the type may be left out. A default is written as in TOML and read
//! like a value from the file; where it depends on other keys, `otherwise` says
//! so in words. `read "function"` names what reads the value in place of its type.

macro_rules! keys {
    ($(
        $(#[$attribute:meta])*
        $vis:vis struct $Table:ident $prefix:literal {
            $(
                $(#[doc = $meaning:literal])+
                $key:ident: $type:ty
                    $(= $default:tt)?
                    $(, otherwise $otherwise:literal)?
                    $(, from $min:literal to $max:literal)?
                    $(, read $read:literal)?
                    $(, env $variable:ident)?;
            )*
            $(table $inner:ident: $Inner:ty;)*
        }
    )*) => {
        $(
            #[derive(serde::Deserialize)]
            $(#[$attribute])*
            $vis struct $Table {
                $(
                    $(#[doc = $meaning])+
                    $(#[doc = concat!("\n\nDefault: `", stringify!($default), "`.")])?
                    $(#[serde(deserialize_with = $read)])?
                    $vis $key: $type,
                )*
                $($vis $inner: $Inner,)*
            }
        )*

        /// The rows of the table in the documentation of `LogtoConfig`.
        macro_rules! key_rows {
            () => {
                concat!($($(
                    "| `", $prefix, stringify!($key), "` | ",
                    $("`", stringify!($default), "`",)?
                    $($otherwise,)?
                    " | ",
                    $("`", stringify!($variable), "`",)?
                    " |",
                    $($meaning,)+
                    $("; from `", $min, "` to `", $max, "`",)?
                    " |\n",
                )*)*)
            };
        }
        pub(super) use key_rows;

        /// All keys.
        pub(super) const KEYS: &[&str] = &[$($(concat!($prefix, stringify!($key)),)*)*];

        /// The tables within the table.
        pub(super) const TABLES: &[&str] = &[$($(concat!($prefix, stringify!($inner)),)*)*];

        /// Names of environment variables, each with its key.
        pub(super) const VARIABLES: &[(&str, &str)] = &[$($($(
            (stringify!($variable), concat!($prefix, stringify!($key))),
        )?)*)*];

        /// All keys, each with the type of its value.
        pub(super) const TYPES: &[(&str, &str)] = &[$($(
            (concat!($prefix, stringify!($key)), stringify!($type)),
        )*)*];

        /// Keys of durations, each with the shortest and the longest.
        pub(super) const RANGES: &[(&str, &str, &str)] = &[$($($(
            (concat!($prefix, stringify!($key)), $min, $max),
        )?)*)*];

        /// Keys with what counts where nothing is written.
        pub(super) fn defaults() -> Vec<(&'static str, serde_json::Value)> {
            vec![$($($(
                (concat!($prefix, stringify!($key)), serde_json::json!($default)),
            )?)*)*]
        }
    };
}
