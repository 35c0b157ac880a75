//! The gate: every operation under every condition of its backend, and a freeze among many requests.

mod every_operation;
mod expectations;
mod freeze_race;
mod known_words;
mod preconditions;
