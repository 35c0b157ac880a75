//! Any bytes from a mirror and from a target, through the relay's negotiation and transmission. It ends, and never takes a
//! connection for intact whose target refused or lost a write.

#![no_main]

use cinderblock_relay::connections::MirrorConnections;
use cinderblock_relay::handshake::negotiate;
use cinderblock_relay::transmission::{End, carry};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

/// A target that says nothing more is given up after that.
const TIMEOUT: Duration = Duration::from_millis(20);
const BUFFER: usize = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let (mirror, target) = rest.split_at(rest.len() * usize::from(*first) / 256);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(pass(mirror, target));
});

async fn pass(from_mirror: &[u8], from_target: &[u8]) {
    let ((mut mirror, mirror_end), (mut target, target_end)) = (duplex(BUFFER), duplex(BUFFER));
    let relay = async move {
        let negotiated = tokio::time::timeout(TIMEOUT, negotiate(&mut mirror, &mut target)).await;
        let Ok(Ok(Some(export))) = negotiated else { return };
        let connections = MirrorConnections::default();
        connections.admit_without_file(&export).unwrap();
        let connection = connections.open(&export).unwrap();
        let (mirror, target) = (tokio::io::split(mirror), tokio::io::split(target));
        let end = carry(mirror, target, &connection, TIMEOUT).await;
        let is_intact = !connections.links().is_empty();
        assert_eq!(is_intact, end == End::MirrorGone, "{end:?}");
    };
    tokio::join!(relay, say(mirror_end, from_mirror), say(target_end, from_target));
}

/// Sends bytes, and takes whatever comes.
async fn say(stream: DuplexStream, bytes: &[u8]) {
    let (mut incoming, mut outgoing) = tokio::io::split(stream);
    let sending = async {
        // the relay may have given up
        let _ = outgoing.write_all(bytes).await;
        let _ = outgoing.shutdown().await;
    };
    let mut heard = Vec::new();
    let receiving = incoming.read_to_end(&mut heard);
    let _ = tokio::join!(sending, tokio::time::timeout(TIMEOUT * 4, receiving));
}
