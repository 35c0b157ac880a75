//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};

/// A port on which nobody listens now.
///
/// # Errors
/// When the machine has none left.
pub fn free() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
