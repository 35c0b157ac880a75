//! Replication of real data: what was acknowledged is there after a disaster, and comes home again.

mod disaster;
mod round_trip;
mod target_trouble;
mod writer;
