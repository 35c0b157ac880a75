//! Replication of real data: what was acknowledged is there after a disaster, and is resynchronised to the primary again.

mod cinderblock_manage;
mod clients;
mod cluster_members;
mod data_loss;
mod disaster;
mod drill;
mod kills;
mod round_trip;
mod target_trouble;
mod verification;
