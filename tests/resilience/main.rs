//! Whoever dies, wherever: what was accepted happens once, and what was refused never.

mod chaos;
mod crash_points;
mod database_trouble;
mod migration;
mod purge;
mod shutdown;
mod two_workers;
