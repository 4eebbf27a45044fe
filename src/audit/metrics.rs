//! What the journal and the shipper tell about themselves.

use std::time::Duration;

/// Receives measurements. Every method may be called from any thread, on the request path too: count, and return.
pub trait JournalMetrics: Send + Sync + 'static {
    /// A line was written.
    fn written(&self) {}
    /// A line could not be written.
    fn refused(&self) {}
    /// A group commit took this long.
    fn synced(&self, _took: Duration) {}
    /// This many records are finished and not yet in the store.
    fn depth(&self, _records: u64) {}
    /// The oldest record that waits for the store has waited this long since its request was accepted; none for zero.
    fn lag(&self, _lag: Duration) {}
    /// This many records went to the store.
    fn shipped(&self, _records: u64) {}
    /// The store did not take a batch; it is tried again.
    fn retried(&self) {}
    /// The store refuses a record for good; it stays in its file.
    fn set_aside(&self) {}
    /// This many calls of an earlier run had no closing line.
    fn unknown(&self, _records: u64) {}
    /// This many writes were found that had been cut short: nobody was told that they succeeded.
    fn torn(&self, _writes: u64) {}
    /// This many lines can't be read; their file is kept aside.
    fn corrupt(&self, _lines: u64) {}
    /// A batch was sealed.
    fn sealed(&self) {}
    /// This many records wait to be sealed, the oldest of them for so long.
    fn unsealed(&self, _records: u64, _age: Duration) {}
    /// This many records are gone for good. Nothing here calls it: the series exists to be watched.
    fn lost(&self, _records: u64) {}
}

/// Measures nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMetrics;

impl JournalMetrics for NoMetrics {}
