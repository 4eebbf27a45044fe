//! What a proof of the log found, as it is on record.

use super::{ControlEvent, Operation};
use crate::types::Timestamp;

/// What the target of the event says, of a log that is as it was sealed, and of one that is not.
const PROVED: &str = "proved_until";
const FAULTS: &str = "faults";

/// What the last batch of a log is called that has none.
const NOTHING: &str = "nothing";

/// What a proof of the log found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing is wrong with what was sealed up to this time; `None` when nothing was sealed yet.
    Proved(Option<Timestamp>),
    /// So many things are wrong.
    Faults(u64),
}

impl Found {
    /// The event that says so.
    #[must_use]
    pub fn event(self) -> ControlEvent {
        let event = ControlEvent::done(Operation::AuditVerify);
        match self {
            Self::Proved(until) => event.on(PROVED, until.map_or_else(|| NOTHING.to_owned(), |until| until.to_string())),
            Self::Faults(faults) => event.on(FAULTS, faults.to_string()),
        }
    }

    /// What an event says; `None` when it says nothing of a proof.
    #[must_use]
    pub fn of(event: &ControlEvent) -> Option<Self> {
        let (kind, id) = event.target.as_ref().filter(|_| event.operation == Operation::AuditVerify)?;
        match (kind.as_str(), id.as_str()) {
            (PROVED, NOTHING) => Some(Self::Proved(None)),
            (PROVED, until) => Some(Self::Proved(Some(Timestamp::parse_rfc3339(until)?))),
            (FAULTS, faults) => faults.parse().ok().map(Self::Faults),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_read_again() {
        let until = Timestamp::from_millis(1_795_219_200_123);
        for found in [Found::Proved(Some(until)), Found::Proved(None), Found::Faults(3)] {
            assert_eq!(Found::of(&found.event()), Some(found));
        }
        assert_eq!(Found::of(&ControlEvent::done(Operation::AuditVerify)), None);
        assert_eq!(Found::of(&ControlEvent::done(Operation::AuditVerify).on(PROVED, "once")), None);
        assert_eq!(Found::of(&ControlEvent::done(Operation::AuditQuery).on(FAULTS, "3")), None);
    }
}
