//! Every operation with the three real processes: done, refused, failed, repeated. What holds of all of
//! them alike is in the tests of admission and resilience.

/// One file for each operation: without it, this does not compile.
macro_rules! modules {
    ($($section:ident { $($stem:ident: $arguments:ident,)+ })+) => { $($( mod $stem; )+)+ };
}

operation::list!(modules);
mod create_volume_from_image;
mod server_events;
mod stored;
mod twice;
