//! Which configuration is in force, and what became of the last attempt to change it.

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::config::ConfigErrors;
use crate::types::Timestamp;

/// Most errors that are shown; the log has all of them.
const MOST: usize = 20;

/// Which configuration is in force.
#[derive(Debug)]
pub(in crate::boot) struct Status(Mutex<State>);

#[derive(Debug)]
struct State {
    generation: u64,
    since: Timestamp,
    /// The files as they are now, when they were refused.
    refused: Option<(Timestamp, Vec<String>)>,
}

impl Status {
    pub(super) fn new(generation: u64, since: Timestamp) -> Self {
        Self(Mutex::new(State { generation, since, refused: None }))
    }

    pub(super) fn applied(&self, generation: u64, at: Timestamp) {
        *self.0.lock() = State { generation, since: at, refused: None };
    }

    pub(super) fn refused(&self, errors: &ConfigErrors, at: Timestamp) {
        self.0.lock().refused = Some((at, errors.0.iter().take(MOST).map(ToString::to_string).collect()));
    }

    /// As `/readyz` shows it.
    pub(in crate::boot) fn view(&self) -> Value {
        let state = self.0.lock();
        let mut view = json!({ "generation": state.generation, "since": state.since.to_string() });
        if let Some((at, errors)) = &state.refused {
            view["refused"] = json!({ "at": at.to_string(), "errors": errors });
        }
        view
    }
}
