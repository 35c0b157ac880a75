//! The end of a failover: every worker of the backend follows it.
//!
//! One worker executes a failover, and the transaction that finishes it records the active side. The drivers of all
//! workers, also of that one, work on the side that was active before until they follow, and a worker claims no other
//! operation of the new epoch until then. All would notice with their next look; so that the backend serves at once, the
//! worker that has executed the failover follows as soon as it has ended, and tells the others.

use crate::follow::Follow;
use bus::serve::Receive;
use bus::{Bus, Context, FailoverCompleted};
use model::{Error, RequestId};
use std::sync::Arc;
use std::time::Duration;

/// After this time the other workers have looked for themselves.
const MESSAGE_TTL: Duration = Duration::from_secs(10);

/// Brings a backend's workers to the side that a failover has made the active one.
pub(crate) struct FailoverEnd {
    pub bus: Bus,
    pub backend_name: String,
    pub follow: Arc<Follow>,
}

impl FailoverEnd {
    /// Follows, and tells the other workers of the backend. To be called when this worker's part in an operation
    /// that has begun an epoch is over, however it ended: a failover that failed has an active side, too.
    pub async fn announce(&self) {
        self.follow.follow().await;
        let context = Context::of_process(RequestId::random(), None, MESSAGE_TTL);
        let message = FailoverCompleted { backend: self.backend_name.clone() };
        self.bus.fan_out(context, message).await;
    }
}

impl Receive for FailoverEnd {
    type Message = FailoverCompleted;
    type Reply = ();

    /// Another worker has told that a failover has ended.
    async fn receive(
        self: &Arc<Self>,
        _context: Context,
        _message: FailoverCompleted,
    ) -> Result<(), Error> {
        self.follow.follow().await;
        Ok(())
    }
}
