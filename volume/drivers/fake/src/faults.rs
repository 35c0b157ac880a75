//! The faults that a resource's metadata asks for.

use driver::DriverError;
use model::Metadata;
use std::time::Duration;

/// Takes as long as the metadata says, or else as long as is configured; fails if the metadata names the method.
pub(crate) async fn pretend(
    configured_latency_ms: u64,
    method: &str,
    metadata: &Metadata,
) -> Result<(), DriverError> {
    let latency = metadata.get("fake:latency_ms").and_then(|text| text.parse().ok());
    take(latency.unwrap_or(configured_latency_ms)).await;
    if is_failing(metadata, method) {
        return Err(DriverError::failed(format!("{method} fails because fake:fail says so")));
    }
    Ok(())
}

/// Returns after so many milliseconds.
pub(crate) async fn take(latency_ms: u64) {
    if latency_ms != 0 {
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
}

/// Whether the metadata name the method.
pub(crate) fn is_failing(metadata: &Metadata, method: &str) -> bool {
    let failing = metadata.get("fake:fail");
    failing.is_some_and(|methods| methods.split(',').any(|failing| failing == method))
}
