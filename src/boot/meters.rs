//! The journal's measurements as metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::JournalMetrics;
use crate::telemetry::Metrics;

pub(super) struct JournalMeter(pub(super) Arc<Metrics>);

impl JournalMetrics for JournalMeter {
    fn written(&self) {
        self.0.audit_written.inc();
    }

    fn refused(&self) {
        self.0.audit_refused.inc();
    }

    fn synced(&self, took: Duration) {
        self.0.audit_fsync.observe(took.as_secs_f64());
    }

    fn depth(&self, records: u64) {
        self.0.audit_depth.set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    fn lag(&self, lag: Duration) {
        self.0.audit_lag.set(i64::try_from(lag.as_secs()).unwrap_or(i64::MAX));
    }

    fn retried(&self) {
        self.0.audit_retried.inc();
    }

    fn set_aside(&self) {
        self.0.audit_set_aside.inc();
    }

    fn unknown(&self, records: u64) {
        self.0.audit_unknown.inc_by(records);
    }

    fn corrupt(&self, lines: u64) {
        self.0.audit_corrupt.inc_by(lines);
    }

    fn sealed(&self) {
        self.0.audit_batches.inc();
    }

    fn unsealed(&self, records: u64, age: Duration) {
        self.0.audit_unsealed.set(i64::try_from(records).unwrap_or(i64::MAX));
        self.0.audit_unsealed_age.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    }

    fn lost(&self, records: u64) {
        self.0.audit_lost.inc_by(records);
    }
}
