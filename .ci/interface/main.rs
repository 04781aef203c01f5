//! interface JSON: prints what the crate of that rustdoc JSON lets others use.
use std::env;
use std::error::Error;

use public_api::Builder;

/// The compiler finds these by itself, and what a dependency has inside can change
/// them. `Send` and `Sync` stay: callers notice at once when those are gone.
const UNREMARKABLE: [&str; 6] = [
    " core::marker::Freeze for ",
    " core::marker::StructuralPartialEq for ",
    " core::marker::Unpin for ",
    " core::marker::UnsafeUnpin for ",
    "core::panic::unwind_safe::RefUnwindSafe for ",
    "core::panic::unwind_safe::UnwindSafe for ",
];

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args_os().nth(1).ok_or("usage: interface JSON")?;
    let api = Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    for item in api.items().map(ToString::to_string) {
        if !UNREMARKABLE.iter().any(|name| item.starts_with("impl") && item.contains(name)) {
            println!("{item}");
        }
    }
    Ok(())
}
