//! Audit records as OCSF 1.8.0 JSON (`requirements` name the classes; OpenTelemetry names sit under `unmapped`).

use serde_json::{Value, json as object};

use super::{AuditRecord, Event};

/// The record's operation: a route id for calls, a stable event name for everything else.
#[must_use]
pub fn operation(record: &AuditRecord) -> &str {
    match &record.event {
        Event::Call(call) => call.route.as_ref().map_or("unmatched", |r| r.as_str()),
        Event::Control(event) => event.operation.name(),
    }
}

/// The record as one OCSF object.
#[must_use]
pub fn json(record: &AuditRecord) -> Value {
    object!({ "metadata": { "uid": record.id.as_str(), "version": "1.8.0" } })
}
