//! Whoever dies, wherever: what was accepted happens once, and what was refused never.

mod busy_worker;
mod chaos;
mod crash_points;
mod data;
mod database_trouble;
mod iscsi;
mod late_deliveries;
mod least_rights;
mod locks;
mod many_volumes;
mod migration;
mod private_files;
mod purge;
mod restored_database;
mod sequences;
mod shutdown;
mod slow_clients;
mod start;
mod tls;
mod two_workers;
