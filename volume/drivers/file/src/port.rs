//! The port of an array's listener: the same after a restart, because servers were told of it.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::path::Path;

/// The configured port; for 0, the one that was noted, while nobody else has it, or a free one.
pub(crate) fn choose(address: IpAddr, configured: u16, note: &Path) -> io::Result<u16> {
    let port = match configured {
        0 => noted(note)
            .filter(|port| TcpListener::bind((address, *port)).is_ok())
            .map_or_else(|| free(address), Ok)?,
        port => port,
    };
    std::fs::write(note, port.to_string())?;
    Ok(port)
}

/// The port that was chosen last.
pub(crate) fn noted(note: &Path) -> Option<u16> {
    std::fs::read_to_string(note).ok()?.trim().parse().ok()
}

fn free(address: IpAddr) -> io::Result<u16> {
    Ok(TcpListener::bind((address, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_port_is_kept_unless_somebody_took_it() {
        let directory = tempfile::tempdir().unwrap();
        let note = directory.path().join("port");
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let first = choose(address, 0, &note).unwrap();
        assert_eq!(choose(address, 0, &note).unwrap(), first);
        let _taken = TcpListener::bind((address, first)).unwrap();
        let second = choose(address, 0, &note).unwrap();
        assert_ne!(second, first);
        assert_eq!(noted(&note), Some(second));
        assert_eq!(choose(address, 3260, &note).unwrap(), 3260);
    }
}
