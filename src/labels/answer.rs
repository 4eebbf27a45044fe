//! Answers that list everybody's rules, alerts or silences, and what is left of them.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::{Label, Labels, silence};
use crate::types::{Buffer, Exhausted, Memory};

/// Largest answer that is held to be filtered, bytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What an answer lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Rules in groups, with their alerts.
    Rules,
    /// Alerts.
    Alerts,
    /// Exemplars by series: Thanos takes the label of a Receive out of a query again, and answers with what all tenants have.
    Exemplars,
    /// Silences.
    Silences,
    /// One silence, which is passed on or not.
    Silence,
}

/// Takes what is not the organization's out of an answer.
#[derive(Debug)]
pub struct AnswerFilter {
    listed: Listed,
    labels: Labels,
    memory: Arc<Memory>,
    held: Buffer,
}

/// Why an answer can't be filtered. Nothing of it is passed on then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfiltered {
    /// More than is held.
    #[error("the answer has more than {MAX_ANSWER} bytes")]
    TooLarge,
    /// As much as the node holds of all bodies together.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// Not the JSON that the upstream documents.
    #[error("the answer is not a list of the documented form")]
    Form,
    /// Not the organization's.
    #[error("the answer is another organization's")]
    Foreign,
}

impl AnswerFilter {
    pub(super) fn new(listed: Listed, labels: Labels, memory: &Arc<Memory>) -> Self {
        Self { listed, labels, memory: Arc::clone(memory), held: Buffer::new(memory) }
    }

    /// Takes the memory for an answer of this length, before anything of it was passed on.
    ///
    /// # Errors
    /// When there is none.
    pub fn expect(&mut self, length: usize) -> Result<(), Unfiltered> {
        Ok(self.held.reserve(length.min(MAX_ANSWER))?)
    }

    /// Takes a part of the answer.
    ///
    /// # Errors
    /// When there is too much of it.
    pub fn push(&mut self, part: &[u8]) -> Result<(), Unfiltered> {
        if self.held.len() + part.len() > MAX_ANSWER {
            return Err(Unfiltered::TooLarge);
        }
        Ok(self.held.push(part)?)
    }

    /// What is passed on.
    ///
    /// # Errors
    /// When the answer has another form than it should.
    pub fn finish(&mut self) -> Result<Bytes, Unfiltered> {
        let held = self.held.take();
        let mut answer: Value = serde_json::from_slice(&held).map_err(|_| Unfiltered::Form)?;
        match self.listed {
            Listed::Rules => self.groups(data(&mut answer)?)?,
            Listed::Alerts => self.retain(list(data(&mut answer)?, "alerts")?, "labels"),
            Listed::Exemplars => self.retain(list(&mut answer, "data")?, "seriesLabels"),
            Listed::Silences => {
                let silences = answer.as_array_mut().ok_or(Unfiltered::Form)?;
                silences.retain(|silence| silence::is_confined(silence, &self.labels));
            }
            Listed::Silence if silence::is_confined(&answer, &self.labels) => {}
            Listed::Silence => return Err(Unfiltered::Foreign),
        }
        let left = serde_json::to_vec(&answer).map_err(|_| Unfiltered::Form)?;
        // What is left is hardly longer than what came, and takes its place.
        drop(held);
        Ok(self.memory.keep(left)?)
    }

    fn groups(&self, data: &mut Value) -> Result<(), Unfiltered> {
        let groups = list(data, "groups")?;
        for group in groups.iter_mut() {
            let rules = list(group, "rules")?;
            self.retain(rules, "labels");
            for alerts in rules.iter_mut().filter_map(|rule| rule.get_mut("alerts")) {
                match alerts {
                    Value::Array(alerts) => self.retain(alerts, "labels"),
                    Value::Null => {}
                    _ => return Err(Unfiltered::Form),
                }
            }
        }
        groups.retain(|group| group["rules"].as_array().is_some_and(|rules| !rules.is_empty()));
        Ok(())
    }

    /// Keeps what has our labels in its member `labels`.
    fn retain(&self, entries: &mut Vec<Value>, labels: &str) {
        entries.retain(|entry| {
            let has = |label: &Label| entry[labels][&label.name].as_str().is_some_and(|value| label.values.contains(value));
            self.labels.0.iter().all(has)
        });
    }
}

fn data(answer: &mut Value) -> Result<&mut Value, Unfiltered> {
    answer.get_mut("data").ok_or(Unfiltered::Form)
}

/// A list; Thanos writes `null` where there is none.
fn list<'v>(value: &'v mut Value, key: &str) -> Result<&'v mut Vec<Value>, Unfiltered> {
    let list = value.get_mut(key).ok_or(Unfiltered::Form)?;
    if list.is_null() {
        *list = Value::Array(Vec::new());
    }
    list.as_array_mut().ok_or(Unfiltered::Form)
}
