//! The other services of the cloud, as cinderblock asks them: Keystone for a token of its own, Glance for images; and Nova, which is told what
//! happens to the volumes of servers.

pub mod glance;
pub mod http_client;
pub mod nova;
pub mod own_token;
