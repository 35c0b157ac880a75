//! Free loopback ports.

use crate::files;
use anyhow::Context;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::{Ipv4Addr, TcpListener};

/// Below the ports that systems give to clients: one of those could be a connection's own end by the
/// time when a server wants it.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port on which nobody listens now, and that no other test of this repository is given for a long time: whoever
/// gets it does not listen at once.
///
/// # Errors
/// When the machine has none left.
pub fn free() -> anyhow::Result<u16> {
    let mut last_given = LastGiven::lock()?;
    let last = last_given.read()?;
    let port = (1..=COUNT)
        .map(|step| FIRST + (last.wrapping_sub(FIRST) % COUNT + step) % COUNT)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("every port is taken")?;
    last_given.write(port)?;
    Ok(port)
}

/// The port that was given last, in a file that one process at a time has.
struct LastGiven(File);

impl LastGiven {
    fn lock() -> anyhow::Result<Self> {
        let path = files::run_directory().join("last-port");
        let file =
            File::options().create(true).read(true).write(true).truncate(false).open(path)?;
        file.lock()?;
        Ok(Self(file))
    }

    /// Before the first one it is somewhere: two checkouts on one machine do not begin with the same.
    fn read(&mut self) -> anyhow::Result<u16> {
        let mut text = String::new();
        self.0.read_to_string(&mut text)?;
        Ok(text.parse().unwrap_or_else(|_| somewhere()))
    }

    fn write(&mut self, port: u16) -> anyhow::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        Ok(self.0.write_all(port.to_string().as_bytes())?)
    }
}

fn somewhere() -> u16 {
    let [high, low, ..] = *uuid::Uuid::new_v4().as_bytes();
    FIRST + u16::from_be_bytes([high, low]) % COUNT
}
