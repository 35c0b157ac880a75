//! Whoever dies, wherever: what was accepted happens once, and what was refused never.

mod busy_worker;
mod chaos;
mod crash_points;
mod data;
mod database_trouble;
mod iscsi;
mod late_deliveries;
mod locks;
mod many_volumes;
mod migration;
mod purge;
mod restored_database;
mod sequences;
mod shutdown;
mod start;
mod two_workers;
