//! The runtime that serves.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// After so many tasks it is looked whether other sockets are ready. tokio's own 61 are milliseconds where each begins a request, and
/// whoever asks meanwhile is not even in line; asking the kernel once costs less than a hundredth of what so many tasks do.
const LOOKS_AFTER: u32 = 8;

/// A runtime with a worker for each core.
///
/// # Errors
/// When the operating system has no threads or descriptors for it.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().event_interval(LOOKS_AFTER).build()
}
