//! Whoever dies, wherever: what was accepted happens once, and what was refused never.

mod chaos;
mod crash_points;
mod data;
mod database_trouble;
mod iscsi;
mod migration;
mod purge;
mod sequences;
mod shutdown;
mod start;
mod two_workers;
