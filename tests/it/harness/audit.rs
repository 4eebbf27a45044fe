//! What the log says.

use tollgate::record::{AuditRecord, Call, Decision, Event, Outcome};
use tollgate::store::AuditFilter;
use tollgate::types::RequestId;

use super::http1::Response;
use super::{Gateway, within};

impl Gateway {
    /// Every call on record, oldest first, once all that has ended is in the store.
    pub async fn calls(&self) -> Vec<AuditRecord> {
        assert!(within("shipping", self.running.journal.flush()).await, "the shipper runs");
        let page = self.running.node.store.search_audit(&AuditFilter::default(), None, 10_000).await.expect("a page");
        let mut calls: Vec<_> = page.rows.into_iter().map(|r| r.record).filter(|r| matches!(r.event, Event::Call(_))).collect();
        calls.reverse();
        calls
    }

    /// The record of the request that got this response.
    pub async fn record_of(&self, response: &Response) -> AuditRecord {
        let wanted = RequestId::parse(response.request_id()).expect("a request id");
        let mut found: Vec<_> = self.calls().await.into_iter().filter(|r| r.origin.request == wanted).collect();
        assert_eq!(found.len(), 1, "one record of {response:?}");
        found.remove(0)
    }
}

/// The call of a record.
pub fn call(record: &AuditRecord) -> &Call {
    match &record.event {
        Event::Call(call) => call,
        Event::Control(other) => panic!("not a call: {other:?}"),
    }
}

/// The reason of a refusal.
pub fn reason(record: &AuditRecord) -> &str {
    match &call(record).decision {
        Decision::Denied { reason, .. } => reason,
        Decision::Allowed => "allowed",
    }
}

/// How a call ended: its status, or who broke it.
pub fn outcome(record: &AuditRecord) -> String {
    match call(record).outcome {
        Outcome::Completed(measured) => measured.status.to_string(),
        Outcome::Broken { by, .. } => format!("{by:?}"),
        Outcome::Unknown => "unknown".to_owned(),
    }
}
