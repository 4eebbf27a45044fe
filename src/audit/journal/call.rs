//! The guard of a call that runs.

use super::{Closed, Journal};
use crate::record::{BrokenBy, Decision, Measured, Outcome, WouldDeny};
use crate::types::RecordId;

/// A call that has been journaled and not ended. Whoever holds it may forward the call, and must close it.
///
/// Dropped without that, by a panic or a cancelled task, it closes the call as broken by a fault of ours.
#[must_use = "a call that is not closed is recorded as broken by a fault"]
#[derive(Debug)]
pub struct OpenCall {
    journal: Journal,
    /// Taken when the call is closed.
    id: Option<RecordId>,
}

impl OpenCall {
    pub(super) const fn new(journal: Journal, id: RecordId) -> Self {
        Self { journal, id: Some(id) }
    }

    /// Says how the call ended. Never fails: a line that can't be written now is written when the disk is back.
    pub fn close(self, outcome: Outcome) {
        self.finish(outcome, None, None);
    }

    /// Says how the call ended, and that the decision was taken back after it had been opened (a body that named a tool the
    /// token may not use).
    pub fn close_as(self, decision: Decision, outcome: Outcome) {
        self.finish(outcome, Some(decision), None);
    }

    /// Says how the call ended, and that something was found on its way for which enforcement would have refused it. What was
    /// found before it was opened stays.
    pub fn close_noting(self, would_deny: WouldDeny, outcome: Outcome) {
        self.finish(outcome, None, Some(would_deny));
    }

    fn finish(mut self, outcome: Outcome, decision: Option<Decision>, would_deny: Option<WouldDeny>) {
        if let Some(id) = self.id.take() {
            self.journal.0.close(Closed { id, outcome, decision, would_deny });
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let outcome = Outcome::Broken { by: BrokenBy::Fault, measured: Measured::default() };
            self.journal.0.close(Closed { id, outcome, decision: None, would_deny: None });
        }
    }
}
