//! Calls over the broker: ours, beside those of `oslo.messaging`, and beside echoes of `lapin` and of a bare socket.
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
    let (mut socket, mut library, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for callers in CALLERS {
        socket.push(bare_socket::rate(&broker, callers, system.time).await?);
        library.push(lapin_echo::rate(&broker, callers, system.time).await?);
        own.push(ours::rate(&broker, callers, system.time).await?);
    }
    let oslo = oslo::rates(&broker, &CALLERS, system.time).await?;
    let share = |of: &[f64]| own.iter().zip(of).map(|(own, other)| own / other).collect();
    let of_library = share(&library);
    let of_oslo = share(&oslo);
    let rows = [
        ("echo with a bare socket, /s", socket),
        ("echo with `lapin`, /s", library),
        ("calls of cinderblock's bus, empty handler, /s", own),
        ("`oslo.messaging` calls, empty handler, /s", oslo),
        ("ours, as a share of `lapin`'s echo (must be 0.6)", of_library),
        ("ours, as a multiple of `oslo.messaging` (must be 20)", of_oslo),
    ];
    let columns = CALLERS.map(|callers| format!("{callers} callers")).to_vec();
    let rows = rows.into_iter().map(|(what, values)| (what.to_owned(), values)).collect();
    Ok(Grid { columns, rows })
}
