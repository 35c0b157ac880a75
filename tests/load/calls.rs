//! Calls over the broker: ours, beside the echo of the library below it, of a bare socket, and beside the peer's.
//!
//! A call is a request to a queue and the reply to it, which comes over RabbitMQ's direct reply-to. An echo confirms and
//! acknowledges nothing; our calls do both.

mod bare_socket;
mod lapin_echo;
mod oslo;
mod ours;

use crate::row::Grid;
use crate::system::System;

/// How many callers wait at the same time.
const CALLERS: [usize; 3] = [1, 16, 64];

/// What a request carries: about as much as a small request for admission.
const PAYLOAD: &[u8] = &[b'x'; 600];

/// Measures calls per second.
///
/// # Errors
/// When the broker does not answer.
pub async fn measure(system: &System) -> anyhow::Result<Grid> {
    system.say("calls over the broker");
    let broker = system.addresses().amqp;
    let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
    let (mut socket, mut library, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for callers in CALLERS {
        socket.push(bare_socket::rate(&broker, callers, system.time).await?);
        library.push(lapin_echo::rate(&broker, callers, system.time).await?);
        own.push(ours::rate(&broker, callers, system.time).await?);
    }
    let peer = oslo::rates(&broker, &CALLERS, system.time).await?;
    let share = |of: &[f64]| own.iter().zip(of).map(|(own, other)| own / other).collect();
    let of_library = share(&library);
    let of_peer = share(&peer);
    rows.push(("echo with a bare socket, /s".to_owned(), socket));
    rows.push(("echo with `lapin`, /s".to_owned(), library));
    rows.push(("calls of cinderblock's bus, empty handler, /s".to_owned(), own));
    rows.push(("`oslo.messaging` calls, empty handler, /s".to_owned(), peer));
    rows.push(("ours, as a share of `lapin`'s echo (must be 0.6)".to_owned(), of_library));
    rows.push(("ours, as a multiple of `oslo.messaging` (must be 20)".to_owned(), of_peer));
    let columns = CALLERS.map(|callers| format!("{callers} callers")).to_vec();
    Ok(Grid { columns, rows })
}
