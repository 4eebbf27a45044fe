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
        self.record_of_request(response.request_id()).await
    }

    /// The record of a request, once it has ended: a client may have its answer a moment earlier.
    pub async fn record_of_request(&self, id: &str) -> AuditRecord {
        let wanted = RequestId::parse(id).expect("a request id");
        let filter = AuditFilter { request: Some(wanted.clone()), ..AuditFilter::default() };
        within("the end of a record", async {
            loop {
                assert!(self.running.journal.flush().await, "the shipper runs");
                let page = self.running.node.store.search_audit(&filter, None, 10).await.expect("a page");
                let mut found = page.rows.into_iter().map(|r| r.record).filter(|r| matches!(r.event, Event::Call(_)));
                if let Some(record) = found.next() {
                    assert_eq!(found.next(), None, "one record of {wanted}");
                    return record;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
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
