//! Who may do what, in the words of OpenStack: the language of oslo.policy, its files, and Cinder's rules with their defaults.
//!
//! A [`Rule`] guards a part of the API. Its [`Check`] is Cinder's default, or what the policy file says; it is decided from
//! what is known of the caller and of the object that is asked for.

mod check;
mod files;
mod live;
mod parse;
mod policy;
mod rules;
mod sample;

pub use check::{Check, Target};
pub use files::PolicyFiles;
pub use live::LivePolicy;
pub use parse::ParseError;
pub use policy::{Policy, PolicyError, Source};
pub use rules::{Rule, Subject, UnknownRule};
pub use sample::sample;
